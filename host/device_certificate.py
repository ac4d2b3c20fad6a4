"""A device's own certificate: making one, and the thumbprint a hub knows it by."""

import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .failure import NOT_FOUND, USAGE, Failure

CERTIFICATE, KEY = "device.pem", "device.key"
DAYS = 3650  # a self-signed certificate is replaced by hand; its clock may be a day behind
MAX_NAME = 64  # RFC 5280, upper bound of a common name
SLACK = datetime.timedelta(days=1)


def make_certificate(directory: Path, name: str) -> str:
    """A new EC key and a certificate for ``CN=name`` signed with it, in ``directory``; its thumbprint.

    Failure when there is one already, which is then left alone.
    """
    if len(name) > MAX_NAME:
        raise Failure(
            f"a certificate's subject has at most {MAX_NAME} characters; choose a shorter id", USAGE
        )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(directory / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
        (directory / CERTIFICATE).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    except FileExistsError:
        raise Failure(f"{directory / KEY} exists; use its certificate, or name another directory") from None
    except OSError as error:
        raise Failure(f"{directory} cannot hold the certificate: {error.strerror}") from None
    return _thumbprint(certificate)


def thumbprint_of(file: Path) -> str:
    """The SHA-256 thumbprint of the first certificate in a PEM file."""
    return _thumbprint(_read(file))


def read_certificate(file: Path) -> str:
    """The first certificate of a PEM file and nothing beside it; Failure when there is none."""
    return _read(file).public_bytes(serialization.Encoding.PEM).decode()


def der_of(file: Path) -> bytes:
    """The first certificate of a PEM file in DER form; Failure when there is none."""
    return _read(file).public_bytes(serialization.Encoding.DER)


def _read(file: Path) -> x509.Certificate:
    try:
        # Bytes: what stands around it is people's, and in any encoding.
        return x509.load_pem_x509_certificate(file.read_bytes())
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", NOT_FOUND) from None
    except ValueError:
        raise Failure(f"{file} holds no PEM certificate", USAGE) from None


def _thumbprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex().upper()
