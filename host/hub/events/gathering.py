"""One commit for all that came in one turn of the event loop, and who waits for it.

A device's QoS 1 message is acknowledged after the commit that holds it. Where many devices speak at once
their messages share it; while there are several in each, a commit waits a little for more. A device that
speaks alone does not wait.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from .log import EventLog

log = logging.getLogger("twinkle.hub")

RETAIN_S = 30.0  # between two looks at what is too old
MORE_S = 0.05  # between two steps of dropping
MAX_GATHERED = 1000  # events; more are not kept waiting
SEVERAL = 4  # events in the last commit, from which on the next one waits
WAIT_S = 0.001


class Gathering:
    """The core's log of events, in an event loop. ``lost`` counts events that could not be written."""

    def __init__(self, events: EventLog):
        self.events = events
        self.lost = 0
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Callable[[bool], None]] = []
        self._watchers: dict[object, Callable[[list[int]], None]] = {}
        self._due: asyncio.Handle | None = None
        self._last = 0
        self._sweep: asyncio.Handle = self._loop.call_soon(self._retain)

    def append(self, *event: Any) -> None:
        """See the core's port."""
        self.events.append(*event)
        if self.events.gathered >= MAX_GATHERED:
            self._commit()
        elif self._due is None:
            loop = self._loop
            several = self._last >= SEVERAL
            self._due = loop.call_later(WAIT_S, self._commit) if several else loop.call_soon(self._commit)

    def after(self, act: Callable[[bool], None]) -> None:
        """Call ``act`` once what was appended is kept: True, or False when it could not be."""
        if self.events.gathered:
            self._waiting.append(act)
        else:
            act(True)

    def watch(self, grown: Callable[[list[int]], None]) -> Callable[[], None]:
        """Call ``grown`` with the numbers of the partitions after each commit; answers the function that ends it."""
        token = object()
        self._watchers[token] = grown

        def end() -> None:
            self._watchers.pop(token, None)

        return end

    def _commit(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        count, kept, grown = self.events.gathered, True, []
        self._last = count
        try:
            grown = self.events.commit()
        except sqlite3.Error as error:
            self.lost += count
            kept = False
            log.error("%d events could not be kept (%s); make room on the hub's disk", count, error)
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act(kept)
        for tell in list(self._watchers.values()):
            tell(grown)

    def _retain(self) -> None:
        more = False
        try:
            more = self.events.retain(time.time())
        except sqlite3.Error as error:
            log.error("old events could not be dropped (%s)", error)
        self._sweep = self._loop.call_later(MORE_S if more else RETAIN_S, self._retain)

    def close(self) -> None:
        """Keep what has come, and close."""
        self._sweep.cancel()
        if self.events.gathered:
            self._commit()
        self.events.close()
