"""``/messages/serviceBound/feedback`` and ``…/filenotifications``: what services are told, until they have taken it.

IoT Hub developer guide, "Message feedback" (records in a JSON array) and "File upload notifications" (one
record in a message); azure-iot-sdk-csharp, CommonConstants: their content types.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..amqp.link import Link, Outcome
from ..amqp.messages import DATA, properties, section
from ..core import Hub, jsontext
from ..core.messages.feedback import MAX_RECORDS
from ..core.messages.notices import Notices, Record


class Form(NamedTuple):
    """How records are put into messages. ``count``: of one message at most; 0 for one that is no array."""

    content_type: str
    count: int


FEEDBACK = Form("application/vnd.microsoft.iothub.feedback.json", MAX_RECORDS)
FILE = Form("application/vnd.microsoft.iothub.filenotification.json", 0)


def body_of(records: list[Record], form: Form) -> bytes:
    """The body of a message of these records."""
    return jsontext.encode(records if form.count else records[0])


class NoticeReader:
    """A link's source of notices."""

    asks = True

    def __init__(self, link: Link, hub: Hub, notices: Notices, form: Form, wake: Callable[[], None]):
        self._link = link
        self._hub = hub
        self._notices = notices
        self._form = form
        self._count = 0
        self._leased: dict[int, list[Record]] = {}
        self._unwatch = notices.watch(wake)

    def next(self) -> bytes | None:
        """The next records as one message; None when there are none."""
        records = self._notices.lease(self._form.count or 1)
        if not records:
            return None
        if self._link.pre_settled:
            self._notices.settle(records, True)
        else:
            self._leased[self._count] = records
        self._count += 1
        head = properties(
            user_id=self._hub.events.hub_name.encode(),
            content_type=self._form.content_type,
            content_encoding="utf-8",
            creation_time=int(self._hub.clock.utc() * 1000),
        )
        return head + section(DATA, body_of(records, self._form))

    def settled(self, number: int, outcome: Outcome | None) -> None:
        """Accepted records are gone, and rejected ones; others come again."""
        taken = outcome is not None and outcome.name in ("accepted", "rejected")
        self._notices.settle(self._leased.pop(number), taken)

    def left(self) -> None:
        """The link is gone; what it has not settled comes again."""
        self._unwatch()
        for records in self._leased.values():
            self._notices.settle(records, False)
        self._leased.clear()
