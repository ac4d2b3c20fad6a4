"""Work on many devices in small portions, with a pause after each in which the hub serves its devices."""

from collections.abc import Callable

from ..ports import Clock
from ..timers import Timer, Timers

PORTION = 10  # twins that are written, or calls that are begun, at a time: a few milliseconds
LOOKS = 200  # things that are only looked at, at a time
PAUSE_S = 0.01


class Portions:
    """Calls ``work()`` until it answers None: the seconds of pause it wants before the next portion."""

    def __init__(self, clock: Clock, timers: Timers, work: Callable[[], float | None]):
        self._clock = clock
        self._timers = timers
        self._work = work
        self._timer: Timer | None = None

    def wake(self) -> None:
        """There is something to do."""
        if self._timer is None:
            self._timer = self._timers.at(self._clock.monotonic(), self._run)

    def _run(self) -> None:
        self._timer = None
        pause = self._work()
        if pause is not None and self._timer is None:
            self._timer = self._timers.at(self._clock.monotonic() + max(PAUSE_S, pause), self._run)
