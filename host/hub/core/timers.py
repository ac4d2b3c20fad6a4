"""Things to do later, in a heap. Time comes from outside."""

import heapq
from collections.abc import Callable


class Timer:
    """One thing to do at ``when`` (monotonic seconds), unless cancelled."""

    __slots__ = ("_timers", "action", "when")

    def __init__(self, when: float, action: Callable[[], None], timers: "Timers"):
        self.when = when
        self.action: Callable[[], None] | None = action
        self._timers = timers

    def cancel(self) -> None:
        """Do not do it. Harmless when it is done or cancelled already."""
        if self.action is not None:
            self.action = None
            self._timers.drop()


class Timers:
    """A heap of timers. Cancelled ones are swept once they are the majority, so it stays bounded."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, when: float, action: Callable[[], None]) -> Timer:
        """Run ``action()`` at ``when``; equal moments run in the order they were asked for."""
        timer = Timer(when, action, self)
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, timer))
        return timer

    def drop(self) -> None:
        """Count one cancelled timer; sweep when they are the majority."""
        self._dropped += 1
        if self._dropped > 64 and self._dropped * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._dropped = 0

    def run(self, now: float) -> float | None:
        """Run what is due at ``now``; answers the next moment, or None when nothing waits."""
        while self._heap:
            when, _, timer = self._heap[0]
            if timer.action is not None and when > now:
                return when
            heapq.heappop(self._heap)
            if timer.action is None:
                self._dropped = max(0, self._dropped - 1)
                continue
            action, timer.action = timer.action, None
            action()
        return None
