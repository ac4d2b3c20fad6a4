"""The way into a board over its serial line, on mpremote's own transport.

A board that is asked for its prompt may be in any state: at the prompt already, left
in raw mode by a tool that was interrupted, or running the device, which takes Ctrl-C
for a key like others and is asked by the console's verb ``hold`` to start again
without its program. A device reads its console between two waits, and one that finds no
hub may wait long, so ``hold`` is only typed once it has answered a question that does
no harm however late it is read. Whichever way the work ends, the board is started
again; where that cannot be, it is said how to. A board that does not answer is
described in the error: what was tried, what was heard, and what to do.
"""

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import serial
import serial.tools.list_ports
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from ..failure import NOT_FOUND, NOT_ONLINE, REFUSED, USAGE, Failure, note
from ..screen import show
from .conversation import HOLD, PATIENCE_S, PROMPT, QUESTION, WAKE, Conversation, described, silent

VENDORS = {0x2E8A: "Raspberry Pi"}  # USB vendors whose boards run MicroPython on an RP2040
MICROPYTHON_PRODUCT = 0x0005  # "Board in FS mode", which is MicroPython's on a Pico
BAUD_RATE = 115200
START_S = 10.0  # until a port that is named is there, on a busy computer
ANSWER_S = 10.0  # until MicroPython has answered at its prompt
BACK_S = 15.0  # until a board that restarts can be opened again
GONE_S = 2.0  # a port that is away for longer was unplugged
REPLY_S = 10.0  # between two bytes of what a program prints
STILL_S = 1.0  # what is silent for longer has not been told all, or has ended: an erase of flash takes 0.4 s
CHUNK = 1024  # bytes that are written at once
RAW_PROMPT = b"\x04>"  # after a program
LOOK_S = 0.05
UPLOAD = "/flash.new"  # where a file grows before it takes its place

RESTART = b"import machine; machine.reset()\r"
NOT_TO_HOLD = (404, 503)  # what a device may answer to what was typed before


def find_port(port: str | None, patience: float = START_S) -> str:
    """The serial port of the one board that is plugged in, or the one that was named.

    One that is named and not there is waited for, ``patience`` seconds: a board that restarts takes its port away
    for a while, and a simulated one has it once it has started.
    """
    if port:
        _wait_for(port, patience)
        return port
    found = [info for info in serial.tools.list_ports.comports() if info.vid in VENDORS]
    if len(found) == 1:
        return found[0].device
    if found:
        names = ", ".join(info.device for info in found)
        raise Failure(f"there are {len(found)} boards ({names}); name one with --port", USAGE)
    raise Failure(
        "no board is plugged in: use a USB cable that carries data, or name the port with --port; "
        "a board without MicroPython appears as a drive, see --uf2",
        NOT_FOUND,
    )


def _wait_for(port: str, patience: float) -> None:
    end, told = time.monotonic() + patience, False
    while Path(port).is_absolute() and not Path(port).exists() and time.monotonic() < end:
        if not told:
            note(f"{port} is not there; waiting up to {patience:.0f} s for a board that is starting")
            told = True
        time.sleep(0.1)


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


def ask_running(port: str, patience: float = PATIENCE_S) -> dict[str, Any] | None:
    """What the device that runs there says to ``version``; None when it is MicroPython's prompt that answers.

    Failure when nobody answers. It interrupts nothing.
    """
    with open_line(port) as line, _unplugged(port):
        line.reset_input_buffer()
        talk = Conversation(line, patience)
        # Ctrl-B leaves raw mode, and makes half a line at a device's console one that it refuses.
        answer = talk.ask(b"\x02" + QUESTION)
        if answer and not answer["ok"]:
            answer = talk.ask(QUESTION)
        return answer and (answer.get("result") or {})


@contextlib.contextmanager
def _unplugged(port: str):
    try:
        yield
    except OSError as error:
        raise Failure(f"{port} was unplugged ({error}); run the same again", NOT_ONLINE) from None


