"""TLS for devices, client certificates included.

A self-signed client certificate is known to the hub by its thumbprint alone, so the
handshake must let any certificate pass and leave the judgement to the core.
Python's ssl module cannot do that; pyOpenSSL can. It speaks over memory here, and
asyncio's transports carry the bytes.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.x509 import InvalidVersion
from OpenSSL import SSL

from ..core import Certificate
from ..x509 import shown
from .stream import Stream

# Each of these is asked of OpenSSL in a buffer of its own, made for the purpose; most packets are small.
READ_BYTES = 4096


class BadCertificate(ValueError):
    """The client showed a certificate that cannot be read."""


def device_context(certificate_file: Path) -> SSL.Context:
    """A server context, TLS 1.2 or newer, that asks for a client certificate and takes any or none."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(certificate_file))
    context.use_privatekey_file(str(certificate_file))
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    # A resumed session would carry a certificate that was not shown again.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    # A device is quiet for most of the time; it shall not hold two records' worth of memory for that.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


class Speaker(Protocol):
    """What is spoken over a stream. None of these may raise."""

    def made(self, stream: Stream) -> None:
        """Somebody has dialled; the handshake begins."""

    def secured(self) -> None:
        """The handshake is over: from now on it may write."""

    def heard(self, data: bytes) -> None:
        """The peer said this; nothing is heard after ``close`` or ``abort``."""

    def ended(self, reason: str | None, below: str = "TLS") -> None:
        """The peer will say nothing more: close it. ``reason`` is what was wrong ``below``, if that was it."""

    def lost(self) -> None:
        """It is gone, whoever ended it; called once, and last."""


class SecureStream(asyncio.Protocol):
    """One device's connection: TLS for ``speaker``, over asyncio's transport.

    Who does not read what it is sent is not listened to meanwhile.
    """

    def __init__(self, context: SSL.Context, speaker: Speaker):
        self.peer = ""  # its address
        self._speaker = speaker
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._agreed = self._closed = False

    @property
    def unsent(self) -> int:
        """Bytes that wait for the peer to read."""
        return self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send; what the peer does not take yet is kept (see ``unsent``). After the end, nothing happens."""
        if self._closed:
            return
        try:
            self._tls.sendall(data)
        except SSL.Error as error:
            self._fail(error)
        else:
            self._flush()

    def close(self) -> None:
        """Say goodbye and close once all is sent."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(SSL.Error):  # before the handshake there is nobody to say it to
            self._tls.shutdown()
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection and what was not sent."""
        self._closed = True
        self._transport.abort()

    def certificate(self, authorities: Mapping[str, str]) -> Certificate | None:
        """The client's certificate and which of the authorities (name to PEM) vouch for it; None without one.

        BadCertificate when it is none: OpenSSL lets pass what breaks the rules of X.509 (RFC 5280).
        """
        try:
            leaf = self._tls.get_peer_certificate(as_cryptography=True)
            if leaf is None:
                return None
            # SSL_get_peer_cert_chain(3): a server's chain does not hold the leaf.
            sent = self._tls.get_peer_cert_chain(as_cryptography=True) or []
            return shown(leaf, [certificate for certificate in sent if certificate != leaf], authorities)
        except (ValueError, InvalidVersion):
            raise BadCertificate("the client certificate cannot be read") from None

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        # Of a peer that has left already there is no address.
        self.peer = "{}:{}".format(*(transport.get_extra_info("peername") or ("?", 0))[:2])
        self._speaker.made(self)

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        self._tls.bio_write(data)
        silent = True
        try:
            if not self._agreed:
                self._tls.do_handshake()
                self._agreed = True
                self._flush()
                self._speaker.secured()
            while not self._closed:
                self._speaker.heard(self._tls.recv(READ_BYTES))
                silent = False
        except SSL.WantReadError:
            if silent:
                self._flush()  # what came was for TLS itself, which may have an answer to it
        except (SSL.ZeroReturnError, SSL.SysCallError):
            self._speaker.ended(None)
        except SSL.Error as error:
            self._fail(error)

    def eof_received(self) -> None:
        if not self._closed:
            self._speaker.ended(None if self._agreed else "it left during the handshake")

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        self._speaker.lost()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def _fail(self, error: SSL.Error) -> None:
        self._flush()  # the alert that says so
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        self._speaker.ended(", ".join(str(reason[-1]) for reason in reasons) or "the connection broke")

    def _flush(self) -> None:
        data = self._pending()
        while data:
            self._transport.write(data)
            data = self._pending() if len(data) == READ_BYTES else b""

    def _pending(self) -> bytes:
        try:
            return self._tls.bio_read(READ_BYTES)
        except SSL.WantReadError:
            return b""
