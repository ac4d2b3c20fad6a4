"""The way into a board over its serial line, on mpremote's own transport.

A board that is asked for its prompt may be in any state: at the prompt already, left
in raw mode by a tool that was interrupted, or running the device, which takes Ctrl-C
for a key like others and is asked by the console's verb ``hold`` to start again
without its program. A board that does none of that is described in the error: what
was tried, what was heard, and what to do.
"""

import contextlib
import io
import re
import time
from collections.abc import Callable
from typing import Any

import serial
import serial.tools.list_ports
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from ..failure import NOT_FOUND, NOT_ONLINE, REFUSED, Failure

VENDORS = {0x2E8A: "Raspberry Pi"}  # USB vendors whose boards run MicroPython on an RP2040
MICROPYTHON_PRODUCT = 0x0005  # "Board in FS mode", which is MicroPython's on a Pico
BAUD_RATE = 115200
ANSWER_S = 10.0  # until a board has answered: the device may be in the middle of a TLS handshake
BACK_S = 15.0  # until a board that restarts can be opened again
REPLY_S = 10.0  # between two bytes of what a program prints
CHUNK = 1024  # bytes that are written at once
UPLOAD = "/flash.new"  # where a file grows before it takes its place

# Ctrl-B leaves a raw mode, Ctrl-C drops half a line or interrupts a program that allows it.
ASK = b"\r\x02\x03\rhold\r"
PROMPT = b">>> "
HELD = re.compile(rb"(^|\n)ok\r\n")
REFUSED_BY_CONSOLE = re.compile(rb"(?:^|\n)(err \d+ [^\r]*)\r\n")


def find_port(port: str | None) -> str:
    """The serial port of the one board that is plugged in, or the one that was named."""
    if port:
        return port
    found = [info for info in serial.tools.list_ports.comports() if info.vid in VENDORS]
    if len(found) == 1:
        return found[0].device
    if found:
        names = ", ".join(info.device for info in found)
        raise Failure(f"there are {len(found)} boards ({names}); name one with --port")
    raise Failure(
        "no board is plugged in: use a USB cable that carries data, or name the port with --port; "
        "a board without MicroPython appears as a drive, see --uf2",
        NOT_FOUND,
    )


def open_line(port: str) -> serial.Serial:
    """The serial line, ours alone."""
    try:
        return serial.serial_for_url(port, BAUD_RATE, timeout=0.05, exclusive=True)
    except (OSError, ValueError) as error:
        raise Failure(f"{port} cannot be opened: {_why(error)}", _exit_code(error)) from None


def _why(error: Exception) -> str:
    text = str(error)
    if "busy" in text or "exclusively" in text or "temporarily unavailable" in text:
        return "another program uses it; close its terminal"
    if "Permission" in text:
        return "your user may not; add it to the group dialout and log in again"
    if "No such file" in text:
        return "it is not there; is the board plugged in?"
    return text


def _exit_code(error: Exception) -> int:
    return REFUSED if "Permission" in str(error) else NOT_FOUND


