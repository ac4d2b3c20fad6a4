"""Where a console is: a serial port, or the socket of a device that runs on a computer, this one or another."""

import os
import socket
import time
from pathlib import Path
from typing import Protocol

import serial

from ..failure import NOT_FOUND, UNREACHABLE, Failure
from ..flash.raspberry_pi import CONSOLE
from ..flash.serial_link import open_line
from ..flash.target import Target

SOCKET = "/run/twinkle/console"  # of the service on a Raspberry Pi
ANSWER_S = 30.0
CANCEL = "\x03"  # Ctrl-C takes back half a line that somebody else has left


class Gone(Exception):
    """The other end is not there any more; it may come back."""


class Line(Protocol):
    """Bytes to and from a device. Gone when it has left."""

    name: str
    attention: str  # what makes sure that the next line is one of its own

    def read(self) -> bytes:
        """What has come; b"" after a short wait in which nothing did."""

    def write(self, data: bytes) -> None:
        """Send."""

    def close(self) -> None:
        """Let go."""


class SerialLine:
    """A board's serial port."""

    attention = "\x02" + CANCEL  # Ctrl-B leaves MicroPython's raw mode

    def __init__(self, port: str):
        self.name = port
        self._serial = open_line(port)

    def read(self) -> bytes:
        """What has come."""
        try:
            return self._serial.read(self._serial.in_waiting or 1)
        except (OSError, TypeError):  # pyserial's own error is an OSError; TypeError when closed meanwhile
            raise Gone from None

    def write(self, data: bytes) -> None:
        """Send."""
        try:
            self._serial.write(data)
        except serial.SerialException:
            raise Gone from None

    def close(self) -> None:
        """Let go."""
        self._serial.close()


class SocketLine:
    """The socket of a device's process on this computer."""

    attention = CANCEL

    def __init__(self, path: Path):
        self.name = str(path)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            # By its folder: a socket's own path has 107 bytes at the most (unix(7)), and device ids are long.
            folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
            try:
                self._socket.connect(f"/proc/self/fd/{folder}/{path.name}")
            finally:
                os.close(folder)
        except OSError as error:
            self._socket.close()
            raise Failure(
                f"there is no console at {path}: {error.strerror}; does the device run?", NOT_FOUND
            ) from None
        self._socket.settimeout(0.05)

    def read(self) -> bytes:
        """What has come."""
        try:
            data = self._socket.recv(4096)
        except TimeoutError:
            return b""
        except OSError:
            raise Gone from None
        if not data:
            raise Gone
        return data

    def write(self, data: bytes) -> None:
        """Send."""
        try:
            self._socket.sendall(data)
        except OSError:
            raise Gone from None

    def close(self) -> None:
        """Let go."""
        self._socket.close()


class SshLine:
    """The console of a Raspberry Pi that ssh reaches."""

    attention = CANCEL

    def __init__(self, target: Target, host: str):
        self.name = host
        # Said before the two are joined, so that it is known here whether they will be.
        script = 'if [ -S "$1" ]; then echo there; exec python3 "$2"; fi; echo nobody'
        self._talk = target.talk(script, SOCKET, CONSOLE)
        said = self._talk.line(ANSWER_S)
        if said != "there":
            self._talk.close()
            why = f"there is no console at {SOCKET}; does the service run?" if said == "nobody" else said
            raise Failure(f"{host}: {why or 'no answer'}", NOT_FOUND if said == "nobody" else UNREACHABLE)

    def read(self) -> bytes:
        """What has come."""
        data = self._talk.read(0.05)
        if data is None:
            raise Gone
        return data

    def write(self, data: bytes) -> None:
        """Send."""
        try:
            self._talk.write(data)
        except OSError:
            raise Gone from None

    def close(self) -> None:
        """Let go."""
        self._talk.close()


def come_back(open_again, limit: float) -> Line:
    """The line, once it is there again; Failure when it is not within ``limit`` seconds."""
    end = time.monotonic() + limit
    while True:
        try:
            return open_again()
        except Failure:
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)
