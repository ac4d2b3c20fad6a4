"""Cloud-to-device messages: a queue for each device, delivered when it listens.

IoT Hub developer guide, "Understand cloud-to-device messaging": 50 messages of
64 KB wait at most; one lives an hour unless said otherwise, two days at the most.
A device completes a message by acknowledging it (QoS 1); what it has not when
its connection ends is delivered again on the next, ten times in all. Connecting with
a clean session throws away what is queued. Over HTTPS a device receives one message at a time,
locks it with that, and completes, rejects or abandons it. Who wants to know what became of a message
sends it with ``iothub-ack``; see the module ``feedback``.
"""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from ..access.identities import invalid
from ..devices.device import Device, LiveSession
from ..devices.devices import Devices
from ..errors import HubError
from ..ports import Clock
from ..timers import Timer, Timers
from .feedback import ACKS, EXPIRED, OVER_DELIVERED, PURGED, REJECTED, SUCCESS, Feedback
from .locks import LOCK_S, Locks

MAX_PENDING = 50
MAX_BYTES = 64 * 1024
MAX_TOPIC = 65535  # MQTT 3.1.1, section 1.5.3
LIFETIME_S = 3600
LOCKS_S = (1, 300)
LIFETIMES_S = (60, 2 * 24 * 3600)
MAX_DELIVERIES = 10
# How a device may settle what it has received, and what its sender is told.
SETTLED = {"complete": SUCCESS, "reject": REJECTED, "abandon": None}
SOON_S = 0.01  # the two clocks differ by a rounding; the next look is not in the same moment


def devicebound(device_id: str) -> str:
    """The topic filter a device listens with, without its ``#``."""
    return f"devices/{device_id}/messages/devicebound/"


