"""The device's core among the hostile, for longer: see tests/core/hostile.py. On both interpreters."""

import time

import pytest
from hostile import Life, Newcomer
from support import ROOT, run_micropython

SHORT, FULL = 10, 400  # seeds of each kind
LONGER = FULL / SHORT
INPUTS = 300
PROGRAM = """
import gc
gc.threshold(8192)
from hostile import Life, Newcomer
for seed in range({first}, {last}):
    for kind in (Life, Newcomer):
        kind(seed).live({inputs})
        gc.collect()
        print("memory", gc.mem_alloc())
"""


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_device_bears_whatever_is_sent(interpreter, pytestconfig, tmp_path, measured):
    chosen = pytestconfig.getoption("seed")
    first, last = (
        (0, FULL if pytestconfig.getoption("soak") else SHORT) if chosen is None else (chosen, chosen + 1)
    )
    begun, used = time.monotonic(), ""
    if interpreter == "cpython":
        for seed in range(first, last):
            for kind in (Life, Newcomer):
                kind(seed).live(INPUTS)
    else:
        file = tmp_path / "lives.py"
        file.write_text(PROGRAM.format(first=first, last=last, inputs=INPUTS))
        done = run_micropython(file, heap="192k", path=[ROOT / "tests" / "core"], timeout=3600)
        assert done.returncode == 0, f"replay with --seed:\n{done.stdout[-3000:]}{done.stderr}"
        memory = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("memory")]
        used = f", {min(memory)} to {max(memory)} bytes in use"
    lives = 2 * (last - first)
    measured(
        f"{lives} lives of {INPUTS} hostile inputs, {interpreter}: {time.monotonic() - begun:.1f} s{used}"
    )
