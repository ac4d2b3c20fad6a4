"""The device's log: lines to the console, and the last of them in a ring.

Secrets that are known to the process are named once with hide(); whatever
happens to contain one is written without it.
"""

LEVELS = ("debug", "info", "warning", "error")
RING = 40  # lines kept for a technician who comes later


def plain(text):
    """One line that every screen takes: a control character or half a surrogate pair is shown as ``?``."""
    return "".join([sign if _harmless(sign) else "?" for sign in text])


def _harmless(sign):
    return " " <= sign <= "~" or (sign >= "\xa0" and not "\ud800" <= sign <= "\udfff")


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
