"""P2: what the work costs a device in processor time and memory."""

import contextlib
import time

from .devices import OURS, device, install
from .goals import AZURE, PAHO, Measurement
from .hub_process import HubProcess
from .process_facts import cpu_seconds, proportional_kb, resident_kb
from .samples import ratio, summarize
from .work import METHOD, PAYLOAD, SEND

ABOUT = """User and system time of the device's process (utime + stime of /proc/PID/stat) for 1,000 calls of
the method `echo`, and for 1,000 telemetry messages of the same body at QoS 1, each sent when the last was
acknowledged. Peers send in a loop; ours keeps the device's own queue of telemetry filled from a method,
since an application sends once a second at most, and all else is as ever. Memory is what the process has
resident when it is connected and has done nothing yet, and, beside it, its share of what processes have in
common (Pss)."""

NAMES = (OURS, AZURE, PAHO)
COUNT = 2000  # in a round: the clock of a process goes in steps of 10 ms
SETTLE_S = 1.0
PATIENCE_S = 60


def measure(bench) -> list[Measurement]:
    """Three rounds of each, ten in the full form."""
    methods, messages, resident, shared = ({name: [] for name in NAMES} for _ in range(4))
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p2", stamped=True))
        service = hub.service()
        ids = {name: f"p2-{number}" for number, name in enumerate(NAMES)}
        installed = install(bench.folder / "installed-p2")
        pids = {}
        for name, device_id in ids.items():
            text = service.add(device_id)
            made = device(name, hub, text, bench.folder / device_id, installed)
            pids[name] = stack.enter_context(made).pid
        time.sleep(SETTLE_S)
        for name, pid in pids.items():
            resident[name].append(resident_kb(pid) / 1000)
            shared[name].append(proportional_kb(pid) / 1000)
        rounds = 3 if bench.quick else 10
        for number in range(rounds):
            for name in NAMES:
                bench.say(f"round {number + 1} of {rounds}: {name}")
                methods[name].append(_cost(pids[name], lambda name=name: _call(service, ids[name])))
                messages[name].append(_cost(pids[name], lambda name=name: _send(hub, service, ids[name])))
    return [
        _compared("CPU for 1,000 methods", methods, "ms"),
        _compared("CPU for 1,000 telemetry messages", messages, "ms"),
        _compared("resident memory, connected and idle", resident, "MB"),
        _compared("its share of memory (Pss)", shared, "MB"),
    ]


def _cost(pid: int, work) -> float:
    before = cpu_seconds(pid)
    work()
    return 1000 * (cpu_seconds(pid) - before) * 1000 / COUNT


def _call(service, device_id: str) -> None:
    for _ in range(COUNT):
        service.call(device_id, METHOD, PAYLOAD)


def _send(hub: HubProcess, service, device_id: str) -> None:
    hub.take()
    service.call(device_id, SEND, COUNT)
    came, end = 0, time.monotonic() + PATIENCE_S
    while came < COUNT:
        if time.monotonic() > end:
            raise RuntimeError(f"{came} of {COUNT} messages of {device_id} came within {PATIENCE_S} s")
        time.sleep(0.05)
        came += len(hub.take()["telemetry"].get(device_id, ()))


def _compared(what: str, samples: dict[str, list[float]], unit: str) -> Measurement:
    told = {name: summarize(values, unit) for name, values in samples.items()}
    ours = told.pop(OURS)
    return Measurement("P2", what, ours, told, ratio(ours.median, told[AZURE].median))
