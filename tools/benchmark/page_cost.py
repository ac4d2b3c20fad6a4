"""P12: what the hub's page costs the hub, with nobody looking and with one browser."""

import base64
import contextlib
import http.client
import os
import threading
import time
from urllib.parse import urlencode

from .goals import Measurement
from .hub_load import NAME, Load, register
from .hub_process import HubProcess
from .process_facts import cpu_seconds, resident_kb
from .samples import summarize

ABOUT = """`twinkle hub` and `twinkle hub --no-page` in turns, each with 100 devices that send a message a second over
TLS, so that 100 messages a second come. The processor time is the hub's alone. The viewer takes the stream that a
browser takes, of all 100 devices, so that it is told every message; what a browser paints is the browser's. Memory is
the resident set of the hub before any device has connected."""

DEVICES = 100
SETTLE_S = 1.0
NOBODY, VIEWER, NO_PAGE = "nobody looks", "one viewer", "hub without a page"


def measure(bench) -> list[Measurement]:
    """Three rounds of 10 s, five of 30 s in the full form."""
    rounds, seconds = (3, 10) if bench.quick else (5, 30)
    key = base64.b64encode(os.urandom(32)).decode()
    shares: dict[str, list[float]] = {NO_PAGE: [], NOBODY: [], VIEWER: []}
    with contextlib.ExitStack() as stack:
        bare = stack.enter_context(HubProcess(bench.folder / "hub-p12-bare", port=0, options=("--no-page",)))
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p12", port=0, options=("--page-port", "0")))
        memory = resident_kb(hub.pid) - resident_kb(bare.pid)
        loads = {}
        for each in (bare, hub):
            register(each, key)
            loads[each] = stack.enter_context(Load(each, each.ca_file, key, bench.say))
            loads[each].connect(DEVICES)
        for number in range(rounds):
            bench.say(f"round {number + 1} of {rounds}")
            shares[NO_PAGE].append(_share(bare, loads[bare], seconds))
            shares[NOBODY].append(_share(hub, loads[hub], seconds))
            with Viewer(hub) as viewer:
                shares[VIEWER].append(_share(hub, loads[hub], seconds))
            if viewer.points < DEVICES * seconds / 2:
                raise RuntimeError(f"the viewer was told {viewer.points} of {DEVICES * seconds} messages")
    found = {name: summarize(values, "% of a core") for name, values in shares.items()}
    idle = found[NOBODY].median - found[NO_PAGE].median
    seen = found[VIEWER].median - found[NOBODY].median
    return [
        Measurement(
            *("P12", "processor for the page while nobody looks, at 100 messages a second", found[NOBODY]),
            *({NO_PAGE: found[NO_PAGE]}, max(0.0, idle)),
        ),
        Measurement(
            *("P12", "processor for the page with one viewer, at 100 messages a second", found[VIEWER]),
            *({NOBODY: found[NOBODY]}, max(0.0, seen)),
        ),
        Measurement(
            *("P12", "memory for the page while nobody looks"),
            *(summarize([memory / 1000], "MB"), {}, max(0.0, memory / 1000)),
        ),
    ]


def _share(hub: HubProcess, load: Load, seconds: int) -> float:
    before, begun = cpu_seconds(hub.pid), time.monotonic()
    load.ask("pace", seconds)
    return 100 * (cpu_seconds(hub.pid) - before) / (time.monotonic() - begun)


class Viewer:
    """The stream of a page that shows all devices. ``points``: messages that it was told of."""

    def __init__(self, hub: HubProcess):
        self.points = 0
        self._info = hub.info
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Viewer":
        self._thread.start()
        time.sleep(SETTLE_S)
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join()

    def _read(self) -> None:
        place = self._info["pageUrl"].removeprefix("http://").rstrip("/")
        connection = http.client.HTTPConnection(place, timeout=30)
        seen = urlencode([("device", NAME.format(number)) for number in range(DEVICES)])
        connection.request(
            "GET", f"/api/stream?{seen}", headers={"Authorization": f"Bearer {self._info['pageKey']}"}
        )
        with contextlib.closing(connection), connection.getresponse() as answer:
            while not self._end.is_set():
                self.points += answer.readline().count(b'["load-')
