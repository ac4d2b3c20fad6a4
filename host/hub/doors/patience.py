"""Limits on those who are waited for: how long they may be silent, how many there may be, and what they may say."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

MAX_WAITING = 1000  # connections that have not yet said who they are
MAX_BYTES = 32 << 20  # that they have said so far, all together: no part of the hub can hold more for them


class Comer(Protocol):
    """A connection that may be ended without a word."""

    def drop(self) -> None: ...


class Lobby:
    """Those who have not yet said who they are, the oldest first: at most MAX_WAITING, and MAX_BYTES of theirs.

    ``refused``: how many had to make room. ``said``: bytes of all of them, be it a handshake, the header of a request
    or the beginning of a message: whatever they lead to, no more than these can lie anywhere and wait for its end.
    """

    def __init__(self) -> None:
        self.refused = 0
        self.said = 0
        self._waiting: dict[Comer, int] = {}  # and what each has said

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Comer]:
        return iter(list(self._waiting))

    def enter(self, comer: Comer) -> None:
        """One more. The one that has waited longest makes room: an honest client is done in a moment."""
        if len(self._waiting) >= MAX_WAITING:
            self._refuse(next(iter(self._waiting)))
        self._waiting[comer] = 0

    def heard(self, comer: Comer, size: int) -> None:
        """It has said something; nothing is counted of one that is not, or no longer, here."""
        if comer not in self._waiting:
            return
        self._waiting[comer] += size
        self.said += size
        while self.said > MAX_BYTES:
            self._refuse(next(one for one, said in self._waiting.items() if said))

    def _refuse(self, comer: Comer) -> None:
        self.leave(comer)
        comer.drop()
        self.refused += 1

    def leave(self, comer: Comer) -> None:
        """It has said who it is, or never will."""
        self.said -= self._waiting.pop(comer, 0)


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
