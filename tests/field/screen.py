"""A command as a person has it: on a terminal, with keys to press and a screen to read."""

import os
import pty
import re
import subprocess
import time

from places import TWINKLE


class Screen:
    """A program on a terminal of its own."""

    def __init__(self, environment, *arguments):
        self._ours, its = pty.openpty()
        os.set_blocking(self._ours, False)
        self._process = subprocess.Popen(
            [TWINKLE, *map(str, arguments)],
            *(-1, None, its, its, its),
            env={**os.environ, "TERM": "xterm", **environment},
            start_new_session=True,
        )
        os.close(its)
        self.text = ""

    def type(self, keys):
        os.write(self._ours, keys.encode())

    def wait_for(self, pattern, limit=20):
        """Wait until this shows up after what was waited for before."""
        end = time.monotonic() + limit
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end() :]
                return found
            assert time.monotonic() < end, f"no {pattern!r} in:\n{self.text}"
            self._read()

    def _read(self):
        try:
            found = os.read(self._ours, 4096).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.02)
            return ""
        except OSError:  # the program has ended and the terminal with it
            return ""
        self.text += found
        if "\x1b[6n" in self.text:  # the terminal is asked where its cursor is
            self.text = self.text.replace("\x1b[6n", "")
            self.type("\x1b[1;1R")
        self.text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.text)
        return found

    def read_to_the_end(self, limit=60):
        """Everything up to the end of the program."""
        end = time.monotonic() + limit
        while self._process.poll() is None:
            assert time.monotonic() < end, self.text
            self._read()
        while self._read():
            pass
        return self.text

    def leave(self):
        self.type("\x04")
        return self._process.wait(timeout=10)
