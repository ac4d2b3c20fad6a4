"""Cloud-to-device messages: a queue for each device, delivered when it listens.

IoT Hub developer guide, "Understand cloud-to-device messaging": 50 messages of
64 KB wait at most; one lives an hour unless said otherwise, two days at the most.
A device completes a message by acknowledging it (QoS 1); what it has not when
its connection ends is delivered again on the next. Connecting with a clean
session throws away what is queued.
"""

import base64
from typing import Any
from urllib.parse import quote

from ..access.identities import invalid
from ..devices.device import Device, LiveSession
from ..devices.devices import Devices
from ..errors import HubError
from ..ports import Clock

MAX_PENDING = 50
MAX_BYTES = 64 * 1024
MAX_TOPIC = 65535  # MQTT 3.1.1, section 1.5.3
LIFETIME_S = 3600
LIFETIMES_S = (60, 2 * 24 * 3600)


def devicebound(device_id: str) -> str:
    """The topic filter a device listens with, without its ``#``."""
    return f"devices/{device_id}/messages/devicebound/"


class CloudToDevice:
    """Queues and delivers. Messages stand in ``Device.inbox``, oldest first."""

    def __init__(self, clock: Clock, devices: Devices):
        self._clock = clock
        self._devices = devices

    def send(
        self, device: Device, body: bytes, properties: dict[str, str | None], lifetime: float = LIFETIME_S
    ) -> None:
        """Queue a message. 403004 when 50 wait, 413001 when it is too large, 400004 for a bad lifetime."""
        if not LIFETIMES_S[0] <= lifetime <= LIFETIMES_S[1]:
            raise invalid(f"A message lives from {LIFETIMES_S[0]} to {LIFETIMES_S[1]} seconds.")
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
            "expires": self._clock.utc() + lifetime,
        }
        # Percent-encoded, the properties may be several times as long.
        if len(_topic(device.id, message)) > MAX_TOPIC:
            raise HubError("MessageTooLarge", f"The properties need a topic longer than {MAX_TOPIC} bytes.")
        device.inbox.append(message)
        self._devices.save(device)
        self.deliver(device)

    def deliver(self, device: Device) -> None:
        """Send what waits, if the device is there and listens."""
        session = device.session
        if session is None:
            return
        qos = session.subscriptions.get(devicebound(device.id) + "#")
        if qos is None:
            return
        self._expire(device)
        flying = list(session.unacknowledged.values())
        for message in [m for m in device.inbox if not any(m is other for other in flying)]:
            packet_id = session.deliver(_topic(device.id, message), base64.b64decode(message["body"]), qos)
            if qos and packet_id is not None:
                session.unacknowledged[packet_id] = message
            else:
                self._complete(device, message)

    def acknowledged(self, session: LiveSession, packet_id: int) -> None:
        """The device has taken a message. An identifier nobody waits for is ignored."""
        message = session.unacknowledged.pop(packet_id, None)
        if message is not None:
            self._complete(session.device, message)

    def _complete(self, device: Device, message: dict[str, Any]) -> None:
        device.inbox = [other for other in device.inbox if other is not message]
        self._devices.save_or_tell(device)

    def _expire(self, device: Device) -> None:
        now = self._clock.utc()
        device.inbox = [message for message in device.inbox if message["expires"] > now]


def _topic(device_id: str, message: dict[str, Any]) -> str:
    # A null value is a bare key; an empty text keeps its "=".
    pairs = [
        quote(name, safe="") + ("" if value is None else "=" + quote(value, safe=""))
        for name, value in message["properties"].items()
    ]
    return devicebound(device_id) + "&".join(pairs)
