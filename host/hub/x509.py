"""X.509 certificates of devices and of their authorities, read and judged."""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from OpenSSL import crypto

from .core import Certificate


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


def shown(
    leaf: x509.Certificate, between: list[x509.Certificate], authorities: Mapping[str, str]
) -> Certificate:
    """The certificate a client showed, and which of the authorities (name to PEM) vouch for it.

    ``between``: what it sent beside its own. ValueError or InvalidVersion for one that cannot be read.
    """
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
