"""A limit on silence that costs nothing for each word while the other end talks."""

import asyncio
from collections.abc import Callable


class Patience:
    """Calls ``end()`` after ``limit`` seconds of silence, once."""

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
