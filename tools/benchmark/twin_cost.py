"""P9: what a desired patch costs when the twin it is merged into is small or large."""

import contextlib
import gc
import json
import time
import tracemalloc
from pathlib import Path

from twinkle_host.hub.store import SqliteStore
from twinkle_host.mock_gpio.world import BoardInMemory, MicroPythonBridge, World
from twinkle_host.paths import HOST

from .goals import Measurement
from .idle import HEAP, PROGRAM
from .samples import Summary, ratio, summarize

ABOUT = """A desired patch of 1 KB, which replaces one member, for twins whose desired properties are 1, 10
and 30 KB of small objects. Hub and device cores are joined in memory. The device's time is from the message
to its actions; the hub's, from the service's patch to the notification and the answer, which is the whole
twin as IoT Hub's interface has it, with the record in SQLite and a listener to twin changes, but without
HTTP. That answer alone, written once as JSON, stands beside it: no hub of this interface can do with less.
On MicroPython it is bytes of heap that are asked for. Twins take turns."""

SIZES = (1000, 10_000, 30_000)  # bytes of desired properties, the patch's included
PATCH = 1000


class TimedBridge:
    """A device's bridge that notes how long the last request took."""

    def __init__(self, bridge):
        self._bridge = bridge
        self.seconds = 0.0

    def handle(self, request: dict) -> dict:
        begun = time.perf_counter()
        answer = self._bridge.handle(request)
        self.seconds = time.perf_counter() - begun
        return answer

    def __getattr__(self, name):
        return getattr(self._bridge, name)


def measure(bench) -> list[Measurement]:
    """100 patches of each size, 500 in the full form."""
    count = 100 if bench.quick else 500
    device, hub, heap = ({size: [] for size in SIZES} for _ in range(3))
    with contextlib.ExitStack() as stack:
        places = {size: _timed(stack, bench.folder / f"p9-{size}.sqlite", size) for size in SIZES}
        for number in range(count):
            bench.say(f"patch {number + 1} of {count}")
            for size, board in places.items():
                begun = time.perf_counter()
                patch(board, number)
                hub[size].append(1e6 * (time.perf_counter() - begun))
                board.turn()
                device[size].append(1e6 * board.bridge.seconds)
                board.world.run(1)
    answers = {size: _answers(board, count) for size, board in places.items()}
    for size in SIZES:
        bench.say(f"MicroPython, a twin of {size} bytes")
        heap[size] = [allocated / 1000 for allocated in allocations(size, 10)]
    return [
        *_compared("a 1 KB desired patch on the device", device, "µs"),
        *_compared("a 1 KB desired patch on the hub", hub, "µs"),
        *_compared("the hub's answer alone, as JSON", answers, "µs"),
        *_compared("heap for a 1 KB desired patch, MicroPython", heap, "KB"),
    ]


def board_with(size: int, world: World, bridge=None) -> BoardInMemory:
    """A connected board of a twin with so many bytes of desired properties."""
    board = world.add(app="apps.environment", on=False)
    if bridge is not None:
        board.bridge = bridge
    board.power_on()
    board.desired({"configId": 2, "sendFrequency": "168h"})
    world.run(60)
    patch(board, -1)
    world.run(1)
    # Members of about 100 bytes in tens.
    members = max(0, size - PATCH) // 100
    for first in range(0, members, 10):
        part = {
            f"m{n}": {"text": "x" * 50, "level": n, "on": True}
            for n in range(first, min(first + 10, members))
        }
        board.desired({f"part{first}": part})
        world.run(1)
    return board


def patch(board: BoardInMemory, number: int) -> None:
    """The service's part of one patch."""
    board.desired({"patch": {"number": number, "text": "x" * (PATCH - 40)}})


def allocations(size: int, count: int) -> list[int]:
    """Bytes of heap that a device on MicroPython asks for at each of so many patches of a twin of this size."""
    world = World(places=[HOST])
    try:
        board = board_with(size, world, MicroPythonBridge([HOST], PROGRAM, HEAP))
        found = []
        for number in range(count):
            patch(board, number)
            board.bridge.handle({"heap": True})
            board.turn()
            found.append(board.bridge.handle({"heap": True})["allocated"])
            world.run(1)
        return found
    finally:
        world.close()


def hub_allocations(size: int) -> int:
    """Bytes that the hub has in use at most, beyond what it had, while it takes a patch of a twin of this size."""
    board = board_with(size, World())
    tracemalloc.start()
    try:
        patch(board, 0)
        board.turn()
        gc.collect()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        patch(board, 1)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _timed(stack: contextlib.ExitStack, path: Path, size: int) -> BoardInMemory:
    store = SqliteStore(path)
    stack.callback(store.close)
    world = World(store=store)
    board = board_with(size, world)
    board.bridge = TimedBridge(board.bridge)
    return board


def _answers(board: BoardInMemory, count: int) -> list[float]:
    twin, times = board.world.hub.get_twin(board.device_id), []
    for _ in range(count):
        begun = time.perf_counter()
        json.dumps(twin)
        times.append(1e6 * (time.perf_counter() - begun))
    return times


def _compared(what: str, samples: dict[int, list[float]], unit: str) -> list[Measurement]:
    told: dict[int, Summary] = {size: summarize(values, unit) for size, values in samples.items()}
    small, middle, large = SIZES
    peers = {f"twin of {size // 1000} KB": told[size] for size in (small, middle)}
    value = ratio(told[large].median, told[small].median)
    return [Measurement("P9", f"{what}, twin of {large // 1000} KB", told[large], peers, value)]
