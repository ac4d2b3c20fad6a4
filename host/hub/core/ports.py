"""What the core needs from outside, and the small records that cross its border."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol


class Clock(Protocol):
    """Time, owned by whoever runs the hub; a number in tests."""

    def monotonic(self) -> float:
        """Seconds that only grow; for time-outs."""

    def utc(self) -> float:
        """Seconds since 1970-01-01 UTC; for tokens and time stamps."""


class Link(Protocol):
    """One connected device, as the core reaches it."""

    def send(self, topic: str, payload: bytes, qos: int) -> int | None:
        """Deliver a PUBLISH. Must not block and must not raise.

        Answers the packet identifier at QoS 1; its PUBACK goes to ``Session.acknowledged``.
        """

    def close(self, reason: str) -> None:
        """Drop the connection; ``reason`` is for the log. The session has already ended."""


class Store(Protocol):
    """Where records outlive the process.

    A record is a JSON-able dict with the member ``"id"``, its primary key (text,
    case-sensitive). Devices are stored under their device id; what else there is
    under a name with a slash first, which cannot be a device id.
    """

    def load_all(self) -> Iterable[dict[str, Any]]:
        """Every stored record."""

    def load(self, record_id: str) -> dict[str, Any] | None:
        """One record, or None."""

    def save(self, record: dict[str, Any]) -> None:
        """Store or overwrite by ``record["id"]``. Encode the record before returning: it is live state."""

    def delete(self, record_id: str) -> None:
        """Forget a record; no error when there is none."""

    def write(self, saved: Iterable[dict[str, Any]], gone: Iterable[str]) -> None:
        """Forget the records of these ids, then store those: all of it, or an error and nothing of it."""


class EventLog(Protocol):
    """Where events outlive the process, for readers that come later."""

    def append(
        self, device_id: str, system: dict[str, Any], application: dict[str, Any], body: bytes, utc: float
    ) -> None:
        """Keep an event that came at ``utc``. Must not block and must not raise; take copies of what is to be kept."""


class MemoryStore:
    """A store that lasts as long as the object. Records are kept as JSON text."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.writes = 0

    def load_all(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts.values()]

    def load(self, record_id: str) -> dict[str, Any] | None:
        text = self.texts.get(record_id)
        return None if text is None else json.loads(text)

    def save(self, record: dict[str, Any]) -> None:
        self.texts[record["id"]] = json.dumps(record)
        self.writes += 1

    def delete(self, record_id: str) -> None:
        self.texts.pop(record_id, None)

    def write(self, saved: Iterable[dict[str, Any]], gone: Iterable[str]) -> None:
        texts = {record["id"]: json.dumps(record) for record in saved}
        for record_id in gone:
            self.texts.pop(record_id, None)
        self.texts.update(texts)
        self.writes += 1


@dataclass(frozen=True)
class Will:
    """The will of a CONNECT: a telemetry message sent if the connection ends without DISCONNECT."""

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True)
class Certificate:
    """The client certificate of a TLS session, already parsed by the skin.

    ``thumbprints``: hexadecimal SHA-1 and SHA-256 of the DER form, any case.
    ``authorities``: names of the registered authorities its chain leads to.
    """

    thumbprints: tuple[str, ...]
    common_name: str | None = None
    authorities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hello:
    """What a CONNECT says. ``keep_alive`` in seconds; the skin watches the silence."""

    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    clean_session: bool = True
    keep_alive: int = 0
    will: Will | None = None
    certificate: Certificate | None = None


@dataclass(frozen=True)
class MethodResult:
    """A device's answer to a direct method: its own status, and any JSON value."""

    status: int
    payload: Any
