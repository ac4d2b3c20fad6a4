"""TLS for every port of the hub, client certificates included.

A self-signed client certificate is known to the hub by its thumbprint alone, so the
handshake must let any certificate pass and leave the judgement to the core.
Python's ssl module cannot do that; pyOpenSSL can. It speaks over memory here, and
asyncio's transports carry the bytes.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.x509 import InvalidVersion
from OpenSSL import SSL

from ..core import Certificate
from ..x509 import shown
from .patience import Lobby
from .stream import Speaker

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


class SecureStream(asyncio.Protocol):
    """One client's connection: TLS for ``speaker``, over asyncio's transport.

    It waits in the ``lobby`` until ``known`` is called.
    """

    def __init__(self, context: SSL.Context, speaker: Speaker, lobby: Lobby):
        self.peer = ""  # its address
        self._speaker = speaker
        self._lobby = lobby
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._begun = self.agreed = self._closed = False  # the handshake has, is over; all is
        self._deaf = False

    @property
    def unsent(self) -> int:
        """Bytes that wait for the peer to read."""
        return self._transport.get_write_buffer_size()

    def extra(self, name: str, default: Any = None) -> Any:
        """What asyncio knows of the connection below, such as its ``socket``."""
        return self._transport.get_extra_info(name, default)

    def limit(self, high: int | None, low: int | None) -> None:
        """From how many unsent bytes on a peer is slow, and when it no longer is; asyncio's own limits for None."""
        self._transport.set_write_buffer_limits(high, low)

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

    def pause_reading(self) -> None:
        """Hear nothing more until ``resume_reading``; a peer that goes on is held up by TCP."""
        self._deaf = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Hear again, from the next turn of the loop on."""
        if self._deaf:
            self._deaf = False
            asyncio.get_running_loop().call_soon(self._read_on)

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

    def known(self) -> None:
        """It has said who it is: what it says from now on is limited by those that it says it to."""
        self._lobby.leave(self)

    def drop(self) -> None:
        """End it, without a word: others need its room."""
        self.abort()

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
        self._lobby.enter(self)
        self._speaker.made(self)

    def data_received(self, data: bytes) -> None:
        if self._closed:
            return
        self._begun = True
        self._lobby.heard(self, len(data))
        if self._closed:
            return  # it was too much
        self._tls.bio_write(data)
        self._read()

    def _read(self) -> None:
        silent, size = True, READ_BYTES
        try:
            if not self.agreed:
                self._tls.do_handshake()
                self.agreed = True
                self._flush()
                if self._transport.is_closing():
                    return  # it is gone, as this last word of the handshake showed
                self._speaker.secured()
            while not (self._closed or self._deaf):
                data = self._tls.recv(size)
                silent, size = False, RECORD_BYTES
                self._speaker.heard(data)
        except SSL.WantReadError:
            if silent:
                self._flush()  # what came was for TLS itself, which may have an answer to it
        except (SSL.ZeroReturnError, SSL.SysCallError):
            self._speaker.ended(None)
        except SSL.Error as error:
            self._fail(error)

    def _read_on(self) -> None:
        if not (self._closed or self._deaf):
            self._read()  # what came before it was not to be heard
        if not self._deaf:
            self._transport.resume_reading()

    def eof_received(self) -> None:
        if not self._closed:
            # Who dials and says nothing only wants to know whether somebody is there.
            in_handshake = self._begun and not self.agreed
            self._speaker.ended("TLS failed: it left during the handshake" if in_handshake else None)

    def connection_lost(self, error: Exception | None) -> None:
        self._closed = True
        self._lobby.leave(self)
        self._speaker.lost()

    def pause_writing(self) -> None:
        self._speaker.slow(True)

    def resume_writing(self) -> None:
        self._speaker.slow(False)

    def _fail(self, error: SSL.Error) -> None:
        self._flush()  # the alert that says so
        reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
        said = ", ".join(str(reason[-1]) for reason in reasons) or "the connection broke"
        self._speaker.ended(f"TLS failed: {said}")

    def _flush(self) -> None:
        size, pieces = READ_BYTES, []
        while piece := self._pending(size):
            pieces.append(piece)
            if len(piece) < size:
                break
            size = RECORD_BYTES
        if pieces:
            self._transport.write(b"".join(pieces))

    def _pending(self, size: int) -> bytes:
        try:
            return self._tls.bio_read(size)
        except SSL.WantReadError:
            return b""
