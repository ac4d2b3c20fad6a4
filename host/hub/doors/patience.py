"""Limits on those who are waited for: how long they may be silent, and how many there may be."""

import asyncio
from collections.abc import Callable
from typing import Protocol

MAX_WAITING = 1000  # connections that have not yet said who they are


class Comer(Protocol):
    """A connection that may be ended without a word."""

    def drop(self) -> None: ...


class Lobby:
    """Those who have not yet said who they are, the oldest first. ``refused``: how many had to make room."""

    def __init__(self) -> None:
        self.refused = 0
        self._waiting: dict[Comer, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, comer: Comer) -> None:
        """One more. The one that has waited longest makes room: an honest device is done in a moment."""
        if len(self._waiting) >= MAX_WAITING:
            oldest = next(iter(self._waiting))
            self.leave(oldest)
            oldest.drop()
            self.refused += 1
        self._waiting[comer] = None

    def leave(self, comer: Comer) -> None:
        """It has said who it is, or never will."""
        self._waiting.pop(comer, None)

    def close(self) -> None:
        """Drop them all."""
        for comer in list(self._waiting):
            comer.drop()


class Patience:
    """Calls ``end()`` after ``limit`` seconds of silence, once; it costs nothing for each word that is heard."""

    def __init__(self, limit: float, end: Callable[[], None]):
        self._limit = limit
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(limit, self._look)
        self.renew()

    def renew(self) -> None:
        """Something was heard."""
        self._heard = self._loop.time()

    def stop(self) -> None:
        """It does not matter any more."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._heard + self._limit - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._end()
