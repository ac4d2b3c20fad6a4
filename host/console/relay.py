"""The console of a device whose own is its standard input: a socket in its directory, as other devices have it.

What a guest types goes to the process, and what the process says, its log too, to the guest, as on a serial line.
"""

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

from ..paths import FIRMWARE

if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))

from twinkle.core.errors import SetupError
from twinkle.ports.socket_console import SocketConsole

from ..failure import Failure

NAME = "console"  # the socket's, in the directory
LOOK_S = 0.05


class Relay:
    """``join(process)`` says whose console it is; ``show(line)`` what that process said."""

    def __init__(self, directory: Path):
        # By its folder: a socket's own path has 107 bytes at the most (unix(7)), and device ids are long.
        self._folder = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        try:
            self._console = SocketConsole(f"/proc/self/fd/{self._folder}/{NAME}")
        except SetupError as error:
            os.close(self._folder)
            raise Failure(str(error)) from None
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def join(self, process: subprocess.Popen) -> None:
        """It is this one's console now."""
        os.set_blocking(process.stdin.fileno(), False)  # one that hangs does not read
        self._process = process

    def show(self, line: str) -> None:
        """Pass on a line; a guest who does not read misses it."""
        with self._lock:
            self._console.show(f"{line}\r\n".encode())

    def close(self) -> None:
        """Send the guest away and remove the socket."""
        self._end.set()
        self._thread.join()
        self._console.close()
        os.close(self._folder)

    def _listen(self) -> None:
        while not self._end.wait(LOOK_S):
            with self._lock:
                typed = self._console.typed()
            # A process that has just ended, or does not read, gets nothing; its successor is not to hear of it.
            with contextlib.suppress(OSError, ValueError):
                if typed and self._process is not None:
                    os.write(self._process.stdin.fileno(), typed)
