"""A line that a test makes bad: hub.faults.line, in a thread of its own.

    with FaultProxy(hub_port) as line:
        line.delay = 0.3          # seconds, for every piece
        line.dribble = True       # a byte at a time
        line.stalled = True       # half-open: nothing passes, nobody is told
        line.refuses = True       # connections are accepted and closed
        line.cut_after = 1000     # bytes, then everything is aborted
        line.cut()                # now
        line.heal()

What is set applies at once, to connections that exist as well.
"""

import asyncio
import threading

from ..hub.faults.line import BadLine
from ..waiting import PATIENCE_S

TICK_S = 0.02


class FaultProxy(BadLine):
    """Listens at ``port`` on loopback and passes on to ``target``, another port there."""

    def __init__(self, target: int):
        super().__init__(self)
        self._target = target
        self.heal()

    def __enter__(self) -> "FaultProxy":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(PATIENCE_S), "the line did not come up"
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(PATIENCE_S)

    def cut(self) -> None:
        """Abort every connection."""
        self._loop.call_soon_threadsafe(self.abort)

    def heal(self) -> None:
        """A good line again."""
        self.delay: float | None = None
        self.cut_after: int | None = None
        self.dribble = self.stalled = self.refuses = False

    def value(self, fault: str, device: str) -> float | bool | None:
        """What is wrong with the line now."""
        return {
            "delay": self.delay,
            "dribble": self.dribble or None,
            "half-open": TICK_S if self.stalled else None,
            "hang-up": self.refuses or None,
        }.get(fault)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self.port = await self.start("127.0.0.1", 0, self._target)
        ready.set()
        await self._end.wait()
        self.stop()

    def _count(self, size: int) -> None:
        super()._count(size)
        if self.cut_after is not None:
            self.cut_after -= size
            if self.cut_after <= 0:
                self.cut_after = None
                self.abort()
