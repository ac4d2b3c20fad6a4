"""P5: what a device does while nothing happens, in virtual time."""

from pathlib import Path

from twinkle_host.mock_gpio.world import MicroPythonBridge, World
from twinkle_host.paths import HOST

from .goals import Measurement
from .samples import summarize

ABOUT = """The device's core on 32-bit MicroPython and the hub's core, joined in memory, live through idle
hours in virtual time: link up, nothing asked, telemetry once in seven days; what happens are signs of life
each minute and a renewed token each 58 minutes. Retained is what is in use after a collection; allocated,
what was asked for in the meantime, which is what collections are made of. Flash writes are counted for a
whole day."""

PROGRAM = Path(__file__).parent / "idle_program.py"
HEAP = "256k"  # it must not collect while a request is answered, nor while the next, of any size, is read
HOUR_S, DAY_H = 3600, 24
SOME_H = 6  # at either end, of whose figures the least counts
WARM_UP_H = 8  # until what is only made once has been made


def measure(bench) -> list[Measurement]:
    """A day, a week in the full form."""
    grown, allocated, writes = live(1 if bench.quick else 7, bench.say)
    hourly = grown / (len(allocated) or 1)
    return [
        Measurement(
            "P5", "growth of the retained heap in an idle hour", summarize([hourly], "bytes"), {}, hourly
        ),
        Measurement("P5", "allocated in an idle hour", summarize([n / 1000 for n in allocated], "KB")),
        Measurement("P5", "flash writes in an idle day", summarize(writes, "writes"), {}, max(writes)),
    ]


def live(days: int, say=lambda text: None) -> tuple[int, list[int], list[int]]:
    """Bytes by which the retained heap has grown in so many days, bytes allocated in each of their hours, and writes
    to the flash on each day."""
    world = World(places=[HOST])
    try:
        board = world.add(config={"configId": 1, "sendFrequency": "168h"}, app="apps.environment", on=False)
        board.bridge = MicroPythonBridge([HOST], PROGRAM, HEAP)
        board.power_on()
        stores, perform = [], board._store
        board._store = lambda *arguments: (stores.append(arguments), perform(*arguments))
        world.run(WARM_UP_H * HOUR_S)
        board.bridge.handle({"heap": True})
        retained, allocated, writes = [], [], []
        for day in range(days):
            stores.clear()
            for hour in range(DAY_H):
                say(f"day {day + 1} of {days}, hour {hour + 1}")
                world.run(HOUR_S)
                told = board.bridge.handle({"heap": True})
                retained.append(told["retained"])
                allocated.append(told["allocated"])
            writes.append(len(stores))
        if board.state != "ready":
            raise RuntimeError(f"the idle device is {board.state}: {board.log[-1:]}")
        # A collector that takes any word for a reference keeps a block more now and then.
        return min(retained[-SOME_H:]) - min(retained[:SOME_H]), allocated, writes
    finally:
        world.close()
