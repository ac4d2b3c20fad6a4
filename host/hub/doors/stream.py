"""Bytes to and from a client, be it TLS on a port of its own or a WebSocket, and what is spoken over them."""

from collections.abc import Mapping
from typing import Protocol

from ..core import Certificate


class Stream(Protocol):
    """Bytes to and from one client. What it says, and that it is gone, a Speaker is told."""

    peer: str  # its address

    @property
    def unsent(self) -> int:
        """Bytes that wait for the peer to read."""

    def write(self, data: bytes) -> None:
        """Send; what the peer does not take yet is kept (see ``unsent``). After the end, nothing happens."""

    def pause_reading(self) -> None:
        """Hear nothing more until ``resume_reading``; a peer that goes on is held up by TCP."""

    def resume_reading(self) -> None:
        """Hear again."""

    def close(self) -> None:
        """Say goodbye and close once all is sent."""

    def abort(self) -> None:
        """Drop the connection and what was not sent."""

    def known(self) -> None:
        """The client has said who it is, and is no longer among those whose number and words are limited."""

    def certificate(self, authorities: Mapping[str, str]) -> Certificate | None:
        """The client's certificate and which of the authorities (name to PEM) vouch for it; None without one.

        BadCertificate when it is none.
        """


class Speaker(Protocol):
    """What is spoken over a stream. None of these may raise."""

    def made(self, stream: Stream) -> None:
        """Somebody has dialled; the handshake begins."""

    def secured(self) -> None:
        """The handshake is over: from now on it may write."""

    def heard(self, data: bytes) -> None:
        """The peer said this; nothing is heard after ``close`` or ``abort``."""

    def slow(self, is_slow: bool) -> None:
        """The peer does not keep up with what is written (see ``unsent``), or it has caught up."""

    def ended(self, reason: str | None) -> None:
        """The peer will say nothing more: close it. ``reason`` says what was wrong below, if that was it."""

    def lost(self) -> None:
        """It is gone, whoever ended it; called once, and last."""
