"""A board on a serial line: MicroPython's REPL over standard input, on a littlefs of its own.

    micropython board_repl.py BENCH IMAGE HOST MODE

MicroPython's Unix port has no raw REPL and sees the computer's files. This gives it
what a Pico W has: a littlefs in IMAGE as its only file system, ``main.py`` at the
start, and the friendly, raw and raw-paste modes of the REPL reference ("MicroPython
remote control: mpremote" and "Raw mode", docs.micropython.org). HOST is the folder
``host``, which holds the stand-ins for a Pico's modules, BENCH where these are told
what the world is like; both are mounted, as ``/host`` and ``/world``.

The process ends with SOFT_RESET or SOFT_RESET_RAW, or as the stand-in for ``machine``
ends it, and is started again by whoever holds the line. MODE is what it starts in:
``power`` (main.py, then friendly), ``friendly`` (the same after a soft reset) or
``raw`` (no main.py).
"""

import io
import os
import struct
import sys

import ffi
import vfs
from board_flash import BLOCK, BLOCKS, Flash

SOFT_RESET, SOFT_RESET_RAW = 4, 5
WINDOW = 128  # bytes that raw paste lets the other side send ahead

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
BANNER = (
    b"MicroPython v%s; Pico W on this computer\r\n"
    % ".".join([str(part) for part in sys.implementation.version[:3]]).encode()
)

# struct termios on Linux: four numbers, of which the last holds a flag that means nothing on a line without an echo.
# Here it means that a program runs which Ctrl-C interrupts; whoever holds the line sees to that (serial_board.py).
TERMIOS, LOCAL_FLAGS, ECHOCTL = 60, 12, 0x200

_bench, _image, _host, _mode = sys.argv[1:]
_libc = ffi.open("libc.so.6")
_tcgetattr, _tcsetattr = _libc.func("i", "tcgetattr", "iP"), _libc.func("i", "tcsetattr", "iiP")


def watch_for_ctrl_c(on):
    """Whether Ctrl-C interrupts, or is a byte like others. It is one whenever no program runs."""
    settings = bytearray(TERMIOS)
    _tcgetattr(0, settings)
    flags = struct.unpack_from("I", settings, LOCAL_FLAGS)[0]
    struct.pack_into("I", settings, LOCAL_FLAGS, flags | ECHOCTL if on else flags & ~ECHOCTL)
    _tcsetattr(0, 0, settings)


class Line:
    """The serial line. What the program prints goes to it too, since it is the standard output."""

    def read(self):
        """One byte."""
        byte = sys.stdin.buffer.read(1)
        if not byte:
            sys.exit(0)  # the line is gone for good
        return byte

    def write(self, data):
        """Bytes to the other side."""
        sys.stdout.buffer.write(data)


class Micropython:
    """The module ``micropython``: on Unix, a Ctrl-C that is not watched for would end the process."""

    const = staticmethod(lambda value: value)

    @staticmethod
    def kbd_intr(character):
        """Watch for Ctrl-C, or let it through as a byte."""
        watch_for_ctrl_c(character == 3)


class Repl:
    """The three modes over ``line``, a Line."""

    def __init__(self, line):
        self._line = line
        self._globals = {"__name__": "__main__"}

    def run(self, code):
        """Run a program as the REPL does: its exception is printed; SystemExit resets softly."""
        outcome = None
        try:
            watch_for_ctrl_c(True)
            exec(code, self._globals)
        except BaseException as error:
            outcome = error
        watch_for_ctrl_c(False)
        if isinstance(outcome, SystemExit):
            self._reset(SOFT_RESET)
        return outcome

    def friendly(self):
        """Lines of Python, with an echo."""
        self._line.write(BANNER + b">>> ")
        text = b""
        while True:
            byte = self._line.read()
            if byte == CTRL_A:
                self.raw()
                self._line.write(b"\r\n" + BANNER + b">>> ")
                text = b""
            elif byte == CTRL_D and not text:
                self._line.write(b"\r\n")
                self._reset(SOFT_RESET)
            elif byte in (CTRL_B, CTRL_C):
                self._line.write(b"\r\n>>> ")
                text = b""
            elif byte == b"\r":
                self._line.write(b"\r\n")
                error = self.run(text)
                if error is not None:
                    self._line.write(_traceback(error))
                self._line.write(b">>> ")
                text = b""
            elif byte != b"\n":
                self._line.write(byte)
                text += byte

    def raw(self):
        """Programs that end with Ctrl-D; returns at Ctrl-B."""
        self._line.write(b"raw REPL; CTRL-B to exit\r\n>")
        code = b""
        while True:
            byte = self._line.read()
            if byte == CTRL_A:
                self._line.write(b"raw REPL; CTRL-B to exit\r\n>")
                code = b""
            elif byte == CTRL_B:
                return
            elif byte == CTRL_C:
                code = b""
            elif byte == CTRL_D:
                self._line.write(b"OK")
                if not code:
                    self._line.write(b"\r\n")
                    self._reset(SOFT_RESET_RAW)
                self._answer(code)
                code = b""
            elif byte == CTRL_E and not code:
                self._extended()
            else:
                code += byte

    def _extended(self):
        kind, version = self._line.read(), self._line.read()
        if kind + version != b"A\x01":
            self._line.write(b"R\x00")
            return
        self._line.write(b"R\x01" + bytes([WINDOW & 0xFF, WINDOW >> 8]))
        code = bytearray()
        while True:
            byte = self._line.read()
            if byte == CTRL_D:
                break
            if byte == CTRL_C:
                code = bytearray()
                break
            code.extend(byte)
            if len(code) % WINDOW == 0:
                self._line.write(b"\x01")
        self._line.write(CTRL_D)
        self._answer(bytes(code))

    def _answer(self, code):
        error = self.run(code)
        self._line.write(CTRL_D)
        if error is not None:
            self._line.write(_traceback(error))
        self._line.write(CTRL_D + b">")

    def _reset(self, status):
        self._line.write(b"MPY: soft reboot\r\n")
        sys.exit(status)


def _traceback(error):
    text = io.StringIO()
    sys.print_exception(error, text)
    return text.getvalue().replace("\n", "\r\n").encode()


def _mount():
    try:
        os.stat(_image)
    except OSError:
        new = _image + ".new"
        with open(new, "wb") as file:
            for _ in range(BLOCKS):
                file.write(b"\xff" * BLOCK)
        with open(new, "r+b") as file:
            vfs.VfsLfs2.mkfs(Flash(file))
        os.rename(new, _image)  # whole: a board may lose its power meanwhile
    flash = Flash(open(_image, "r+b"))  # noqa: SIM115 (as long as the board lives)
    bench, host = vfs.VfsPosix(_bench), vfs.VfsPosix(_host)
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(flash), "/")
    vfs.mount(bench, "/world")
    vfs.mount(host, "/host")
    os.chdir("/")


def _main():
    _mount()
    sys.path[:] = ["", "/lib", "/host/mock_gpio/pico", "/host"]
    sys.argv[:] = ["", "/world"]  # where the stand-ins look
    import machine  # noqa: F401 (a board has it from the start; it takes the cause of the reset)

    import mock_gpio.rp2  # noqa: F401 (its built-in modules)

    sys.argv[:] = []
    sys.modules["micropython"] = Micropython
    repl = Repl(Line())
    if _mode == "raw":
        repl.raw()
    else:
        for name in ("boot.py", "main.py"):
            try:
                with open(name) as file:
                    program = file.read()
            except OSError:
                continue
            error = repl.run(program)
            if error is not None:
                sys.stdout.buffer.write(_traceback(error))
    while True:
        repl.friendly()


_main()
