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
        if self._handle:
            self._handle.cancel()
            self._handle = None
        wait = self._hub.step()
        if wait is not None:
            self._handle = asyncio.get_running_loop().call_later(max(0.0, wait), self.touch)

    def stop(self) -> None:
        """No more."""
        if self._handle:
            self._handle.cancel()
            self._handle = None
