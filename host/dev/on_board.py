"""The device on a board that is plugged in, while its application is written: flashed, started, listened to."""

import threading
import time
from collections.abc import Callable
from typing import Any

import serial

from ..failure import Failure
from ..flash.pico import Pico
from ..flash.plan import hashes, make_plan
from ..flash.serial_link import SerialLink, open_line

LOOK_S = 0.1  # between two looks for a board that was unplugged


class Bench:
    """The board at ``port``, and what is known of it from one version of the application to the next.

    ``credentials``: files that it is given the first time, if any.
    """

    def __init__(self, port: str, settings: dict[str, Any], credentials: dict[str, bytes]):
        self.port, self.settings = port, settings
        self._credentials = credentials
        self._there: dict[str, str] | None = None  # the hashes of what is on it

    def flash(self, files: dict[str, bytes]) -> serial.Serial:
        """Put the files on it that differ, and start it; its line."""
        with SerialLink(self.port) as link:
            board = Pico(link)
            if self._there is None:
                board.check(self.settings)
                self._there = board.look()
            for name, content in self._credentials.items():
                link.write("/" + name, content)
            self._credentials = {}
            plan, self._there = make_plan(hashes(files), self._there), None
            board.carry_out(plan, files, lambda size: None)
            self._there = hashes(files)
            return link.restart()


class OnBoard:
    """One version of the application there. ``told`` as a Device's, and ``("failed", why)``."""

    def __init__(self, bench: Bench, files: dict[str, bytes], told: Callable[[tuple[str, Any]], Any]):
        self._bench, self._files, self._told = bench, files, told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Flash it, and listen to it."""
        self._thread.start()

    def stop(self) -> None:
        """Let it alone: it goes on running."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            line: serial.Serial | None = self._bench.flash(self._files)
        except (Failure, OSError) as error:
            self._told(("failed", error.message if isinstance(error, Failure) else str(error)))
            return
        heard = b""
        while line is not None:
            try:
                heard += line.read(line.in_waiting or 1)
            except OSError:
                line.close()
                line, heard = self._back(), b""
                continue
            *lines, heard = heard.split(b"\n")
            for text in lines:
                self._told(("device", text.decode(errors="replace").rstrip("\r")))
            if self._stopping.is_set():
                line.close()
                return

    def _back(self) -> serial.Serial | None:
        """The line of a board that has gone, once it is there again; None when it is not waited for any more."""
        self._told(("device", f"the board at {self._bench.port} has gone; it is waited for"))
        while not self._stopping.is_set():
            try:
                line = open_line(self._bench.port)
            except Failure:
                time.sleep(LOOK_S)
                continue
            self._told(("device", f"the board at {self._bench.port} is back"))
            return line
        return None
