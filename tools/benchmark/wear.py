"""P6: what an applied configuration does to the flash."""

from . import on_micropython
from .goals import Measurement
from .samples import summarize

ABOUT = """The device's store writes configurations that differ from each other onto a real littlefs2
(MicroPython's own) on a simulated chip that counts what is erased and programmed: blocks of 4,096 bytes, as
on a Pico W. These are counts, not times, and the same in each run."""


def measure(bench) -> list[Measurement]:
    """200 configurations, 1,000 in the full form."""
    times = 200 if bench.quick else 1000
    bench.say(f"{times} configurations")
    erases, programmed = map(float, on_micropython.run("wear_program.py", times, heap="1m").split())
    return [
        Measurement("P6", "erases for each applied configuration", summarize([erases], "erases"), {}, erases),
        Measurement(
            *("P6", "bytes programmed for each applied configuration"),
            *(summarize([programmed / 1000], "KB"), {}, programmed / 1000),
        ),
    ]
