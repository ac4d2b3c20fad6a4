"""A Pico W on a pseudo-terminal, for tests and for trying tools: real MicroPython, littlefs and REPL.

    with SerialBoard(folder) as board:
        ...  # mpremote connect PORT, with board.port

What is simulated is the hardware below MicroPython (see ``pico/``); what the world
is like is told through files in ``board.bench`` (see ``tell``). The board lives on in ``folder``:
its flash is a file there. Ctrl-C reaches it as on USB: while MicroPython watches for
it a running program is interrupted, otherwise the program reads the byte.

On rp2 what takes bytes from USB notes that a KeyboardInterrupt is to be raised (``mp_sched_keyboard_interrupt``), and
MicroPython raises it where that is safe: between two operations of its own, in a wait, when the flash has been read or
programmed. The Unix port raises it out of the signal's handler, in the middle of a collection or of littlefs too, whose
state is lost then. So the signal is sent when the program is seen to wait, or to be in an operation of its flash, which
holds it back (board_flash.py); only one that does neither at NEVER_WAITS looks is interrupted wherever it is.
"""

import errno
import json
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ..paths import HOST, MICROPYTHON
from ..waiting import PATIENCE_S
from . import witness
from .process import LOST_WITH_POWER

# Where the process of a board finds what it is given, in its own folder, by names that are the same in any folder: what
# is in its heap, and where, is to hang on nothing that is not on a board. VfsPosix wants whole paths.
HERE = Path("/proc/self/cwd")
REPL = Path("host", "mock_gpio", "board_repl.py")
HEAP = "192k"
# How the process says in which mode it is to be started again; anything else is a reset.
MODES = {4: "friendly", 5: "raw"}
CHUNK = 512
CTRL_C = b"\x03"
WATCHED = 0x200  # the flag by which the process says that Ctrl-C interrupts (board_repl.py)
NEVER_WAITS = 500  # looks, and no time: on a busy computer there are few in a second
LOOK_S = 0.001
# System calls of Linux on i386 in which a program waits: sleeps, polls, and what sockets do. The others are those of
# reading and writing, which wait if they are of the line.
WAITS = {0, 102, 142, 162, 168, 267, 308, 309, 407, 413, 414, *range(359, 374)}
OF_THE_LINE, LINE = {3, 4}, {0, 1, 2}
GARBLED = bytes(byte * 167 & 0x7F | 0x80 for byte in range(256))

T = TypeVar("T")


