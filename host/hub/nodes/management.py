"""``$management``: what there is to know of the event hub and of its partitions (Event Hubs' management node)."""

from typing import Any

from ..amqp.messages import Message
from ..amqp.types import Array, Int, Timestamp
from .answers import Answer
from .event_hub import EventHub

HUB, PARTITION = "com.microsoft:eventhub", "com.microsoft:partition"


def answer(event_hub: EventHub, message: Message) -> Answer:
    """The answer to a request: status, text, body."""
    asked = message.application
    if asked.get("operation") != "READ" or asked.get("type") not in (HUB, PARTITION):
        return 400, f"The only operation is READ, of {HUB} or {PARTITION}.", None
    name = str(asked.get("name", ""))
    if name.lower() != event_hub.name.lower():
        return 404, f"There is no event hub {name[:64]!r}; this one is {event_hub.name!r}.", None
    if asked["type"] == HUB:
        return 200, "OK", _hub(event_hub, name)
    number = str(asked.get("partition", ""))
    if not (number.isascii() and number.isdigit()) or int(number) >= len(event_hub.log.partitions):
        return 404, f"There is no partition {number[:16]!r}.", None
    return 200, "OK", _partition(event_hub, name, int(number))


def _hub(event_hub: EventHub, name: str) -> dict[str, Any]:
    count = len(event_hub.log.partitions)
    return {
        "name": name,
        "type": HUB,
        "created_at": Timestamp(event_hub.log.created),
        "partition_count": Int(count),
        "partition_ids": Array.of_strings([str(number) for number in range(count)]),
    }


def _partition(event_hub: EventHub, name: str, number: int) -> dict[str, Any]:
    part, (sequence, offset, enqueued) = event_hub.log.partitions[number], event_hub.log.last(number)
    return {
        "name": name,
        "type": PARTITION,
        "partition": str(number),
        # Of a partition whose events have all left, Event Hubs says that it begins with the last one.
        "begin_sequence_number": max(0, sequence) if part.is_empty else part.begin,
        "last_enqueued_sequence_number": sequence,
        "last_enqueued_offset": str(offset),
        "last_enqueued_time_utc": Timestamp(enqueued),
        "is_partition_empty": part.is_empty,
    }
