"""P10: from an edited file to a device that runs it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.paths import FIRMWARE

from .goals import Measurement
from .hub_process import HubProcess
from .samples import summarize

ABOUT = """`twinkle flash pico_w --app FILE` with a version of the default application that was not there
before, on a running board: real MicroPython and littlefs on a pseudo-terminal. The time is the command's,
from its start as a process to its end, which comes when the device has said that it is ready: connected
over TLS, twin read."""

TWINKLE = Path(sys.executable).with_name("twinkle")
LIMIT_S = 90


def measure(bench) -> list[Measurement]:
    """Seven edits, 25 in the full form."""
    count = 7 if bench.quick else 25
    times = []
    with (
        HubProcess(bench.folder / "hub-p10", port=0) as hub,
        SerialBoard(bench.folder / "board") as board,
    ):
        bench.say("the first flash, and credentials")
        command = Command(bench.folder)
        command("flash", "pico_w", "--port", board.port)
        command(
            *("provision", "pico_w", "--port", board.port, "--ca-file", hub.ca_file, "--wifi", "home"),
            TWINKLE_DEVICE_CONNECTION_STRING=hub.service().add("p10"),
            TWINKLE_WIFI_PASSWORD="not a real password",
        )
        for number in range(count):
            bench.say(f"edit {number + 1} of {count}")
            times.append(flash_edited(command, board, bench.folder / "environment.py", number))
    told = summarize(times, "s")
    return [Measurement("P10", "one edited file to running on the board", told, {}, told.median)]


class Command:
    """``twinkle`` as a user has it, with state and cache below ``home``."""

    def __init__(self, home: Path):
        self._environment = {**os.environ, "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)}

    def __call__(self, *arguments, **variables) -> tuple[dict, float]:
        """Its JSON, and how many seconds it took; RuntimeError when it fails."""
        begun = time.monotonic()
        done = subprocess.run(
            [TWINKLE, *map(str, arguments), "--json"],
            env={**self._environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"twinkle {arguments[0]}: {' '.join((done.stderr or done.stdout).split())[-300:]}"
            )
        return json.loads(done.stdout), time.monotonic() - begun


def flash_edited(command, board: SerialBoard, file: Path, number: int) -> float:
    """Flash the default application as edition ``number``; how many seconds that took, until the device was ready."""
    source = (FIRMWARE / "apps" / "environment.py").read_text()
    file.write_text(source.replace("1.0.0", f"1.0.{number + 1}"))
    told, seconds = command("flash", "pico_w", "--port", board.port, "--app", file)
    if not told["ready"] or told["copied"] != ["apps/environment.mpy"]:
        raise RuntimeError(f"twinkle flash copied {told['copied']}, ready: {told['ready']}")
    return seconds
