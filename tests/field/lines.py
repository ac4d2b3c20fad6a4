"""Listening to a board's serial line."""

from twinkle_host.waiting import eventually


class Overheard:
    """A line that several read: what any of them reads is written down, for heard() on it."""

    def __init__(self, line):
        self._line = line
        self._unheard = b""
        self.name, self.attention = line.name, line.attention
        self.write, self.close = line.write, line.close

    def read(self):
        """What has come."""
        data = self._line.read()
        self._unheard += data
        return data

    def heard(self, until):
        """What has come since the last time and until this does, this included."""

        def came():
            self.read()
            return until.encode() in self._unheard

        eventually(came, told=lambda: f"{until!r} in {self._unheard!r}")
        before, _, self._unheard = self._unheard.partition(until.encode())
        return before.decode(errors="replace") + until


def heard(line, until):
    """What comes until this does, this included."""
    text = ""

    def came():
        nonlocal text
        text += line.read().decode(errors="replace")
        return until in text

    eventually(came, told=lambda: f"{until!r} in {text!r}")
    return text
