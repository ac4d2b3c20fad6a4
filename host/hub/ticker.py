"""Runs what is due in the hub core, in an event loop."""

import asyncio

from .core import Hub


class Ticker:
    """Calls ``hub.step()`` at the right moments. touch() after anything that may have set one."""

    def __init__(self, hub: Hub):
        self._hub = hub
        self._handle: asyncio.TimerHandle | None = None

    def touch(self) -> None:
        """Run what is due and look anew when the next thing will be."""
        wait = self._hub.step()
        if wait is None:
            return
        loop = asyncio.get_running_loop()
        moment = loop.time() + max(0.0, wait)
        if self._handle:
            if self._handle.when() <= moment:
                return  # it is looked at soon enough
            self._handle.cancel()
        self._handle = loop.call_at(moment, self._ring)

    def _ring(self) -> None:
        self._handle = None
        self.touch()

    def stop(self) -> None:
        """No more."""
        if self._handle:
            self._handle.cancel()
            self._handle = None
