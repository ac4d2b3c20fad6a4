"""Notices of the hub that wait for whoever reads them, over restarts, the oldest 1,000 of them."""

from collections.abc import Callable
from typing import Any

from ..ports import Store

MAX_WAITING = 1000

Record = dict[str, Any]


class Notices:
    """Records that wait. ``dropped`` counts those there was no room for.

    ``record_id``: of the store's record that keeps them, which ``called`` is what people call. ``failed(reason)``
    hears of a write that failed; the records are kept in memory then.
    """

    def __init__(self, store: Store, record_id: str, called: str, failed: Callable[[str], None]):
        self.dropped = 0
        self._id = record_id
        self._called = called
        self._failed = failed
        self._store = store
        self._waiting: list[Record] = (store.load(record_id) or {}).get("records", [])
        self._leased: list[Record] = []
        self._watchers: list[Callable[[], None]] = []

    def put(self, record: Record) -> None:
        """One more, if there is room."""
        if len(self._waiting) + len(self._leased) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(record)
        self._save()
        for told in list(self._watchers):
            told()

    def lease(self, count: int) -> list[Record]:
        """Up to ``count`` records, which nobody else gets until they are given back."""
        leased, self._waiting = self._waiting[:count], self._waiting[count:]
        self._leased += leased
        return leased

    def settle(self, records: list[Record], taken: bool) -> None:
        """Leased records are ``taken`` for good, or given back."""
        self._leased = [record for record in self._leased if not any(record is other for other in records)]
        if not taken:
            self._waiting[:0] = records
        self._save()

    def watch(self, told: Callable[[], None]) -> Callable[[], None]:
        """Call ``told`` when a record comes; answers the function that ends it."""
        self._watchers.append(told)
        return lambda: self._watchers.remove(told)

    def _save(self) -> None:
        try:
            self._store.save({"id": self._id, "records": self._leased + self._waiting})
        except Exception as error:  # of whatever store; what is told of is not undone by it
            self._failed(f"the {self._called} could not be stored ({error}); make room on the hub's disk")