class SerialBoard:
    """One board.

    ``port`` is the path of its serial line, ``bench`` the folder in which it is told
    about the world, ``starts`` how often it has started, ``received`` how many bytes it
    has been sent. ``stalled`` holds back what it sends, as a terminal does that nobody
    reads; ``unplug_after`` pulls the cable, and with it the power, after that many more bytes. ``speed``: the baud of a
    line that has one, as an adapter's has; USB has none. At another one, what arrives are other bytes.
    """

    def __init__(self, folder: Path, heap: str = HEAP):
        self.bench = folder / "bench"
        self.bench.mkdir(parents=True, exist_ok=True)
        self.port = str(folder / "tty")
        self.starts = self.received = 0
        self.stalled = False
        self.unplug_after: int | None = None
        self.speed: int | None = None
        self._folder = folder
        (folder / "host").unlink(missing_ok=True)
        (folder / "host").symlink_to(HOST)
        self._heap = heap
        self._said = bytearray()
        self._process: subprocess.Popen | None = None
        self._powered = self._hangs = False
        self._starting = threading.Lock()
        self._unplugged = threading.Event()

    def __enter__(self) -> "SerialBoard":
        self.plug_in()
        return self

    def __exit__(self, *_) -> None:
        self.unplug()

    def plug_in(self, first: Callable[[], T] = lambda: None) -> T:
        """Power it; main.py is run, as after every start.

        ``first()`` is done, and answered, when its port is there and before it has power: who opens that meanwhile
        misses nothing of what it says.
        """
        # The outer pair is the cable, the inner one the board's own line discipline.
        self._cable, self._plug = pty.openpty()
        self._line, self._board = pty.openpty()
        for end in (self._plug, self._board):
            tty.setraw(end)
        for end in (self._cable, self._line):
            os.set_blocking(end, False)
        self._runs_nothing()
        Path(self.port).unlink(missing_ok=True)
        Path(self.port).symlink_to(os.ttyname(self._plug))
        for name in LOST_WITH_POWER:
            (self.bench / name).unlink(missing_ok=True)
        self._powered, self._hangs = True, False
        self._unplugged.clear()
        self._started = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True) for work in (self._carry, self._keep_running)
        ]
        carrying, running = self._threads
        carrying.start()
        try:
            return first()
        finally:
            running.start()

    def tell(self, what: str, content: dict[str, Any]) -> None:
        """Say what the world is like from now on, whole: it may be looked at in this very moment."""
        new = self.bench / f"{what}.new"
        new.write_text(json.dumps(content))
        new.replace(self.bench / f"{what}.json")

    def unplug(self) -> None:
        """Take its power in the middle of whatever it does; its port goes away."""
        if not self._powered:
            return
        self._started.wait(PATIENCE_S)
        with self._starting:  # what is being started is not left alone
            self._powered = False
            self._unplugged.set()
            self._process.kill()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        Path(self.port).unlink()
        witness.note(f"the serial line of {self.bench}", self._said.decode(errors="replace"))
        for end in (self._cable, self._plug, self._line, self._board):
            os.close(end)

    def hang(self) -> None:
        """Let the program hang, and MicroPython with it."""
        self._started.wait(PATIENCE_S)
        self._hangs = True
        self._process.send_signal(signal.SIGSTOP)

    def _runs_nothing(self) -> None:
        """A board starts without a program to interrupt."""
        settings = termios.tcgetattr(self._board)
        settings[3] &= ~WATCHED
        termios.tcsetattr(self._board, termios.TCSANOW, settings)

    def _keep_running(self) -> None:
        mode = "power"
        while self._start(mode):
            mode = MODES.get(self._process.wait(), "power")

    def _start(self, mode: str) -> bool:
        """Start the process; False without power."""
        with self._starting:
            if not self._powered:
                return False
            self._runs_nothing()
            self._process = subprocess.Popen(
                # A session whose terminal is the line.
                [
                    *("setsid", "--ctty", MICROPYTHON, "-X", f"heapsize={self._heap}"),
                    *(REPL, HERE / "bench", HERE / "flash.img", HERE / "host", mode),
                ],
                cwd=self._folder,
                stdin=self._board,
                stdout=self._board,
                stderr=self._board,
            )
            self.starts += 1
            self._started.set()
            return True

    def _carry(self) -> None:
        """Carry bytes between the cable and the board."""
        other = {self._cable: self._line, self._line: self._cable}
        waiting = dict.fromkeys(other, b"")  # for the end to be written to
        while self._powered:
            sources = [end for end in other if not waiting[other[end]]]
            targets = [end for end in other if waiting[end]]
            if self.stalled:
                sources = [end for end in sources if end == self._cable]
                targets = [end for end in targets if end == self._line]
            readable, writable, _ = select.select(sources, targets, [], 0.05)
            for end in readable:
                data = self._received(_read(end))
                waiting[other[end]] += data
                if end == self._cable:
                    self._count(len(data))
                else:
                    self._said += data
            for end in writable:
                taken = self._type(waiting[end]) if end == self._line else os.write(end, waiting[end])
                waiting[end] = waiting[end][taken:]

    def _type(self, data: bytes) -> int:
        """Give the board some of what was sent to it; answers how much."""
        if data.startswith(CTRL_C) and self._interrupt():
            return len(CTRL_C)
        return os.write(self._line, data[: data.find(CTRL_C, 1)] if CTRL_C in data[1:] else data)

    def _interrupt(self) -> bool:
        """Interrupt the program; False if Ctrl-C is a byte to it, or there is none."""
        looks = 0
        try:
            while self._watches() and self._powered and not self._hangs:
                process, looks = self._process.pid, looks + 1
                os.kill(process, signal.SIGSTOP)
                try:
                    moment = _moment(process)
                    # It may have left the program before it was stopped.
                    if self._watches() and (moment == "safe" or looks > NEVER_WAITS):
                        os.kill(process, signal.SIGINT)
                        return True
                finally:
                    if not self._hangs:
                        os.kill(process, signal.SIGCONT)
                self._unplugged.wait(LOOK_S)
        except (ProcessLookupError, FileNotFoundError):
            return True  # it has ended by itself, and what is started anew has not been sent anything
        return self._hangs

    def _watches(self) -> bool:
        return bool(termios.tcgetattr(self._board)[3] & WATCHED)

    def _received(self, data: bytes) -> bytes:
        if self.speed is None or termios.tcgetattr(self._plug)[5] == getattr(termios, f"B{self.speed}"):
            return data
        # Bits are looked at when it is not their time. Which bytes that makes is chance; that they are none, is not.
        return data.translate(GARBLED)

    def _count(self, size: int) -> None:
        self.received += size
        if self.unplug_after is not None:
            self.unplug_after -= size
            if self.unplug_after <= 0:
                self.unplug_after = None
                threading.Thread(target=self.unplug).start()


def _moment(process: int) -> str:
    """In which a process is that is being stopped: "safe" to be interrupted, or "not"."""
    facts = Path(f"/proc/{process}")
    while True:
        told = dict(line.split(":\t", 1) for line in (facts / "status").read_text().splitlines())
        if told["State"][0] == "T":
            break
        if told["State"][0] in "ZX":
            raise ProcessLookupError
        time.sleep(0)
    if int(told["SigBlk"], 16) >> (signal.SIGINT - 1) & 1:
        return "safe"  # held back until the operation of the flash is done
    try:
        number, *arguments = (facts / "syscall").read_text().split()
    except OSError:
        if not facts.exists():
            raise
        return "not"  # not every system tells, so nobody knows
    waits = number in map(str, WAITS) or (number in map(str, OF_THE_LINE) and int(arguments[0], 16) in LINE)
    return "safe" if waits else "not"


def _read(end: int) -> bytes:
    try:
        return os.read(end, CHUNK)
    except OSError as error:
        if error.errno in (errno.EIO, errno.EAGAIN):  # nobody at the other end
            return b""
        raise
