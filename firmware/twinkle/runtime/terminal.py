"""The technician's line: from bytes that come whenever they like to lines, and back in slices.

A terminal that nobody reads must not hold up the device, so what is to be shown
waits in a queue and goes out in small pieces, as fast as the port takes them. A full
queue drops lines and says later how many.

The console is brought by the first line, and let go of when nobody types any more: with all that belongs to it,
it is a tenth of what a Pico W has. What there is no memory for is refused, and does not cost the connection.
"""

import gc

from .. import compat
from ..core.document import NO_UTF8

LONGEST = 1024  # bytes of a line; what is longer is cut there, and refused by the console
MUCH = 512  # bytes typed at once: a paste, or a tool
QUEUE = 8192  # bytes that wait to be shown
LOG_QUEUE = 1024  # the same, of the log: a board that nobody is plugged into keeps no more of it
SLICES = 16  # pieces that are shown in one turn of the loop
LOOK_MS = 20  # however fast messages come, keys are looked at no oftener than that
# One text: on a board each of its own would take two objects more.
CONSOLE = "core.console core.console_help core.wired_verbs runtime.console_session runtime.maintenance"
DRAIN_MS = 500  # what the last lines before a restart may take


class Terminal:
    """The line of ``port``. ``dialogue`` is the ConsoleSession with whoever types, if somebody does."""

    def __init__(self, port):
        self.lost = 0  # lines that nobody has seen
        self.more = False  # whether there may be more typed than was taken
        self.dialogue = None
        self._port = port
        self._looked = 0  # when keys were looked at
        self._line = bytearray()
        self._queue = []
        self._size = 0
        self._unsaid = 0

    def attend(self, runner, now):
        """See to whoever types."""
        lines = ()
        if self.more or now - self._looked >= LOOK_MS:
            self._looked = now
            lines = self.lines()
        try:
            if lines and not self.dialogue:
                from .console_session import ConsoleSession

                gc.collect()
                self.dialogue = ConsoleSession(runner)
            if self.dialogue:
                self.dialogue.step(lines, now)
        except MemoryError:
            self.refuse()

    def refuse(self):
        """There is no memory for what was typed."""
        self.dismiss()
        self.show("err 507 there is not enough memory for that now")

    def dismiss(self):
        """Let go of the console."""
        self.dialogue = None
        for name in CONSOLE.split():
            compat.unload("twinkle." + name)

    def due(self):
        """Whether there is something to do at once."""
        return self.flush() or self.more or (self.dialogue and self.dialogue.due())

    def lines(self):
        """The lines that have been completed; one that is no text is U+FFFD, with its ``--json``."""
        found = []
        typed = self._port.typed()
        self.more = len(typed) >= MUCH
        for byte in typed:
            if byte in b"\r\n":
                # A terminal that gives back what it is shown would be answered for ever.
                if self._line and self._line[:4] != b"err ":
                    line = bytes(self._line)
                    try:
                        found.append(str(NO_UTF8.sub(b"\xff", line), "utf-8"))
                    except UnicodeError:
                        found.append("\ufffd --json" if line[-6:] == b"--json" else "\ufffd")
                self._line = bytearray()
            elif byte == 8 or byte == 127:
                end = len(self._line) - 1
                while end > 0 and self._line[end] & 0xC0 == 0x80:
                    end -= 1  # the rest of a character of several bytes
                self._line = self._line[:end]
            elif byte == 3:
                self._line = bytearray()  # Ctrl-C: never mind
            elif len(self._line) < LONGEST:
                self._line.append(byte if byte >= 32 else 255)
        return found

    def show(self, text):
        """Show a line, in its turn."""
        data = (text + "\r\n").encode()
        if self._size + len(data) > QUEUE:
            self.lost += 1
            self._unsaid += 1
            return
        if self._unsaid:
            data = b"(%d lines were lost)\r\n" % self._unsaid + data
            self._unsaid = 0
        self._queue.append(data)
        self._size += len(data)

    def note(self, text):
        """Show a line of the log, unless others wait that nobody reads."""
        if self._size + len(text) > LOG_QUEUE:
            self.lost += 1
        else:
            self.show(text)

    def flush(self):
        """Send a few pieces. Answers whether more could be sent at once."""
        for _ in range(SLICES):
            if not self._queue:
                return False
            head = self._queue[0]
            taken = self._port.show(head)
            self._size -= taken
            if taken < len(head):
                self._queue[0] = head[taken:]
            else:
                self._queue.pop(0)
            if not taken:
                return False
        return bool(self._queue)

    def drain(self):
        """Send what is left, unless that takes long."""
        end = self._port.ticks() + DRAIN_MS
        while self._queue and self._port.ticks() < end:
            if not self.flush():
                self._port.sleep(10)
