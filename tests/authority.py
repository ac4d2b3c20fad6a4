"""A certificate authority for tests, and certificates of its making."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DER = serialization.Encoding.DER


def in_der(pem):
    """The certificates of a PEM file's bytes, one after the other, in DER."""
    return b"".join(found.public_bytes(DER) for found in x509.load_pem_x509_certificates(pem))


def key_in_der(pem):
    """The same of a private key."""
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def turn_to_der(folder):
    """``device.pem`` and ``device.key`` of a folder are in DER from now on."""
    for name, turn in (("device.pem", in_der), ("device.key", key_in_der)):
        (folder / name).write_bytes(turn((folder / name).read_bytes()))


class Authority:
    """Signs certificates. ``pem``: its own, signed by itself or by ``parent``."""

    def __init__(self, name="Test authority", parent=None):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = parent or self
        self._above = parent.chain if parent else ""
        self.pem = signer._sign(self._name, self._key.public_key(), True)

    @property
    def chain(self):
        """What a device that it certifies sends along."""
        return self.pem + self._above

    def issue(self, folder, name, days=1):
        """``device.pem`` (with the chain) and ``device.key`` for CN=name in ``folder``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        folder.mkdir(exist_ok=True)
        (folder / "device.pem").write_text(self._sign(subject, key.public_key(), False, days) + self.chain)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "device.key").write_bytes(pem)
        return folder

    def _sign(self, subject, public_key, authority, days=1):
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()