class CloudToDevice:
    """Queues and delivers. Messages stand in ``Device.inbox``, oldest first."""

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        devices: Devices,
        feedback: Feedback,
        random_bytes: Callable[[int], bytes],
    ):
        self._clock = clock
        self._timers = timers
        self._devices = devices
        self._feedback = feedback
        self._locks = Locks(clock, timers, random_bytes, self.deliver)
        self._watches: dict[str, Timer] = {}
        for device in devices:
            self._watch(device)

    def send(
        self,
        device: Device,
        body: bytes,
        properties: dict[str, str | None],
        lifetime: float = LIFETIME_S,
        expires: float | None = None,
    ) -> None:
        """Queue a message. 403004 when 50 wait, 413001 when it is too large, 400004 for bad properties.

        It ends after ``lifetime`` seconds, or at the moment ``expires`` (seconds since 1970).
        """
        now = self._clock.utc()
        if expires is None and not LIFETIMES_S[0] <= lifetime <= LIFETIMES_S[1]:
            raise invalid(f"A message lives from {LIFETIMES_S[0]} to {LIFETIMES_S[1]} seconds.")
        if expires is not None and expires > now + LIFETIMES_S[1]:
            raise invalid(f"A message lives {LIFETIMES_S[1]} seconds at the most.")
        if properties.get("iothub-ack", ACKS[0]) not in ACKS:
            raise invalid(f"iothub-ack is one of {', '.join(ACKS)}.")
        size = len(body) + sum(len(name) + len(value or "") for name, value in properties.items())
        if size > MAX_BYTES:
            raise HubError("MessageTooLarge", f"The message has {size} bytes, more than {MAX_BYTES}.")
        self._expire(device)
        if len(device.inbox) >= MAX_PENDING:
            raise HubError(
                "DeviceMaximumQueueDepthExceeded",
                f"{MAX_PENDING} messages wait for {device.id!r} already; it must take some first.",
            )
        message = {
            "body": base64.b64encode(body).decode(),
            "properties": {**properties, "$.to": f"/devices/{device.id}/messages/devicebound"},
            "expires": now + lifetime if expires is None else expires,
            "enqueued": now,
            "sequence": device.received + 1,
            "deliveries": 0,
        }
        # Percent-encoded, the properties may be several times as long.
        if len(_topic(device.id, message)) > MAX_TOPIC:
            raise HubError("MessageTooLarge", f"The properties need a topic longer than {MAX_TOPIC} bytes.")
        device.inbox.append(message)
        device.received += 1
        try:
            self._devices.save(device)
        except HubError:
            device.inbox.remove(message)
            device.received -= 1
            raise
        self._watch(device)
        self._expire(device)
        self.deliver(device)

    def deliver(self, device: Device) -> None:
        """Send what waits, if the device is there and listens."""
        session = device.session
        if session is None:
            return
        qos = session.subscriptions.get(devicebound(device.id) + "#")
        if qos is None:
            return
        for message in self._waiting(device):
            if not self._counted(device, message):
                continue
            packet_id = session.deliver(_topic(device.id, message), base64.b64decode(message["body"]), qos)
            if qos and packet_id is not None:
                session.unacknowledged[packet_id] = message
            else:
                self._end(device, message, SUCCESS)

    def receive(self, device: Device, lock: float = LOCK_S) -> tuple[dict[str, Any], str] | None:
        """The oldest message that nobody else has, and the token that settles it; None when there is none.

        ``lock``: seconds for which it is the receiver's, within LOCKS_S; 400004 for others.
        """
        if not LOCKS_S[0] <= lock <= LOCKS_S[1]:
            raise invalid(f"A message is locked for {LOCKS_S[0]} to {LOCKS_S[1]} seconds.")
        for message in self._waiting(device):
            if self._counted(device, message):
                return message, self._locks.take(device, message, lock)
        return None

    def settle(self, device: Device, token: str, how: str) -> None:
        """A received message is completed, rejected or abandoned (see SETTLED); 412002 when its lock has ended."""
        message = self._locks.release(device, token)
        if message is None or not any(message is other for other in device.inbox):
            raise HubError(
                "DeviceMessageLockLost",
                "The lock on that message has ended, or there was none; receive the message again.",
            )
        status = SETTLED[how]
        if status is None:
            self.deliver(device)
        else:
            self._end(device, message, status)

    def _waiting(self, device: Device) -> list[dict[str, Any]]:
        """What is neither under way nor locked, oldest first."""
        self._expire(device)
        flying = list(device.session.unacknowledged.values()) if device.session else []
        return [
            message
            for message in device.inbox
            if not any(message is other for other in flying) and not self._locks.has(device, message)
        ]

    def _counted(self, device: Device, message: dict[str, Any]) -> bool:
        """Count one more delivery; False, and it has come to its end, when it is one too many."""
        if message.get("deliveries", 0) >= MAX_DELIVERIES:
            self._end(device, message, OVER_DELIVERED)
            return False
        message["deliveries"] = message.get("deliveries", 0) + 1
        return True

    def acknowledged(self, session: LiveSession, packet_id: int) -> None:
        """The device has taken a message. An identifier nobody waits for is ignored."""
        message = session.unacknowledged.pop(packet_id, None)
        if message is not None:
            self._end(session.device, message, SUCCESS)

    def purge(self, device: Device) -> None:
        """Throw away what waits for a device."""
        for message in device.inbox:
            self._tell(device, message, PURGED)
        device.inbox = []

    def empty(self, device: Device) -> int:
        """Throw away what waits for a device and how many there were; 500001 if that cannot be stored."""
        self._expire(device)
        waiting, device.inbox = device.inbox, []
        try:
            self._devices.save(device)
        except HubError:
            device.inbox = waiting
            raise
        for message in waiting:
            self._tell(device, message, PURGED)
        self._watch(device)
        return len(waiting)

    def _end(self, device: Device, message: dict[str, Any], status: str) -> None:
        if not any(other is message for other in device.inbox):
            return  # it expired or was thrown away while it was under way; that is what was told
        device.inbox = [other for other in device.inbox if other is not message]
        self._devices.save_or_tell(device)
        self._tell(device, message, status)

    def _tell(self, device: Device, message: dict[str, Any], status: str) -> None:
        self._feedback.tell(device.id, device.identity["generationId"], message, status)

    def _expire(self, device: Device) -> None:
        now = self._clock.utc()
        for message in [message for message in device.inbox if message["expires"] <= now]:
            self._end(device, message, EXPIRED)

    def _watch(self, device: Device) -> None:
        # One timer a device: what expires while it is away is told then, and not when it comes back.
        if watch := self._watches.pop(device.id, None):
            watch.cancel()
        if device.inbox:
            wait = min(message["expires"] for message in device.inbox) - self._clock.utc()
            self._watches[device.id] = self._timers.at(
                self._clock.monotonic() + max(SOON_S, wait), lambda: self._look(device)
            )

    def _look(self, device: Device) -> None:
        del self._watches[device.id]
        self._expire(device)
        self._watch(device)


def _topic(device_id: str, message: dict[str, Any]) -> str:
    # A null value is a bare key; an empty text keeps its "=".
    pairs = [
        quote(name, safe="") + ("" if value is None else "=" + quote(value, safe=""))
        for name, value in message["properties"].items()
    ]
    return devicebound(device_id) + "&".join(pairs)
