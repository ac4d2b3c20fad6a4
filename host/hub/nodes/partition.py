"""A reader's place in a partition of the log, and the events that its link gets."""

import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..amqp.errors import ARGUMENT_ERROR, NOT_IMPLEMENTED
from ..amqp.link import Link, Outcome, Refused
from ..amqp.messages import DELIVERY_ANNOTATIONS, section
from ..amqp.types import Described, Symbol, Timestamp
from ..events.log import COLUMNS, EventLog, Row

SELECTOR = "apache.org:selector-filter:string"
EPOCH = "com.microsoft:epoch"
METRICS = "com.microsoft:enable-receiver-runtime-metric"
LATEST = "@latest"
MAX_SELECTOR = 256  # characters

_SELECTOR = re.compile(
    r"\s*amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time|enqueuedtimeutc)\s*(>=?)"
    r"\s*('?)(@latest|-?\d{1,19})\3\s*"
)
# Names of columns of older readers: Azure's command line (monitor-events), Event Hubs' C client.
_OLDER = {"enqueuedtimeutc": "enqueued-time"}
# Columns that are places in the partition -> what Event Hubs calls them.
_PLACES = {"offset": "offset", "sequence-number": "sequence number"}


class Reader:
    """One link's way through a partition. ``place``: group and partition; ``level``: its owner level, None without.

    ``wake()`` is called when something is to be sent that its peer did not ask for.
    """

    asks = False

    def __init__(self, link: Link, log: EventLog, place: tuple[str, int], wake: Callable[[], None]):
        level = link.properties.get(EPOCH)
        self.place = place
        self.level = int(level) if isinstance(level, int) and not isinstance(level, bool) else None
        self._link = link
        self._log = log
        self._wake = wake
        self._tells = METRICS in link.wants
        self._rows: deque[Row] = deque()
        self._next = self._start()

    def _start(self) -> int:
        number = self.place[1]
        text = selector_of(self._link)
        if text is None:
            return 0
        match = _SELECTOR.fullmatch(text)
        if match is None:
            raise Refused(
                NOT_IMPLEMENTED,
                f"The filter {text[:80]!r} is not understood; it begins at an offset, a sequence number or a time.",
            )
        column, comparison, _, value = match.groups()
        column = _OLDER.get(column, column)
        if value == LATEST:
            return self._log.partitions[number].next
        if column in _PLACES:
            self._check(column, int(value))
        return self._log.place_of(number, column, int(value), comparison == ">=")

    def _check(self, column: str, value: int) -> None:
        # As Event Hubs does: what a reader remembers of another log, or of one that began anew, is no place in this.
        last = self._log.last(self.place[1])[COLUMNS[column]]
        if value > max(0, last):
            name = _PLACES[column]
            raise Refused(
                ARGUMENT_ERROR,
                f"The supplied {name} '{value}' is invalid. The last {name} in the system is '{last}'. "
                "If the hub began anew, forget the checkpoints of before.",
            )

    # --- the link's source

    def next(self) -> bytes | None:
        """The next event; None when it has seen them all."""
        if not self._rows:
            self._rows.extend(self._log.read(self.place[1], self._next))
            if not self._rows:
                return None
        row = self._rows.popleft()
        self._next = row.sequence + 1
        return self._metrics() + row.message if self._tells else row.message

    def _metrics(self) -> bytes:
        sequence, offset, enqueued = self._log.last(self.place[1])
        return section(
            DELIVERY_ANNOTATIONS,
            {
                Symbol("last_enqueued_sequence_number"): sequence,
                Symbol("last_enqueued_offset"): str(offset),
                Symbol("last_enqueued_time_utc"): Timestamp(enqueued),
                Symbol("runtime_info_retrieval_time_utc"): Timestamp(int(time.time() * 1000)),
            },
        )

    def settled(self, number: int, outcome: Outcome | None) -> None:
        """Events stay whatever becomes of them."""

    def end(self, error: Refused) -> None:
        """Somebody else has its place."""
        self._link.detach(error)
        self._wake()


def selector_of(link: Link) -> str | None:
    """Where a reader wants to begin; that filter alone is kept to, and said to be."""
    for key, value in link.filters.items():
        text: Any = value.value if isinstance(value, Described) else value
        if key == SELECTOR and isinstance(text, str):
            link.echoed = {Symbol(key): value}
            return text[: MAX_SELECTOR + 1]
    return None
