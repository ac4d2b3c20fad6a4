"""What is below a device's MQTT, be it TLS on a port of its own or a WebSocket."""

from collections.abc import Mapping
from typing import Protocol

from ..core import Certificate


class Stream(Protocol):
    """Bytes to and from one device. What it says, and that it is gone, a Speaker is told (see ``secure``)."""

    peer: str  # its address

    @property
    def unsent(self) -> int:
        """Bytes that wait for the peer to read."""

    def write(self, data: bytes) -> None:
        """Send; what the peer does not take yet is kept (see ``unsent``). After the end, nothing happens."""

    def close(self) -> None:
        """Say goodbye and close once all is sent."""

    def abort(self) -> None:
        """Drop the connection and what was not sent."""

    def certificate(self, authorities: Mapping[str, str]) -> Certificate | None:
        """The client's certificate and which of the authorities (name to PEM) vouch for it; None without one.

        BadCertificate when it is none.
        """
