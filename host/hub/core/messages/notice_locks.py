"""Notices for readers without a connection: each batch is locked until its reader says what becomes of it.

REST reference, "Cloud To Device Messages": receive, complete and abandon a feedback message by its lock token; a
file notification likewise.
"""

from collections.abc import Callable

from ..errors import HubError
from ..ports import Clock
from ..timers import Timer, Timers
from .locks import LOCK_S
from .notices import Notices, Record

MAX_LOCKS = 100


class NoticeLocks:
    """The batches that were handed out and not settled yet. ``count``: notices in one at most."""

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        notices: Notices,
        random_bytes: Callable[[int], bytes],
        count: int,
    ):
        self._clock = clock
        self._timers = timers
        self._notices = notices
        self._count = count
        self._random = random_bytes
        self._locked: dict[str, tuple[list[Record], Timer]] = {}

    def receive(self) -> tuple[str, list[Record]] | None:
        """The token and the records of the next batch; None when there is none, or too many are locked."""
        records = self._notices.lease(self._count) if len(self._locked) < MAX_LOCKS else []
        if not records:
            return None
        token = self._random(16).hex()
        timer = self._timers.at(self._clock.monotonic() + LOCK_S, lambda: self._settle(token, False))
        self._locked[token] = records, timer
        return token, records

    def complete(self, token: str) -> None:
        """A batch is taken for good; 412002 when its lock is gone."""
        self._check(token)
        self._settle(token, True)

    def abandon(self, token: str) -> None:
        """A batch is given back, to be received again; 412002 likewise."""
        self._check(token)
        self._settle(token, False)

    def _check(self, token: str) -> None:
        if token not in self._locked:
            raise HubError(
                "DeviceMessageLockLost",
                f"Nothing is locked by that token: it was settled, or {LOCK_S:g} s have passed; receive it again.",
            )

    def _settle(self, token: str, taken: bool) -> None:
        records, timer = self._locked.pop(token)
        timer.cancel()
        self._notices.settle(records, taken)
