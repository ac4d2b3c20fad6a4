"""Steps that take time: each is said, timed, logged, and named when it fails."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

LAST_LINES = 15


class StepFailed(Exception):
    """A step's text and the end of its log."""


class Steps:
    """The steps of one card; their output goes to ``folder``, a line for each to the terminal."""

    def __init__(self, folder: Path, label: str):
        self._folder = folder
        self._label = label
        self.times: dict[str, float] = {}  # seconds that each step took
        self.log = folder / "steps.log"
        folder.mkdir(parents=True, exist_ok=True)
        self.log.write_text("")

    def say(self, text: str) -> None:
        """A line of this card."""
        print(f"{self._label:<10} {text}", flush=True)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Time what is done inside."""
        begun = time.monotonic()
        yield
        self.times[text] = time.monotonic() - begun
        self.say(f"      {text} ({self.times[text]:.0f} s)")

    def run(
        self,
        *command: str | Path,
        limit: float = 120.0,
        extra: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Run a program in ``cwd``, its output to the log, with ``extra`` in its environment.

        StepFailed when it fails, or takes longer than ``limit`` seconds.
        """
        with self.log.open("a") as log:
            print("$", *command, file=log, flush=True)
            try:
                done = subprocess.run(
                    [*map(str, command)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    timeout=limit,
                    check=False,
                    cwd=cwd,
                    env={**os.environ, **(extra or {})},
                )
            except subprocess.TimeoutExpired:
                raise StepFailed(f"{command[0]} took more than {limit:g} s; see {self.log}") from None
        if done.returncode:
            end = "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise StepFailed(
                f"{command[0]} ended with {done.returncode}; the whole output is in {self.log}\n{end}"
            )
