"""P7: how long a device needs when the hub is back."""

import concurrent.futures
import contextlib
import threading
import time
from pathlib import Path

from twinkle.core.link import STEADY_MS
from twinkle_host.mock_gpio.process import DeviceProcess

from .goals import Measurement
from .hub_process import HubProcess
from .samples import percentile, summarize

ABOUT = """Devices as they are shipped, 20 of them for each length of outage, each a process, lose their
hub, which is stopped and started again on the same port; the time runs from the moment at which the hub
says that it is ready to the moment at which the device says so: connected, subscribed, twin read. Before
that the link has held long enough for the device to begin its back-off anew. A second outage at once, before
the link has held that long, has a goal of its own. p95 by nearest rank; the first goal is for the outage with
the worst."""

COUNT = 20
SHORTEST = 1  # seconds
OUTAGES, OUTAGES_FULL = (SHORTEST, 30), (SHORTEST, 30, 300)
PATIENCE_S = 120


def measure(bench) -> list[Measurement]:
    """Outages of 1 and 30 s; of 300 s in the full form only."""
    outages = OUTAGES if bench.quick else OUTAGES_FULL
    with contextlib.ExitStack() as stack:
        bench.say(f"{COUNT} devices for each of {len(outages)} outages")
        sets = {outage: _connected(stack, bench.folder / f"p7-{outage}") for outage in outages}
        bench.say("links that hold")
        time.sleep(STEADY_MS / 1000 + 1)
        bench.say(f"outages of {', '.join(map(str, outages))} s, each of its own hub")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            found = dict(
                zip(outages, pool.map(lambda outage: _lose(*sets[outage], outage), outages), strict=True)
            )
    p95 = {outage: percentile(times[0], 0.95) for outage, times in found.items()}
    worst = max(p95, key=p95.get)
    told = [_told(f"ready after an outage of {outage} s", times[0]) for outage, times in found.items()]
    again = _told("ready after a second one of 1 s at once", found[SHORTEST][1])
    held = Measurement("P7", "hub back to device ready, p95", summarize([p95[worst]], "s"), {}, p95[worst])
    return [*told, again, held]


def _told(what: str, times: list[float]) -> Measurement:
    return Measurement("P7", f"{what} (p95)", summarize(times, "s"), {}, percentile(times, 0.95))


def _connected(stack: contextlib.ExitStack, folder: Path) -> tuple[HubProcess, list[DeviceProcess]]:
    folder.mkdir()
    hub = stack.enter_context(HubProcess(folder / "hub", port=0))
    service, ca = hub.service(), Path(hub.ca_file).read_bytes()
    devices = []
    for number in range(COUNT):
        name = f"p7-{number}"
        device = DeviceProcess("cpython", folder / name, service.add(name), ca)
        devices.append(stack.enter_context(device))
    for device in devices:
        device.wait_for(" ready")
    return hub, devices


def _lose(hub: HubProcess, devices: list[DeviceProcess], outage: float) -> list[list[float]]:
    # The shortest outage once more, while others still wait for the end of theirs.
    return [_return(hub, devices, outage) for _ in range(2 if outage == SHORTEST else 1)]


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