class SerialLink:
    """A board at its raw prompt, for as long as the context lasts."""

    def __init__(self, port: str):
        self.port = port
        self._transport: SerialTransport | None = None
        self._noise = io.StringIO()

    def __enter__(self) -> "SerialLink":
        restarting = self._ask_for_prompt()
        end = time.monotonic() + (BACK_S if restarting else 0)
        while True:
            try:
                self._open()
                return self
            except (TransportError, OSError) as error:
                if time.monotonic() >= end:
                    raise self._silent(f"{error}; {_described(self._noise.getvalue().encode())}") from None
                time.sleep(0.1)

    def __exit__(self, *_) -> None:
        if self._transport is not None:
            self._reset()  # whatever went wrong, the device is to run again

    def _ask_for_prompt(self) -> bool:
        """Bring the board to its prompt; whether it restarts for that."""
        heard = b""
        with open_line(self.port) as line:
            try:
                line.reset_input_buffer()
                line.write(ASK)
                end = time.monotonic() + ANSWER_S
                while time.monotonic() < end:
                    heard += line.read(line.in_waiting or 1)
                    if heard.endswith(PROMPT) and b"hold" in heard:
                        return False
                    if HELD.search(heard):
                        self._wait_for_restart(line)
                        return True
                    if refused := REFUSED_BY_CONSOLE.search(heard):
                        raise Failure(
                            f"the device at {self.port} does not let tools in: {refused[1].decode()}"
                        )
            except OSError as error:
                raise Failure(
                    f"{self.port} was unplugged ({error}); run the same again", NOT_ONLINE
                ) from None
        raise self._silent(_described(heard))

    def _wait_for_restart(self, line: serial.Serial) -> None:
        heard, end = b"", time.monotonic() + BACK_S
        try:
            while time.monotonic() < end and not heard.endswith(PROMPT):
                heard += line.read(line.in_waiting or 1)
        except OSError:
            return  # on USB the port goes away with the board

    def _open(self) -> None:
        self._transport = SerialTransport(self.port, BAUD_RATE, timeout=REPLY_S)
        self._noise = io.StringIO()
        try:
            # What it hears instead of the prompt, the transport prints.
            with contextlib.redirect_stdout(self._noise):
                self._transport.enter_raw_repl(soft_reset=False, timeout_overall=ANSWER_S)
        except (TransportError, OSError):
            self._transport.close()
            raise

    def _silent(self, heard: str) -> Failure:
        return Failure(
            f"the board at {self.port} does not give its prompt; tried: Ctrl-C, the console's hold; {heard}. "
            "Restart it with its hold pin (GP22 on a Pico W) connected to ground, and try again; if that does not "
            "help, hold BOOTSEL while plugging it in and install MicroPython anew (--uf2)",
            NOT_ONLINE,
        )

    # --- at the prompt

    def run(self, code: str) -> str:
        """Run a program; what it printed. Failure with its last line when it raised."""
        try:
            return self._transport.exec(code).decode()
        except TransportExecError as error:
            raise Failure(f"the board says: {error.error_output.strip().splitlines()[-1]}") from None
        except (TransportError, OSError) as error:
            raise Failure(
                f"the line to {self.port} broke ({error}); run the same again", NOT_ONLINE
            ) from None

    def write(self, path: str, content: bytes, progress: Callable[[int], Any] = lambda size: None) -> None:
        """Put a file in its place, whole or not at all. ``progress(bytes)`` is told of each piece."""
        folders = path.strip("/").split("/")[:-1]
        for depth in range(len(folders)):
            folder = "/" + "/".join(folders[: depth + 1])
            self.run(
                f"import os\ntry:\n os.mkdir({folder!r})\nexcept OSError as e:\n if e.errno != 17: raise"
            )
        self.run(f"f = open({UPLOAD!r}, 'wb')")
        for at in range(0, len(content), CHUNK):
            piece = content[at : at + CHUNK]
            self.run(f"f.write({piece!r})")
            progress(len(piece))
        self.run(f"f.close()\nimport os\nos.rename({UPLOAD!r}, {'/' + path.strip('/')!r})")

    def read(self, path: str) -> bytes | None:
        """A file's content, or None when there is none."""
        try:
            return bytes(self._transport.fs_readfile(path))
        except FileNotFoundError:
            return None
        except TransportError as error:
            raise Failure(f"{path} cannot be read from the board: {error}", NOT_ONLINE) from None

    def restart(self) -> "serial.Serial":
        """Restart the board; the line, to listen to what it says."""
        self._reset()
        end = time.monotonic() + BACK_S
        while True:
            try:
                return open_line(self.port)
            except Failure:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.1)

    def _reset(self) -> None:
        transport, self._transport = self._transport, None
        with contextlib.suppress(TransportError, OSError):  # on USB it goes away while it is told to
            transport.exec_raw_no_follow("import machine; machine.reset()")
        with contextlib.suppress(OSError):
            transport.close()


def _described(heard: bytes) -> str:
    text = " ".join(heard.decode(errors="replace").split())[-200:]
    return f"heard: {text!r}" if text else "heard: nothing"
