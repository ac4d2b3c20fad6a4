"""TLS for devices, client certificates included.

A self-signed client certificate is known to the hub by its thumbprint alone, so the
handshake must let any certificate pass and leave the judgement to the core.
Python's ssl module cannot do that; pyOpenSSL can. It speaks over memory here, and
asyncio's streams carry the bytes.
"""

import asyncio
import base64
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from .core import Certificate

# Each of these is asked of OpenSSL in a buffer of its own, made for the purpose; most packets are small.
READ_BYTES = 4096


class TlsFailed(ConnectionError):
    """The handshake failed or what came was no TLS; the text is OpenSSL's reason."""


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


class SecureStream:
    """One device's connection: what asyncio's reader and writer are to plain TCP."""

    def __init__(self, context: SSL.Context, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader = reader
        self._writer = writer
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the peer to read."""
        return self._writer.transport.get_write_buffer_size()

    async def handshake(self) -> None:
        """Agree on keys. TlsFailed when that is not possible; has no limit of its own."""
        while True:
            try:
                self._tls.do_handshake()
                return
            except SSL.WantReadError:
                self._flush()
                if not await self._feed():
                    raise TlsFailed("it left during the TLS handshake") from None
            except SSL.Error as error:
                raise TlsFailed(_reason(error)) from None
            finally:
                self._flush()

    async def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; b"" at the end."""
        while True:
            try:
                return self._tls.recv(min(size, READ_BYTES))
            except SSL.WantReadError:
                self._flush()
                if not await self._feed():
                    return b""
            except (SSL.ZeroReturnError, SSL.SysCallError):
                return b""
            except SSL.Error as error:
                raise TlsFailed(_reason(error)) from None

    def write(self, data: bytes) -> None:
        """Send; what the peer does not take yet is kept (see ``unsent``)."""
        try:
            self._tls.sendall(data)
        except SSL.Error as error:
            raise TlsFailed(_reason(error)) from None
        self._flush()

    async def drain(self) -> None:
        """Wait until the peer has read enough."""
        await self._writer.drain()

    def close(self) -> None:
        """Say goodbye and close once all is sent."""
        with contextlib.suppress(SSL.Error):  # before the handshake there is nobody to say it to
            self._tls.shutdown()
            self._flush()
        self._writer.close()

    def abort(self) -> None:
        """Drop the connection and what was not sent."""
        self._writer.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it is closed."""
        await self._writer.wait_closed()

    def certificate(self, authorities: Mapping[str, str]) -> Certificate | None:
        """The client's certificate and which of the authorities (name to PEM) vouch for it; None without one.

        TlsFailed when it is none: OpenSSL lets pass what breaks the rules of X.509 (RFC 5280).
        """
        try:
            leaf = self._tls.get_peer_certificate(as_cryptography=True)
            if leaf is None:
                return None
            # SSL_get_peer_cert_chain(3): a server's chain does not hold the leaf.
            sent = self._tls.get_peer_cert_chain(as_cryptography=True) or []
            return _shown(leaf, [certificate for certificate in sent if certificate != leaf], authorities)
        except (ValueError, x509.InvalidVersion):
            raise TlsFailed("the client certificate cannot be read") from None

    async def _feed(self) -> bool:
        data = await self._reader.read(READ_BYTES)
        if data:
            self._tls.bio_write(data)
        return bool(data)

    def _flush(self) -> None:
        data = self._pending()
        while data:
            self._writer.write(data)
            data = self._pending() if len(data) == READ_BYTES else b""

    def _pending(self) -> bytes:
        try:
            return self._tls.bio_read(READ_BYTES)
        except SSL.WantReadError:
            return b""


def is_certificate(pem: str) -> bool:
    """Whether a text is a PEM certificate."""
    return pem.lstrip().startswith("-----") and read_certificate(pem) is not None


def read_certificate(text: str) -> tuple[str, dict[str, Any]] | None:
    """A certificate's PEM form and the members of the model X509CertificateInfo; None if it is none.

    ``text``: PEM, or base64 of PEM or of DER, which Azure's SDKs send.
    """
    try:
        data = text.encode()
        if b"-----BEGIN" not in data:
            data = base64.b64decode("".join(text.split()), validate=True)
        read = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        certificate = read(data)
        info = {
            "subjectName": certificate.subject.rfc4514_string(),
            "sha1Thumbprint": certificate.fingerprint(hashes.SHA1()).hex().upper(),
            "sha256Thumbprint": certificate.fingerprint(hashes.SHA256()).hex().upper(),
            "issuerName": certificate.issuer.rfc4514_string(),
            "notBeforeUtc": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
            "notAfterUtc": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            "serialNumber": f"{certificate.serial_number:X}",
            "version": certificate.version.value + 1,
        }
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), info


def _shown(
    leaf: x509.Certificate, between: list[x509.Certificate], authorities: Mapping[str, str]
) -> Certificate:
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Certificate(
        (leaf.fingerprint(hashes.SHA1()).hex(), leaf.fingerprint(hashes.SHA256()).hex()),
        str(names[0].value) if names else None,
        tuple(name for name, pem in authorities.items() if _vouches(pem, leaf, between)),
    )


def _vouches(pem: str, leaf: x509.Certificate, between: list[x509.Certificate]) -> bool:
    store = crypto.X509Store()
    # An intermediate that was registered is as good as a root.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(pem.encode())))
    chain = [crypto.X509.from_cryptography(certificate) for certificate in between]
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), chain).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _reason(error: SSL.Error) -> str:
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(str(reason[-1]) for reason in reasons) or "the TLS connection broke"
