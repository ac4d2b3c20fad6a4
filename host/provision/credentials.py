"""A device's credentials: checked on this computer before a device is given them.

What can be found wrong here costs a minute; in a basement it costs a visit. Errors
name the part that is wrong and never its value.
"""

import base64
import datetime
import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..device_certificate import CERTIFICATE, KEY
from ..device_json import written
from ..failure import NOT_FOUND, USAGE, Failure
from ..service.finding import of_device

GLOBAL_DPS = "global.azure-devices-provisioning.net"
AZURE = (".azure-devices.net", ".azure-devices-provisioning.net")
# Whom IoT Hub's certificates come from ("TLS support in IoT Hub", root certificates).
AZURE_ROOTS = ("DigiCert Global Root G2", "Microsoft RSA Root Certificate Authority 2017")
SHORTEST_KEY = 16  # bytes; those that IoT Hub makes have 32 or 64
# IEEE 802.11: octets of an SSID, of a WPA2 passphrase, and its key itself.
LONGEST_SSID, PASSPHRASE, RAW_KEY = 32, range(8, 64), re.compile("[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Credentials:
    """What a device needs to get to its hub. Shows no secret of itself."""

    connection_string: str = field(repr=False)
    authorities: bytes = field(repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    ssid: str | None = None
    password: str = field(default="", repr=False)

    @property
    def parts(self) -> dict[str, str]:
        """The connection string's fields."""
        return parts_of(self.connection_string)

    @property
    def device(self) -> str:
        """The device's id, or its registration id when a hub is yet to be assigned."""
        return self.parts.get("DeviceId") or self.parts["RegistrationId"]

    @property
    def host(self) -> str:
        """The name that is dialled."""
        parts = self.parts
        return parts.get("GatewayHostName") or parts.get("HostName", GLOBAL_DPS)

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Content and mode of each file, by name; what is secret is its owner's alone."""
        wifi = {"ssid": self.ssid, "password": self.password} if self.ssid else None
        document = written({"connectionString": self.connection_string, "wifi": wifi})
        found = {"credentials.json": (document, 0o600), "ca.pem": (self.authorities, 0o644)}
        if self.certificate and self.key:
            found |= {CERTIFICATE: (self.certificate, 0o644), KEY: (self.key, 0o600)}
        return found

    def warnings(self) -> Iterator[str]:
        """What may keep the device from its hub. No errors: a bench may be offline, or be the hub itself."""
        if is_loopback(self.host):
            yield (
                f"{self.host} is on every computer that computer itself, and on the device not this one; for a hub "
                "here: twinkle hub --bind 0.0.0.0 --host-name ADDRESS, twinkle devices add NAME --gateway ADDRESS"
            )
        try:
            socket.getaddrinfo(self.host, None)
        except OSError as error:
            yield f"{self.host} cannot be looked up from here ({error.strerror}); the device will have to"


def is_loopback(host: str) -> bool:
    """Whether the name or address is a computer's own, on whichever computer it is used."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def parts_of(connection_string: str) -> dict[str, str]:
    """A connection string's fields."""
    pairs = (pair.partition("=") for pair in connection_string.strip().split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def check(
    connection_string: str,
    ca_file: Path | None = None,
    x509_folder: Path | None = None,
    ssid: str | None = None,
    password: str = "",
) -> Credentials:
    """Credentials that are well-formed and fit together; Failure says what does not."""
    written([connection_string, ssid, password])
    if not connection_string.strip():
        raise Failure("the connection string is empty; copy the device's own, all of it", USAGE)
    parts = parts_of(connection_string)
    needed = ("IdScope", "RegistrationId") if "IdScope" in parts else ("HostName", "DeviceId")
    for name in needed:
        if not parts.get(name):
            raise Failure(f"the connection string has no {name}; copy the device's own, all of it", USAGE)
    if "SharedAccessKeyName" in parts:
        raise Failure("this is the connection string of a service; a device is given its own", USAGE)
    certified = parts.get("x509", "").lower() == "true"
    certificate = key = None
    if certified:
        if x509_folder is None:
            raise Failure(
                "the connection string says x509=true; name the certificate's directory with --x509",
                USAGE,
            )
        certificate, key = _certificate(x509_folder)
    else:
        if x509_folder is not None:
            raise Failure("--x509 goes with a connection string that says x509=true, and has no key", USAGE)
        _check_key(parts.get("SharedAccessKey", ""))
    if ssid is not None:
        _check_wifi(ssid, password)
    return Credentials(
        connection_string.strip(), authorities(connection_string, ca_file), certificate, key, ssid, password
    )


def _check_key(text: str) -> None:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:  # binascii's among them
        raise Failure(
            "SharedAccessKey is not base64; copy the key again, with its closing =", USAGE
        ) from None
    if len(key) < SHORTEST_KEY:
        raise Failure("SharedAccessKey is missing or too short; copy the key again, all of it", USAGE)


def _check_wifi(ssid: str, password: str) -> None:
    if not 1 <= len(ssid.encode()) <= LONGEST_SSID:
        raise Failure(f"a Wi-Fi network's name has 1 to {LONGEST_SSID} bytes", USAGE)
    if password and len(password.encode()) not in PASSPHRASE and not RAW_KEY.fullmatch(password):
        raise Failure(
            "a Wi-Fi password has 8 to 63 characters, or 64 hex digits; an open network has none", USAGE
        )


def _certificate(folder: Path) -> tuple[bytes, bytes]:
    try:
        certificate, key = (folder / CERTIFICATE).read_bytes(), (folder / KEY).read_bytes()
    except OSError as error:
        raise Failure(f"{error.filename} cannot be read: {error.strerror}", NOT_FOUND) from None
    try:
        own = _certificates(certificate)[0]
        load = serialization.load_pem_private_key if _is_pem(key) else serialization.load_der_private_key
        private = load(key, None)
    except (ValueError, TypeError):
        raise Failure(
            f"{folder} does not hold a certificate and a key without a password, PEM or DER",
            USAGE,
        ) from None
    if own.public_key() != private.public_key():
        raise Failure(f"{KEY} is not the key of {CERTIFICATE} in {folder}", USAGE)
    if own.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        raise Failure(
            f"the certificate in {folder} has expired; make another: twinkle devices add --x509", USAGE
        )
    return certificate, key


def authorities(connection_string: str, ca_file: Path | None, patient: bool = False) -> bytes:
    """Whom the device is to trust: who is in ``ca_file``, or else those of the hub that the string names.

    ``patient``: a local hub that is starting is waited for.
    """
    if ca_file is not None:
        return _read_authorities(ca_file)
    host = parts_of(connection_string).get("HostName", GLOBAL_DPS)
    if host.lower().endswith(AZURE):
        return azure_authorities()
    hub = of_device(connection_string, patient)
    if hub is not None:
        return _read_authorities(Path(hub.ca_file))
    raise Failure(
        f"no local hub is known here that is dialled as {host} by this string; whose certificates does it have? "
        "Name its CA file with --ca-file",
        NOT_FOUND,
    )


def _read_authorities(file: Path) -> bytes:
    try:
        content = file.read_bytes()
        _certificates(content)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", NOT_FOUND) from None
    except ValueError:
        raise Failure(f"{file} holds no certificates, PEM or DER, or one that is damaged", USAGE) from None
    return content


def _certificates(content: bytes) -> list[x509.Certificate]:
    # The device takes both forms, and several in DER one after the other.
    if _is_pem(content):
        return x509.load_pem_x509_certificates(content)
    found = []
    while content or not found:
        # A certificate is longer than 255 bytes, and its length takes two (X.690, 8.1.3).
        size = 4 + int.from_bytes(content[2:4], "big")
        found.append(x509.load_der_x509_certificate(content[:size]))
        content = content[size:]
    return found


def _is_pem(content: bytes) -> bool:
    return b"-----BEGIN" in content


def azure_authorities() -> bytes:
    """Those of the well-known authorities that IoT Hub uses: a Pico has no room for all of them."""
    import certifi

    found = b""
    for block in Path(certifi.where()).read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]:
        pem = (
            b"-----BEGIN CERTIFICATE-----" + block.partition(b"-----END")[0] + b"-----END CERTIFICATE-----\n"
        )
        # The bundle says above each certificate whose it is; the certificate itself is asked.
        if any(name.encode() in _der_text(pem) for name in AZURE_ROOTS):
            found += pem
    return found


def _der_text(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))
