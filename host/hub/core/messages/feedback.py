"""Feedback on cloud-to-device messages: what became of those whose sender wanted to know.

IoT Hub developer guide, "Message feedback": members and status codes of a record. Records wait for whoever
reads them, over restarts, the oldest 1,000 of them.
"""

from collections.abc import Callable
from typing import Any

from ..ports import Store
from ..times import iso

ACKS = ("none", "positive", "negative", "full")  # the values of iothub-ack
SUCCESS, EXPIRED, OVER_DELIVERED, PURGED = "Success", "Expired", "DeliveryCountExceeded", "Purged"
DESCRIPTIONS = {
    SUCCESS: "Success",
    EXPIRED: "The message expired before the device had taken it.",
    OVER_DELIVERED: "The message was delivered as often as it may be, and never completed.",
    PURGED: "The message was thrown away: the queue was emptied, or the device deleted.",
}
MAX_WAITING = 1000
RECORD_ID = "/feedback"

Record = dict[str, Any]


class Feedback:
    """The records that wait. ``dropped`` counts those there was no room for.

    ``failed(reason)`` hears of a write that failed; the records are kept in memory then.
    """

    def __init__(self, store: Store, failed: Callable[[str], None]):
        self.dropped = 0
        self._failed = failed
        self._store = store
        self._waiting: list[Record] = (store.load(RECORD_ID) or {}).get("records", [])
        self._leased: list[Record] = []
        self._watchers: list[Callable[[], None]] = []

    def tell(self, device_id: str, generation: str, message: dict[str, Any], status: str) -> None:
        """A message has come to its end."""
        wanted = message["properties"].get("iothub-ack")
        if wanted not in ("full", "positive" if status == SUCCESS else "negative"):
            return
        if len(self._waiting) + len(self._leased) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(
            {
                "originalMessageId": message["properties"].get("$.mid", ""),
                "enqueuedTimeUtc": iso(message.get("enqueued", 0.0)),
                "statusCode": status,
                "description": DESCRIPTIONS[status],
                "deviceId": device_id,
                "deviceGenerationId": generation,
            }
        )
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
            self._store.save({"id": RECORD_ID, "records": self._leased + self._waiting})
        except Exception as error:  # of whatever store; a message's end is not undone by it
            self._failed(f"the feedback could not be stored ({error}); make room on the hub's disk")
