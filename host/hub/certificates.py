"""The local hub's own certificate authority and server certificate.

Made on first use and kept in the state directory. Leaf keys are EC P-256: an
mbedTLS that also offers TLS 1.3 refuses RSA under TLS 1.2, and EC is the quicker
handshake on a microcontroller.
"""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL

from ..private_file import write_private
from .doors.secure import server_context

AUTHORITY_DAYS = 3650
LEAF_DAYS = 365
RENEW_DAYS = 30  # a leaf with less than this left is made anew
CLOCK_SLACK = datetime.timedelta(hours=24)  # a device's clock may be behind

# What files that hold none raise: no PEM, a key with a password, a certificate without names, another's key.
UNUSABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound, SSL.Error)

ALWAYS = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """The files of one hub: ``ca.pem`` to hand out, and what the server needs.

    ``names`` are the host names and addresses the server is reached by; those of
    this computer itself are always among them.
    """

    def __init__(self, directory: Path, names: tuple[str, ...] = ()):
        self._directory = directory
        self._names = tuple(dict.fromkeys((*names, *ALWAYS)))
        self.ca_file = directory / "ca.pem"
        self._ca_key_file = directory / "ca.key"
        self._leaf_file = directory / "server.pem"

    def context(self) -> SSL.Context:
        """A server context; see the module ``secure``."""
        return server_context(self._leaf_file)

    def prepare(self) -> None:
        """Make what is missing; renew a leaf that nears its end or lacks a name. One of UNUSABLE for bad files."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.ca_file.exists() and self._ca_key_file.exists()):
            self._make_authority()
            self._make_leaf()
        elif not self._leaf_serves():
            self._make_leaf()

    def _leaf_serves(self) -> bool:
        if not self._leaf_file.exists():
            return False
        leaf = x509.load_pem_x509_certificate(self._leaf_file.read_bytes())
        left = leaf.not_valid_after_utc - _now()
        carried = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return left.days >= RENEW_DAYS and all(_general_name(name) in list(carried) for name in self._names)

    def _make_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Twinkle local hub CA")])
        certificate = (
            _builder(name, name, key.public_key(), AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(self._ca_key_file, _key_pem(key))
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _make_leaf(self) -> None:
        authority = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        signer = serialization.load_pem_private_key(self._ca_key_file.read_bytes(), None)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._names[0])])
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            _builder(name, authority.subject, key.public_key(), LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(map(_general_name, self._names)), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
            )
            .sign(signer, hashes.SHA256())
        )
        write_private(self._leaf_file, _key_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))


def _builder(subject, issuer, public_key, days) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - CLOCK_SLACK)
        .not_valid_after(_now() + datetime.timedelta(days=days))
    )


def _usage(certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
