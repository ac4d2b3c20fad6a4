"""A Pico W on a pseudo-terminal, and the command line as a user has it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import MICROPYTHON, TWINKLE, need

from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio import witness
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S

sys.path.insert(0, str(Path(__file__).parent))


class Outcome:
    """What a command printed, its exit status, and how long it took."""

    def __init__(self, done, seconds):
        self.status, self.out, self.err, self.seconds = done.returncode, done.stdout, done.stderr, seconds

    @property
    def document(self):
        """Its JSON."""
        assert self.out.startswith("{"), self
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.status} after {self.seconds:.2f} s\n{self.out}{self.err}"


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Where the command keeps its state and its cache."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def command(home):
    """Run a command; its Outcome."""

    def run(*arguments, limit=PATIENCE_S, program=TWINKLE, **variables):
        begun = time.monotonic()
        environment = {**os.environ, "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home), **variables}
        done = subprocess.run(
            [program, *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        witness.keep_secret(*(value for name, value in variables.items() if name.startswith("TWINKLE_")))
        witness.note("twinkle " + " ".join(map(str, arguments[:2])), done.stdout + done.stderr)
        return Outcome(done, time.monotonic() - begun)

    return run


@pytest.fixture
def board(tmp_path):
    """A board with MicroPython and nothing else."""
    need(MICROPYTHON)
    with SerialBoard(tmp_path / "board") as board:
        yield board


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The local hub."""
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live