class SerialLink:
    """A board at its raw prompt, for as long as the context lasts; then it is started again.

    ``patience``: seconds in which a device must answer. ``restarts``: whether the board is to be started at the
    end; if not, it must be at its prompt. ``unfinished``: why it must not be started, for the time that it must not.
    """

    def __init__(self, port: str, patience: float = PATIENCE_S, restarts: bool = True):
        self.port = port
        self.unfinished: str | None = None
        self._patience = patience
        self._restarts = restarts
        self._held = False  # the device has been told to hold, or has done so
        self._transport: SerialTransport | None = None
        self._runs = False  # the board has been given a program, and has not said that it has ended
        self._noise = io.StringIO()

    def __enter__(self) -> "SerialLink":
        try:
            end = time.monotonic() + (BACK_S if self._restarts and self._ask_for_prompt() else 0)
            while True:
                try:
                    self._open()
                    return self
                except (TransportError, OSError) as error:
                    if time.monotonic() >= end:
                        heard = described(self._noise.getvalue().encode())
                        raise silent(self.port, f"{error}; {heard}") from None
                    time.sleep(0.1)
        except BaseException as error:
            self._leave(error)
            raise

    def __exit__(self, kind, error, trace) -> None:
        self._leave(error)

    def _ask_for_prompt(self) -> bool:
        """Bring the board to its prompt; whether it restarts for that."""
        with open_line(self.port) as line, _unplugged(self.port):
            line.reset_input_buffer()
            talk = Conversation(line, self._patience)
            try:
                answer = talk.ask(WAKE + QUESTION)
            except KeyboardInterrupt:
                # Somebody else's program has been interrupted, too.
                self._held = talk.at_prompt
                raise
            self._held = True
            if answer is None:
                return False
            line.write(HOLD)
            answer = talk.listen()
            while answer and (answer.get("result") or answer.get("code") in NOT_TO_HOLD):
                answer = talk.listen()
            if answer and not answer["ok"]:
                self._held = False
                text = f"err {answer.get('code')} {answer.get('error')}"
                raise Failure(f"the device at {self.port} does not let tools in: {text}", REFUSED)
            if answer:
                self._wait_for_restart(line)
            return answer is not None

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
            self._close()
            raise

    def _close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            with contextlib.suppress(OSError):
                transport.close()

    # --- the end

    def _leave(self, error: BaseException | None) -> None:
        """Have the program run again, whatever has happened; what keeps it from that is said."""
        opened = self._transport is not None
        if opened and self._runs:
            self._let_end()
        self._close()
        text = None
        if opened and (self.unfinished or not self._restarts):
            with contextlib.suppress(Failure, OSError), open_line(self.port) as line:
                line.write(WAKE)
            text = self.unfinished
        elif self._held:
            try:
                started = self._start(BACK_S if opened else self._patience)
            except KeyboardInterrupt:
                started = False
            if not started:
                text = (
                    f"the device at {self.port} keeps to its prompt, or will, until it is started: unplug the board "
                    f"and plug it in again, or: mpremote connect {self.port} reset"
                )
        if text and isinstance(error, Failure):
            error.message += f"; {text}"
        elif text:
            show(f"twinkle: {text}", err=True)

    def _let_end(self) -> None:
        """Wait until the board has done what it has been told.

        Ctrl-C in the middle of an operation of its file system is raised through littlefs, when flash has been read or
        programmed (rp2_flash.c), and what that holds in memory is wrong from then on.
        """
        heard, end = b"", time.monotonic() + REPLY_S
        still = time.monotonic() + STILL_S
        with contextlib.suppress(OSError, KeyboardInterrupt):
            self._transport.serial.timeout = LOOK_S
            while not heard.endswith(RAW_PROMPT) and time.monotonic() < min(still, end):
                new = self._transport.serial.read(1)
                if new:
                    heard, still = heard + new, time.monotonic() + STILL_S

    def _start(self, patience: float) -> bool:
        """Restart a board that is at its prompt, or comes to it within ``patience`` seconds.

        Whether it runs then; a board that was unplugged does when it is plugged in again.
        """
        self._held = False
        end = time.monotonic() + patience
        seen = time.monotonic()
        while (now := time.monotonic()) < end:
            try:
                with open_line(self.port) as line:
                    seen = now
                    if not _comes_to_its_prompt(line, end):
                        return False
                    line.write(RESTART)
                    with contextlib.suppress(OSError):  # on USB the port goes away with the board
                        _hear(line, RESTART.strip(), time.monotonic() + ANSWER_S)
                    return True
            except (Failure, OSError):
                if now - seen > GONE_S:
                    return True
                time.sleep(0.1)
        return False

    # --- at the prompt

    def run(self, code: str) -> str:
        """Run a program; what it printed. Failure with its last line when it raised."""
        self._runs = True
        try:
            said = self._transport.exec(code).decode()
            self._runs = False
            return said
        except TransportExecError as error:
            self._runs = False
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
        self._close()
        if not self._start(BACK_S):
            text = f"the board at {self.port} does not restart; unplug it and plug it in again"
            raise Failure(text, NOT_ONLINE)
        end = time.monotonic() + BACK_S
        while True:
            try:
                return open_line(self.port)
            except Failure:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.1)


def _comes_to_its_prompt(line: serial.Serial, end: float) -> bool:
    line.write(WAKE)
    return _hear(line, PROMPT, end)


def _hear(line: serial.Serial, text: bytes, end: float) -> bool:
    """Whether this is heard before ``end``."""
    heard = b""
    while not heard.endswith(text):
        if time.monotonic() >= end:
            return False
        heard += line.read(1)
    return True
