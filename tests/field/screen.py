"""A command as a person has it: on a terminal, with keys to press and a screen to read.

The terminal is emulated by pyte: what stands on the screen is what a person would see, whatever
was written over, in whatever pieces it came; and what has left it upwards is kept.
"""

import os
import pty
import re
import select
import subprocess
import termios
import time

import pyte
from support import TWINKLE

from twinkle_host.waiting import PATIENCE_S

COLUMNS, LINES = 200, 40
KEPT = 10_000  # lines that have left the screen
PIECE = 4096


class Terminal(pyte.HistoryScreen):
    """The emulated screen. ``answer(text)`` is called with what the terminal itself says, as where its cursor is."""

    def __init__(self, answer):
        self._answer = answer
        super().__init__(COLUMNS, LINES, history=KEPT, ratio=0.5)

    def write_process_input(self, data):
        """The terminal says something to the program."""
        self._answer(data)

    @property
    def all_lines(self):
        """What has left the screen and what is on it, from top to bottom."""
        left = ("".join(line[x].data for x in range(COLUMNS)) for line in self.history.top)
        return [line.rstrip() for line in (*left, *self.display)]


class Screen:
    """A program on a terminal of its own. ``said``: all that it wrote, as it came."""

    def __init__(self, environment, *arguments):
        self._ours, its = pty.openpty()
        termios.tcsetwinsize(its, (LINES, COLUMNS))
        self._process = subprocess.Popen(
            [TWINKLE, *map(str, arguments)],
            *(-1, None, its, its, its),
            env={**os.environ, "TERM": "xterm", **environment},
            start_new_session=True,
        )
        os.close(its)
        self._terminal = Terminal(self.type)
        self._stream = pyte.ByteStream(self._terminal)
        self._seen = 0, 0  # the line and the column where what was waited for last ends
        self.said = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)

    def type(self, keys):
        os.write(self._ours, keys.encode())

    @property
    def text(self):
        """The screen, and what has left it."""
        return "\n".join(self._terminal.all_lines).rstrip()

    def wait_for(self, pattern):
        """Wait until this stands on the screen, behind or below what was waited for before."""
        end = time.monotonic() + PATIENCE_S
        while not self._finds(pattern):
            assert self._hears(end), f"no {pattern!r} on the screen:\n{self.text}"

    def _finds(self, pattern):
        line, column = self._seen
        first, *others = self._terminal.all_lines[line:]
        found = re.search(pattern, "\n".join([first[column:], *others]))
        if found:
            *above, last = found.string[: found.end()].split("\n")
            self._seen = line + len(above), len(last) + (0 if above else column)
        return found

    def _hears(self, end):
        """Whether the program says something before ``end``, which is then on the screen."""
        left = max(0, end - time.monotonic())
        if not select.select([self._ours], [], [], left)[0]:
            return False
        try:
            piece = os.read(self._ours, PIECE)
        except OSError:  # the program has ended and the terminal with it
            return False
        self.said += piece
        self._stream.feed(piece)
        return True

    def read_to_the_end(self):
        """The screen when the program has ended."""
        end = time.monotonic() + PATIENCE_S
        while self._hears(end):
            pass
        self._process.wait(timeout=PATIENCE_S)
        return self.text

    def leave(self):
        """Ctrl-D at the prompt; the exit status. What is typed before it is there may be lost."""
        self.wait_for(r"\w>")
        self.type("\x04")
        self.read_to_the_end()
        return self._process.returncode
