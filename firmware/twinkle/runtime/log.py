"""The device's log: lines to the console, and the last of them in a ring.

Secrets that are known to the process are named once with hide(); whatever
happens to contain one is written without it.
"""

import re

LEVELS = ("debug", "info", "warning", "error")
RING = 40  # lines kept for a technician who comes later
# In UTF-8: C0, delete, C1, what writes from right to left (Unicode Standard Annex 9, table 4), separators of
# lines, the byte order mark and halves of surrogate pairs.
NOT_SHOWN = (
    b"[^ -~\x80-\xff]|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
    b"|\xef\xbb\xbf|\xed[\xa0-\xbf]."
)


def plain(text):
    """One line that every screen takes as it is read: what is no character, or moves others, is shown as ``?``."""
    return str(re.sub(NOT_SHOWN, b"?", text.encode("utf-8", "surrogatepass")), "utf-8")


def explained(error):
    """An application's error in words, with its place if there is the memory to find it."""
    try:
        from .mistakes import explained

        return explained(error)
    except Exception:
        return repr(error)


class Log:
    """``write(line)`` puts out a line; ``ticks()`` is monotonic milliseconds.

    ``level`` is the least that is written.
    """

    def __init__(self, write, ticks, level="info"):
        self._write = write
        self._ticks = ticks
        self.level = level
        self._secrets = []
        self.ring = []

    def hide(self, secret):
        """Never write this text."""
        if secret:
            self._secrets.append(secret)

    def say(self, level, text):
        """Write ``text`` unless ``level`` is below the one asked for."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if LEVELS.index(level) < LEVELS.index(self.level):
            return
        line = "%.3f %s %s" % (self._ticks() / 1000, level, plain(text.replace("\n", " ")))
        if len(self.ring) >= RING:
            self.ring.pop(0)
        self.ring.append(line)
        self._write(line)
