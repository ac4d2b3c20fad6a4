"""One AMQP connection's own part: its tokens, its links, and the node that each address leads to."""

import re
from collections.abc import Callable
from typing import Any

from ..amqp.errors import DETACH_FORCED, NOT_ALLOWED, NOT_FOUND, REDIRECT, UNAUTHORIZED_ACCESS, AmqpError
from ..amqp.link import Link, Refused, Sink, Source
from ..amqp.types import Symbol
from ..core import SERVICE_CONNECT
from ..core.messages.notices import Notices
from . import management, notices
from .answers import OK, Answer, Answers, Requests
from .devicebound import DeviceBound
from .event_hub import EventHub
from .notices import NoticeReader
from .partition import Reader
from .tokens import Tokens

CBS, MANAGEMENT = "$cbs", "$management"
DEVICE_BOUND = ("messages", "devicebound")
FEEDBACK = ("messages", "servicebound", "feedback")
FILES = ("messages", "servicebound", "filenotifications")
SHOWN = 128  # characters of what a client named

_HOST = re.compile(r"^(?:amqps?|sb|https)://[^/]*", re.IGNORECASE)
_READERS = re.compile(r"([^/]+)/ConsumerGroups/([^/]+)/Partitions/([^/]+)", re.IGNORECASE)
_EVENTS = re.compile(r"messages/events(/.*)?", re.IGNORECASE)


class HubContainer:
    """One connection; its engine's Container. ``wake()``: see Reader. ``tell(text)`` hears what it was refused."""

    def __init__(
        self,
        event_hub: EventHub,
        wake: Callable[[], None],
        tell: Callable[[str], None] = lambda _: None,
    ):
        self._event_hub = event_hub
        self._wake = wake
        self._tell = tell
        self._tokens = Tokens(event_hub.hub.access, event_hub.name)
        self._ends: dict[Link, Any] = {}
        self._answers: list[Answers] = []
        self._paths: dict[Link, tuple[str, ...]] = {}

    # --- the engine's container

    def attach(self, link: Link) -> Source | Sink:
        """The end for a link; Refused with the documented condition when there is none, or not for this client."""
        address = _HOST.sub("", link.address).strip("/")
        path = tuple(address.lower().split("/"))
        if path == (MANAGEMENT,):
            path = (self._event_hub.name.lower(), MANAGEMENT)  # azure-eventhub leaves out whose
        if path == (CBS,):
            end = self._ask(link, self._tokens.answer)
        else:
            self._check(path)
            end = self._open(link, address, path)
            self._paths[link] = path
        self._ends[link] = end
        return end

    def detached(self, link: Link) -> None:
        """A link is gone."""
        end = self._ends.pop(link, None)
        self._paths.pop(link, None)
        if isinstance(end, Answers):
            self._answers.remove(end)
        elif isinstance(end, Reader):
            self._event_hub.left(end)
        elif isinstance(end, NoticeReader):
            end.left()

    def refused(self, address: str, error: AmqpError) -> None:
        """The client is told of an error."""
        if error.condition == DETACH_FORCED:
            return  # a connection that the hub ends is told of as such
        self._tell(f"{address[:SHOWN]!r}: {error}" if address else str(error))

    def plain(self, name: str, password: str) -> bool:
        """SASL PLAIN: ``policy@sas.root.hub`` and a SAS token (IoT Hub), or a policy and its key (Event Hubs)."""
        refused = self._tokens.plain(name, password)
        if refused is not None:
            self._tell(f"SASL PLAIN for {name[:SHOWN]!r}: {refused}")
        return refused is None

    # --- what an address leads to

    def _open(self, link: Link, address: str, path: tuple[str, ...]) -> Source | Sink:
        if path[-1] == MANAGEMENT and len(path) <= 2:
            return self._ask(link, lambda message: management.answer(self._event_hub, message))
        if match := _READERS.fullmatch(address):
            return self._read(link, *match.groups())
        if match := _EVENTS.fullmatch(address):
            raise self._redirect(match[1] or "")
        if path == DEVICE_BOUND and not link.sends:
            return DeviceBound(self._event_hub.hub, self._event_hub.touch)
        if path == FEEDBACK and link.sends:
            return self._notices(link, self._event_hub.hub.feedback, notices.FEEDBACK)
        if path == FILES and link.sends:
            return self._notices(link, self._event_hub.hub.files, notices.FILE)
        raise Refused(NOT_FOUND, f"There is no node {address[:128]!r} on this hub, for this direction.")

    def _notices(self, link: Link, waiting: Notices, form: notices.Form) -> NoticeReader:
        return NoticeReader(link, self._event_hub.hub, waiting, form, self._wake)

    def _ask(self, link: Link, answer: Any) -> Source | Sink:
        if not link.sends:
            return Requests(link, self._answers, lambda message: self._told(link, answer(message)))
        answers = Answers(link)
        self._answers.append(answers)
        return answers

    def _told(self, link: Link, answer: Answer) -> Answer:
        status, text, _ = answer
        if status != OK:
            self._tell(f"{link.address[:SHOWN]!r}: {status} {text}")
        return answer

    def _read(self, link: Link, hub: str, group: str, partition: str) -> Reader:
        if hub.lower() != self._event_hub.name.lower():
            raise Refused(
                NOT_FOUND, f"There is no event hub {hub[:64]!r}; this one is {self._event_hub.name!r}."
            )
        if not link.sends:
            raise Refused(NOT_ALLOWED, "Events come from devices; this endpoint is for reading.")
        reader = Reader(link, self._event_hub.log, self._event_hub.partition(group, partition), self._wake)
        self._event_hub.admit(reader)
        return reader

    def _redirect(self, rest: str) -> Refused:
        # The IoT Hub developer guide's way from a hub's own name to its built-in endpoint.
        host = self._event_hub.hub.host_name
        endpoint = f"amqps://{host}:{self._event_hub.port}/{self._event_hub.name}"
        info = {
            "hostname": host,
            "network-host": host,
            "port": self._event_hub.port,
            "address": endpoint + rest,
        }
        return Refused(
            REDIRECT,
            f"Events are read from {endpoint}/ConsumerGroups/$Default/Partitions/0 and so on.",
            {Symbol(name): value for name, value in info.items()},
        )

    # --- who may, and until when

    def _check(self, path: tuple[str, ...]) -> None:
        reason = self._tokens.why_not(SERVICE_CONNECT, path)
        if reason is not None:
            raise Refused(UNAUTHORIZED_ACCESS, reason)

    def expire(self) -> float | None:
        """End the links whose tokens have; answers the next moment to look, in seconds since 1970, or None."""
        for link, path in list(self._paths.items()):
            reason = self._tokens.why_not(SERVICE_CONNECT, path)
            if reason is not None:
                link.detach(Refused(UNAUTHORIZED_ACCESS, reason))
        return self._tokens.next_end()

    def release(self, reason: str) -> None:
        """End its readers of events, since the connection is about to end.

        @azure/event-hubs hears of that at once and dials again; of a connection that is gone only when its wait for
        events is over, after up to a minute.
        """
        for link, end in list(self._ends.items()):
            if isinstance(end, Reader):
                link.detach(Refused(DETACH_FORCED, reason))

    @property
    def puts(self) -> int:
        """How many tokens were put so far."""
        return self._tokens.puts

    def reads(self, partitions: list[int]) -> bool:
        """Whether it has a reader of one of these."""
        return any(isinstance(end, Reader) and end.place[1] in partitions for end in self._ends.values())
