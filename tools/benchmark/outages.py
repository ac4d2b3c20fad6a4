"""P7: how long a device needs when the hub is back."""

import contextlib
import threading
import time
from pathlib import Path

from twinkle_host.mock_gpio.process import DeviceProcess

from .goals import Measurement
from .hub_process import HubProcess
from .samples import percentile, summarize

ABOUT = """Devices as they are shipped, each a process, lose their hub, which is stopped and started again
on the same port; the time runs from the moment at which the hub says that it is ready to the moment at
which the device says so: connected, subscribed, twin read. p95 by nearest rank, of the outage with the
worst."""

COUNT, COUNT_FULL = 8, 20
OUTAGES, OUTAGES_FULL = (1, 1, 1, 30), (1, 1, 1, 1, 1, 30, 30, 300)  # seconds
PATIENCE_S = 120


def measure(bench) -> list[Measurement]:
    """Outages of 1 and 30 s; of 300 s in the full form only."""
    count, outages = (COUNT, OUTAGES) if bench.quick else (COUNT_FULL, OUTAGES_FULL)
    times = {outage: [] for outage in outages}
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p7", port=0))
        service = hub.service()
        ca = Path(hub.ca_file).read_bytes()
        devices = []
        for number in range(count):
            text = service.add(f"p7-{number}")
            device = DeviceProcess("cpython", bench.folder / f"p7-{number}", text, ca)
            devices.append(stack.enter_context(device))
        for device in devices:
            device.wait_for(" ready")
        for outage in outages:
            bench.say(f"{count} devices, {outage} s without a hub")
            times[outage] += _return(hub, devices, outage)
    p95 = {outage: percentile(values, 0.95) for outage, values in times.items()}
    worst = max(p95, key=p95.get)
    told = [
        Measurement("P7", f"ready after an outage of {outage} s", summarize(values, "s"), {}, p95[outage])
        for outage, values in times.items()
    ]
    return [
        *told,
        Measurement("P7", "hub back to device ready, p95", summarize([p95[worst]], "s"), {}, p95[worst]),
    ]


def _return(hub: HubProcess, devices: list[DeviceProcess], outage: float) -> list[float]:
    # The hub knows of no reason to hurry either: it ends as it does when it is told to.
    hub.stop()
    for device in devices:
        device.wait_for("link lost")
    time.sleep(outage)
    moments: list[float] = []

    def await_ready(device: DeviceProcess) -> None:
        with contextlib.suppress(AssertionError):  # counted below
            device.wait_for(" ready", outage + PATIENCE_S)
            moments.append(time.monotonic())

    waiting = [threading.Thread(target=await_ready, args=(device,)) for device in devices]
    for thread in waiting:
        thread.start()
    try:
        hub.start()
    finally:
        back = time.monotonic()
        for thread in waiting:
            thread.join()
    if len(moments) != len(devices):
        raise RuntimeError(f"{len(devices) - len(moments)} devices did not come back within {PATIENCE_S} s")
    # One may be ready before the hub's word has reached us.
    return [max(0.0, moment - back) for moment in moments]
