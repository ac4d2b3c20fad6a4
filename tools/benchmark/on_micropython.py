"""Runs a program of the benchmark on 32-bit MicroPython."""

import os
import subprocess
from pathlib import Path

from twinkle_host.paths import FIRMWARE, HOST, MICROPYTHON, PRIVATE

HERE = Path(__file__).parent
SOURCES = (FIRMWARE, PRIVATE / "lib", HOST)
LIMIT_S = 120


def run(program: str, *arguments, heap: str, path=SOURCES, place: Path | None = None) -> str:
    """Its output; RuntimeError with its last words when it fails.

    ``path``: where modules are looked for; ``place``: the directory that it runs in.
    """
    done = subprocess.run(
        [str(MICROPYTHON), "-X", f"heapsize={heap}", str(HERE / program), *map(str, arguments)],
        cwd=place,
        env={**os.environ, "MICROPYPATH": ":".join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())
        raise RuntimeError(f"{program} ended with status {done.returncode}: {said[-300:]}")
    return done.stdout
