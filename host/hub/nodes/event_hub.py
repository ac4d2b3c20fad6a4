"""What all AMQP connections of a hub share: the hub, the log, the consumer groups and who reads where."""

from collections.abc import Callable, Iterable

from ..amqp.errors import NOT_FOUND, RESOURCE_LIMIT_EXCEEDED, STOLEN
from ..amqp.link import Refused
from ..core import Hub
from ..events.log import EventLog
from .partition import Reader

DEFAULT_GROUP = "$Default"
MAX_READERS = 5  # of one partition and group; Event Hubs quotas


class EventHub:
    """The event hub of one hub. ``groups``: the names of its consumer groups beside ``$Default``.

    ``touch()`` is called when the hub's next deadline may have changed. ``port``: of the AMQP door.
    """

    def __init__(
        self,
        hub: Hub,
        log: EventLog,
        groups: Iterable[str] = (),
        touch: Callable[[], None] = lambda: None,
        port: int = 5671,
    ):
        self.touch = touch
        self.hub = hub
        self.log = log
        self.port = port
        self.name = hub.events.hub_name
        self.groups = (DEFAULT_GROUP, *groups)
        self._named = {name.lower(): name for name in self.groups}
        self._readers: dict[tuple[str, int], list[Reader]] = {}

    def partition(self, group: str, text: str) -> tuple[str, int]:
        """A consumer group and a partition by their names; amqp:not-found for others."""
        if group.lower() not in self._named:
            raise Refused(
                NOT_FOUND,
                f"There is no consumer group {group[:64]!r}; there are {', '.join(self.groups)}. "
                "Start the hub with --consumer-group to have more.",
            )
        if not (text.isascii() and text.isdigit()) or int(text) >= len(self.log.partitions):
            raise Refused(
                NOT_FOUND,
                f"There is no partition {text[:16]!r}; there are 0 to {len(self.log.partitions) - 1}.",
            )
        return group.lower(), int(text)

    # Event Hubs, "Event consumers": "Epoch" and "No epoch".

    def admit(self, reader: Reader) -> None:
        """Let a reader in, and end those that it takes the partition from; Refused when it may not."""
        others = list(self._readers.get(reader.place, ()))
        held = [other.level for other in others if other.level is not None]
        where = f"partition {reader.place[1]} of {self._named[reader.place[0]]}"
        if reader.level is None and held:
            raise Refused(
                STOLEN,
                f"A reader with owner level {max(held)} has {where}, so that one without is not allowed; "
                "give it an owner level of its own, or end the other.",
            )
        if reader.level is not None:
            if held and max(held) > reader.level:
                raise Refused(
                    STOLEN,
                    f"A reader with the higher owner level {max(held)} has {where}; "
                    f"{reader.level} is not enough.",
                )
            while others:
                others.pop().end(
                    Refused(
                        STOLEN, f"A reader with owner level {reader.level} has taken {where} from this one."
                    )
                )
        if len(others) >= MAX_READERS:
            raise Refused(
                RESOURCE_LIMIT_EXCEEDED,
                f"There are {MAX_READERS} readers of {where} already, which is the maximum; "
                "end one, or use another consumer group.",
            )
        self._readers.setdefault(reader.place, []).append(reader)

    def left(self, reader: Reader) -> None:
        """A reader is gone."""
        others = self._readers[reader.place]
        others.remove(reader)
        if not others:
            del self._readers[reader.place]
