"""Feedback on cloud-to-device messages: what became of those whose sender wanted to know.

IoT Hub developer guide, "Message feedback": members and status codes of a record.
"""

from collections.abc import Callable
from typing import Any

from ..ports import Store
from ..times import iso
from .notices import Notices

ACKS = ("none", "positive", "negative", "full")  # the values of iothub-ack
SUCCESS, EXPIRED, OVER_DELIVERED, PURGED = "Success", "Expired", "DeliveryCountExceeded", "Purged"
REJECTED = "Rejected"
DESCRIPTIONS = {
    SUCCESS: "Success",
    EXPIRED: "The message expired before the device had taken it.",
    OVER_DELIVERED: "The message was delivered as often as it may be, and never completed.",
    REJECTED: "The device rejected the message.",
    PURGED: "The message was thrown away: the queue was emptied, or the device deleted.",
}
MAX_RECORDS = 64  # in one batch
RECORD_ID = "/feedback"


class Feedback(Notices):
    """The records that wait; see Notices."""

    def __init__(self, store: Store, failed: Callable[[str], None]):
        super().__init__(store, RECORD_ID, "feedback", failed)

    def tell(self, device_id: str, generation: str, message: dict[str, Any], status: str) -> None:
        """A message has come to its end."""
        wanted = message["properties"].get("iothub-ack")
        if wanted not in ("full", "positive" if status == SUCCESS else "negative"):
            return
        self.put(
            {
                "originalMessageId": message["properties"].get("$.mid", ""),
                "enqueuedTimeUtc": iso(message.get("enqueued", 0.0)),
                "statusCode": status,
                "description": DESCRIPTIONS[status],
                "deviceId": device_id,
                "deviceGenerationId": generation,
            }
        )
