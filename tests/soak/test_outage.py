"""After the hub was away devices are back: real processes over TLS.

How soon is told here, and held by tests/runtime/test_reach.py in virtual time, and by figure P7 of tools/bench.
"""

import statistics
import time

import pytest
from support import own_address

from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.waiting import PATIENCE_S, last

LONGER = 2.5  # the outage is


@pytest.fixture
def scale(request):
    """How many devices, and how long the outage lasts."""
    return (20, 30) if request.config.getoption("soak") else (8, 6)


def test_after_an_outage_every_device_is_back_reconciled_and_sending(scale, tmp_path, measured):
    count, outage = scale
    # An address of this process: nobody else takes the port while the hub is away.
    where = {"bind": own_address(), "host_names": ("localhost", own_address())}
    hub = LiveHub(tmp_path / "hub", **where)
    hub.start()
    where["port"] = hub.info["mqttPort"]
    devices = {}
    try:
        with open(hub.info["caFile"], "rb") as file:
            ca = file.read()
        for n in range(count):
            name = f"device-{n}"
            text = f"{hub.add(name)};GatewayHostName={own_address()};Port={where['port']}"
            devices[name] = DeviceProcess("cpython", tmp_path / name, text, ca).start()
        for device in devices.values():
            device.wait_for(" ready")
        hub.stop()
        last(outage)
        hub = LiveHub(tmp_path / "hub", **where)
        hub.start()
        back, times = time.monotonic(), {}
        for name in devices:
            hub.call("patch_twin", name, {"properties": {"desired": {"configId": 5, "sendFrequency": "1s"}}})
        while len(times) < count:
            event = hub.events.get(timeout=PATIENCE_S)
            name = event["deviceId"]
            if (
                event["source"] == "Telemetry"
                and name not in times
                and hub.reported(name).get("configId") == 5
            ):
                times[name] = time.monotonic() - back
    finally:
        for device in devices.values():
            device.stop()
        hub.stop()
    times = sorted(times.values())
    at_95 = times[min(count - 1, int(0.95 * count))]
    measured(
        f"{count} devices after {outage} s without a hub (20 after 30 s with --soak): applied and sending again "
        f"after {statistics.median(times):.1f} s in the middle, {at_95:.1f} s at the 95th percentile"
    )
