"""Notices a handler that keeps everything else waiting, on a computer where nothing else would."""

SLOW_MS = 1000


class Watch:
    """``ticks()`` is milliseconds of real time; enter() is the port's, see ``twinkle.ports.contract``."""

    def __init__(self, ticks):
        self._ticks = ticks
        self._begun = []  # one handler may call another

    def enter(self, handler):
        """A handler begins, or None: it has come to its end, and how long it took is told if that was long."""
        now = self._ticks()
        if handler:
            self._begun.append(now)
            return None
        took = now - (self._begun.pop() if self._begun else now)
        if took <= SLOW_MS:
            return None
        return " took %.1f s, while nothing else went on: a handler yields seconds to wait" % (took / 1000)
