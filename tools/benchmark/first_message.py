"""P3: from the start of the process to the first telemetry message that the hub has acknowledged."""

import compileall
import shutil
import time
from pathlib import Path

from twinkle_host.paths import FIRMWARE

from .devices import OURS, PEERS, OurDevice, Peer
from .goals import AZURE, PAHO, Measurement
from .hub_process import HubProcess
from .samples import ratio, summarize

ABOUT = """From the moment before the process is made to the moment at which the hub has written the
acknowledgement of its first telemetry message; all clocks are one. Ours is the device with its default
application, from files as `twinkle flash raspberry_pi` installs them, which CPython compiles at each start
(its service says -B): before it sends it has read its twin. What is left when they are compiled beforehand
stands beside it. The peers are installed compiled, and do the least there is, connect and send."""

COMPILED = "Twinkle, its files compiled beforehand"
NAMES = (OURS, AZURE, PAHO, COMPILED)
PATIENCE_S = 30


def measure(bench) -> list[Measurement]:
    """11 starts of each, 40 in the full form."""
    rounds = 11 if bench.quick else 40
    times = {name: [] for name in NAMES}
    with HubProcess(bench.folder / "hub-p3", stamped=True) as hub:
        service = hub.service()
        files = {OURS: _install(bench.folder / "installed"), COMPILED: _install(bench.folder / "compiled")}
        if not compileall.compile_dir(files[COMPILED], quiet=2):
            raise RuntimeError("the device's files cannot be compiled")
        texts = {name: service.add(f"p3-{number}") for number, name in enumerate(NAMES)}
        for round_ in range(rounds):
            for number, name in enumerate(NAMES):
                bench.say(f"start {round_ + 1} of {rounds}: {name}")
                hub.take()
                device_id = f"p3-{number}"
                if name in PEERS:
                    made = Peer(hub, texts[name], PEERS[name], first=True)
                else:
                    made = OurDevice(hub, texts[name], bench.folder / device_id, installed=files[name])
                with made as started:
                    times[name].append(_first(hub, device_id) - started.begun)
    told = {name: summarize(values, "s") for name, values in times.items()}
    ours = told.pop(OURS)
    compared = ratio(ours.median, told[AZURE].median)
    return [Measurement("P3", "process start to first telemetry acknowledged", ours, told, compared)]


def _install(folder: Path) -> Path:
    """The device's files as they are put on a board: without what a run on this computer has compiled."""
    return Path(shutil.copytree(FIRMWARE, folder, ignore=shutil.ignore_patterns("__pycache__")))


def _first(hub: HubProcess, device_id: str) -> float:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        moments = hub.take()["telemetry"].get(device_id)
        if moments:
            return moments[0]
        time.sleep(0.02)
    raise RuntimeError(f"no telemetry of {device_id} came within {PATIENCE_S} s")
