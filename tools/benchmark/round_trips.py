"""P1: the round trip of a direct method."""

import contextlib
import time

from .devices import MICROPYTHON, OURS, device
from .goals import AZURE, PAHO, Measurement
from .hub_process import HubProcess
from .samples import Summary, ratio, summarize
from .work import METHOD, PAYLOAD

ABOUT = """A service calls the method `echo` over HTTPS, on a connection that is kept, and the device
answers with the payload; the whole is what the service sees. The device's share is taken by the hub: from
the moment before the request is encrypted for the device to the moment at which its answer is decoded. All
devices are connected to one hub and are called in turn, in blocks."""

NAMES = (OURS, AZURE, PAHO, MICROPYTHON)
BLOCK = 30
WARM_UP = 20


def measure(bench) -> list[Measurement]:
    """About 1,000 calls of each, 3,000 in the full form: the p99 of fewer is a few unlucky ones."""
    blocks = 34 if bench.quick else 100
    whole, shares = {name: [] for name in NAMES}, {name: [] for name in NAMES}
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p1", stamped=True))
        service = hub.service()
        ids = {name: f"p1-{number}" for number, name in enumerate(NAMES)}
        for name, device_id in ids.items():
            text = service.add(device_id)
            stack.enter_context(device(name, hub, text, bench.folder / device_id))
            for _ in range(WARM_UP):
                service.call(device_id, METHOD, PAYLOAD)
        hub.take()
        for block in range(blocks):
            for name in NAMES:
                bench.say(f"block {block + 1} of {blocks}: {name}")
                whole[name] += _calls(service, ids[name])
        noted = hub.take()["shares"]
        for name, device_id in ids.items():
            shares[name] = [1000 * seconds for seconds in noted[device_id]]
            if len(shares[name]) != len(whole[name]):
                raise RuntimeError(f"the hub noted {len(shares[name])} of {len(whole[name])} calls of {name}")
    return [*_compared("method round trip", whole), *_compared("device's share of it", shares)]


def _calls(service, device_id: str) -> list[float]:
    times = []
    for _ in range(BLOCK):
        begun = time.perf_counter()
        service.call(device_id, METHOD, PAYLOAD)
        times.append(1000 * (time.perf_counter() - begun))
    return times


def _compared(what: str, samples: dict[str, list[float]]) -> list[Measurement]:
    told: dict[str, Summary] = {name: summarize(values, "ms") for name, values in samples.items()}
    ours = told.pop(OURS)
    return [
        Measurement("P1", f"{what}, median", ours, told, ratio(ours.median, told[AZURE].median)),
        Measurement("P1", f"{what}, p99", ours, told, ratio(ours.p99, told[AZURE].p99)),
    ]
