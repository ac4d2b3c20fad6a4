"""P3: from the start of the process to the first telemetry message that the hub has acknowledged."""

import time

from .devices import OURS, PEERS, OurDevice, Peer, install
from .goals import AZURE, PAHO, Measurement
from .hub_process import HubProcess
from .samples import ratio, summarize

ABOUT = """From the moment before the process is made to the moment at which the hub has written the
acknowledgement of its first telemetry message; all clocks are one. Ours is the device with its default
application, from files as they are on a Raspberry Pi, where they are compiled when they have been installed:
before it sends it has read its twin. The peers are installed compiled too, and do the least there is, connect
and send."""

NAMES = (OURS, AZURE, PAHO)
PATIENCE_S = 30


def measure(bench) -> list[Measurement]:
    """11 starts of each, 40 in the full form."""
    rounds = 11 if bench.quick else 40
    times = {name: [] for name in NAMES}
    with HubProcess(bench.folder / "hub-p3", stamped=True) as hub:
        service = hub.service()
        installed = install(bench.folder / "installed")
        texts = {name: service.add(f"p3-{number}") for number, name in enumerate(NAMES)}
        for round_ in range(rounds):
            for number, name in enumerate(NAMES):
                bench.say(f"start {round_ + 1} of {rounds}: {name}")
                hub.take()
                device_id = f"p3-{number}"
                if name in PEERS:
                    made = Peer(hub, texts[name], PEERS[name], first=True)
                else:
                    made = OurDevice(
                        hub, texts[name], bench.folder / device_id, installed=installed, shipped=True
                    )
                with made as started:
                    times[name].append(_first(hub, device_id) - started.begun)
    told = {name: summarize(values, "s") for name, values in times.items()}
    ours = told.pop(OURS)
    compared = ratio(ours.median, told[AZURE].median)
    return [Measurement("P3", "process start to first telemetry acknowledged", ours, told, compared)]


def _first(hub: HubProcess, device_id: str) -> float:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        moments = hub.take()["telemetry"].get(device_id)
        if moments:
            return moments[0]
        time.sleep(0.02)
    raise RuntimeError(f"no telemetry of {device_id} came within {PATIENCE_S} s")
