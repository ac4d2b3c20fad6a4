"""TLS for every port of the hub, client certificates included.

A self-signed client certificate is known to the hub by its thumbprint alone, so the
handshake must let any certificate pass and leave the judgement to the core.
Python's ssl module cannot do that; pyOpenSSL can. It speaks over memory here, and
asyncio's transports carry the bytes. What is spoken over it, MQTT, AMQP or aiohttp's HTTP, knows a transport and
nothing of TLS.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cryptography.x509 import InvalidVersion
from OpenSSL import SSL

from ..core import Certificate
from ..x509 import shown
from .patience import Lobby

log = logging.getLogger("twinkle.hub")

HANDSHAKE_S = 10.0
STALL_S = 30.0  # between two looks whether a peer that is slow, or is to read the last word, reads at all
# What ``get_extra_info`` calls the client's certificate: a function of the authorities, see ``certificate``;
# and what is to be called once the client has said who it is.
CERTIFICATE, KNOWN = "certificate", "known"
# Each of these is asked of OpenSSL in a buffer of its own, made for the purpose; most packets are small. What fills
# one is followed by more, as a rule, and OpenSSL gives a record at a time, 16 KB at the most (RFC 8446, 5.1).
READ_BYTES = 4096
RECORD_BYTES = 16384


class BadCertificate(ValueError):
    """The client showed a certificate that cannot be read."""


def server_context(certificate_file: Path) -> SSL.Context:
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


def known(transport: asyncio.BaseTransport | None) -> None:
    """The client over there has said who it is; see Lobby. Nothing on a transport without one, or that has gone."""
    tell = transport and transport.get_extra_info(KNOWN)
    if tell:
        tell()


class SecureTransport(asyncio.Transport, asyncio.Protocol):
    """One client's connection: a protocol to asyncio's transport, and a transport to what ``protocols`` makes.

    That is made when the handshake is over. The client waits in the ``lobby`` until it has said who it is. A failure
    of TLS is what ``connection_lost`` tells.
    """

    def __init__(self, context: SSL.Context, protocols: Callable[[], asyncio.Protocol], lobby: Lobby):
        super().__init__()
        self._context = context
        self._protocols = protocols
        self._lobby = lobby
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._begun = self.agreed = self._closing = False  # the handshake has, is over; all is, or will be
        self._deaf = False
        self._error: ConnectionError | None = None

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

    def drop(self) -> None:
        """End it, without a word: others need its room."""
        self.abort()

    # --- what the protocol asks of a transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What asyncio knows of the connection; ``sslcontext``, which says that it is TLS; CERTIFICATE; KNOWN."""
        if name == CERTIFICATE:
            return self.certificate
        if name == KNOWN:
            return lambda: self._lobby.leave(self)
        if name == "sslcontext":
            return self._context
        return self._below.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether it is over, or will be once all is sent."""
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what the peer does not take yet is kept, and the protocol told when that is much."""
        if self._closing or not data:
            return
        try:
            self._tls.sendall(data)
        except SSL.Error as error:
            self._fail(error)
        else:
            self._flush()

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer has not taken yet."""
        return self._below.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the protocol is told to pause, and when to go on; as asyncio has it, of encrypted bytes."""
        self._below.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        """Hear nothing more until ``resume_reading``; a peer that goes on is held up by TCP."""
        self._deaf = True
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Hear again, from the next turn of the loop on."""
        if self._deaf:
            self._deaf = False
            self._loop.call_soon(self._read_on)

    def close(self) -> None:
        """Say goodbye and end it once all is sent."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(SSL.Error):  # before the handshake there is nobody to say it to
            self._tls.shutdown()
        self._flush()
        self._below.close()
        self._look()

    def abort(self) -> None:
        """End it now, and drop what was not sent."""
        self._closing = True
        self._below.abort()

    # --- what asyncio tells a protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = transport
        # Of a peer that has left already there is no address.
        self._peer = "{}:{}".format(*(transport.get_extra_info("peername") or ("?", 0))[:2])
        self._timer = self._loop.call_later(HANDSHAKE_S, self._late)
        self._lobby.enter(self)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._begun = True
        self._lobby.heard(self, len(data))
        if self._closing:
            return  # it was too much
        self._tls.bio_write(data)
        self._read()

    def eof_received(self) -> None:
        if not self._closing:
            # Who dials and says nothing only wants to know whether somebody is there.
            in_handshake = self._begun and not self.agreed
            self._end("it left during the handshake" if in_handshake else None)

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._timer.cancel()
        self._lobby.leave(self)
        if self._protocol is not None:
            self._protocol.connection_lost(self._error)

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._timer.cancel()
            self._timer = self._loop.call_later(STALL_S, self._look)  # until then more may be written
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            if not self._closing:
                self._timer.cancel()
            self._protocol.resume_writing()

    # --- between the two

    def _read(self) -> None:
        silent, size = True, READ_BYTES
        try:
            if not self.agreed:
                self._tls.do_handshake()
                self.agreed = True
                self._flush()
                if self._below.is_closing():
                    return  # it is gone, as this last word of the handshake showed
                self._timer.cancel()
                self._protocol = self._protocols()
                self._protocol.connection_made(self)
            while not (self._closing or self._deaf):
                data = self._tls.recv(size)
                silent, size = False, RECORD_BYTES
                self._protocol.data_received(data)
        except SSL.WantReadError:
            if silent:
                self._flush()  # what came was for TLS itself, which may have an answer to it
        except (SSL.ZeroReturnError, SSL.SysCallError):
            self._end(None)
        except SSL.Error as error:
            self._fail(error)

    def _read_on(self) -> None:
        if not (self._closing or self._deaf):
            self._read()  # what came before it was not to be heard
        if not self._deaf:
            self._below.resume_reading()

    def _fail(self, error: SSL.Error) -> None:
        self._flush()  # the alert that says so
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        self._end(", ".join(str(reason[-1]) for reason in reasons) or "the connection broke")

    def _end(self, failure: str | None) -> None:
        """The peer will say nothing more. ``failure``: what was wrong with TLS, if that was it."""
        if failure is not None:
            self._error = ConnectionError(f"TLS failed: {failure}")
            log.info("%s: %s", self._peer, self._error)
        elif self._protocol is not None:
            self._protocol.eof_received()
        self.close()

    def _flush(self) -> None:
        size, pieces = READ_BYTES, []
        while piece := self._pending(size):
            pieces.append(piece)
            if len(piece) < size:
                break
            size = RECORD_BYTES
        if pieces:
            self._below.write(b"".join(pieces))

    def _pending(self, size: int) -> bytes:
        try:
            return self._tls.bio_read(size)
        except SSL.WantReadError:
            return b""

    def _late(self) -> None:
        log.info("%s: no TLS handshake in %.0f s; dropped", self._peer, HANDSHAKE_S)
        self.abort()

    def _look(self, before: float = math.inf) -> None:
        """Drop it when it has read nothing of ``before`` bytes; else look again, as long as it matters."""
        self._timer.cancel()
        unsent = self._below.get_write_buffer_size()
        if unsent < before:
            self._timer = self._loop.call_later(STALL_S, self._look, unsent)
        else:
            log.warning("%s does not read what it is sent; dropped", self._peer)
            self.abort()
