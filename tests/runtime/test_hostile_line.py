"""The whole runtime and core bear any bytes of a hub and of a technician: see hostile_line.py. On both interpreters."""

import os
import subprocess
import sys
import time

import pytest
from support import PRIVATE, ROOT, run_micropython

SHORT, FULL = (6, 400), (40, 1500)  # seeds, turns of the loop each
HEAP = "256k"
FOLDERS = [ROOT / "tests" / "core", ROOT / "tests" / "runtime"]
LARGEST_DIFFERENCE = 48 * 1024  # bytes: a console that is loaded, full queues, a twin


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_hub_that_sends_anything_ends_connections_and_nothing_else(
    interpreter, pytestconfig, tmp_path, measured
):
    seeds, turns = FULL if pytestconfig.getoption("soak") else SHORT
    chosen = pytestconfig.getoption("seed")
    first, last = (0, seeds) if chosen is None else (chosen, chosen + 1)
    command = [FOLDERS[1] / "hostile_line.py", tmp_path / "state", first, last, turns]
    begun = time.monotonic()
    if interpreter == "cpython":
        paths = [*FOLDERS, ROOT / "firmware", PRIVATE / "lib", ROOT / "host"]
        done = subprocess.run(
            [sys.executable, "-B", *map(str, command)],
            env={**os.environ, "PYTHONPATH": ":".join(map(str, paths))},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
    else:
        done = run_micropython(*command, heap=HEAP, path=FOLDERS, timeout=1800)
    told = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
    assert done.returncode == 0, f"replay with --seed and the last one named here:\n{told}"
    memory = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("memory")]
    measured(
        f"{last - first} hostile hubs, {turns} turns each, {interpreter}: {time.monotonic() - begun:.1f} s"
        + (f", {min(memory)} to {max(memory)} bytes in use" if memory else "")
    )
    if memory:
        assert max(memory) - min(memory) < LARGEST_DIFFERENCE, memory
