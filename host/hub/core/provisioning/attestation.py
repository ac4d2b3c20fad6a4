"""Attestation mechanisms: with what the devices of an enrolment prove who they are.

Device Provisioning Service, "Symmetric key attestation" and "X.509 attestation"; model
AttestationMechanism of the REST reference:

=================  ==============================  ==========================================
attestation        individual                      group
=================  ==============================  ==========================================
symmetricKey       the enrolment's keys            keys derived from the group's and the id
x509, by           clientCertificates (the leaf    signingCertificates (of whoever signed the
                   itself) or caReferences         leaf) or caReferences
=================  ==============================  ==========================================

``caReferences`` are names of registered authorities. A TPM is refused by its name.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection
from typing import Any

from ..access.identities import check_key, invalid
from ..access.policies import new_key
from ..errors import HubError
from .tables import GROUP, Kind, Record, member

KEYS = ("primaryKey", "secondaryKey")
PLACES = ("primary", "secondary")
KEY, X509 = "symmetricKey", "x509"
CLIENT, SIGNING, AUTHORITIES = "clientCertificates", "signingCertificates", "caReferences"

# A certificate's text to its PEM form and the members of the model X509CertificateInfo; None when it is none.
ReadCertificate = Callable[[str], tuple[str, Record] | None]


def derive_key(group_key: str, registration_id: str) -> str:
    """A device's key from its group's: HMAC-SHA256 of the registration id, in base64."""
    digest = hmac.new(base64.b64decode(group_key), registration_id.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class Attestations:
    """Reads what an enrolment says of its attestation. ``authorities``: the names of the registered ones."""

    def __init__(
        self,
        authorities: Collection[str],
        read_certificate: ReadCertificate,
        random_bytes: Callable[[int], bytes],
    ):
        self._authorities = authorities
        self._read = read_certificate
        self._random = random_bytes

    def checked(self, kind: Kind, body: Record, old: Record | None) -> Record:
        """The attestation to keep. Keys that are left out stay as they were, or are made."""
        given = member(body, "attestation", dict)
        mechanism = given and member(given, "type", str)
        if not mechanism:
            raise invalid("An enrolment needs an attestation with a type: symmetricKey or x509.")
        before = old["attestation"] if old and old["attestation"]["type"] == mechanism else {}
        if mechanism == KEY:
            return {"type": KEY, KEY: self._keys(member(given, KEY, dict, {}), before.get(KEY, {}))}
        if mechanism == X509:
            return {"type": X509, X509: self._x509(kind, member(given, X509, dict, {}), before.get(X509, {}))}
        if mechanism in ("tpm", "none"):
            raise HubError(
                "FeatureNotSupported",
                f"This hub has no attestation of type {mechanism!r}; use a key or x509.",
            )
        raise invalid(f"The attestation's type {mechanism[:32]!r} is none; it is symmetricKey or x509.")

    def _keys(self, given: Record, before: Record) -> Record:
        keys = {}
        for name in KEYS:
            key = member(given, name, str) or before.get(name)
            keys[name] = check_key(name, key) if key else new_key(self._random)
        return keys

    def _x509(self, kind: Kind, given: Record, before: Record) -> Record:
        wrong, right = (CLIENT, SIGNING) if kind is GROUP else (SIGNING, CLIENT)
        if member(given, wrong, dict):
            raise invalid(f"{wrong} are not for an {kind.called}; it has {right} or {AUTHORITIES}.")
        references, certificates = member(given, AUTHORITIES, dict), member(given, right, dict)
        if bool(references) == bool(certificates):
            raise invalid(f"An x509 attestation of this kind has either {right} or {AUTHORITIES}.")
        if references:
            return {AUTHORITIES: self._references(references)}
        return {right: self._certificates(certificates, before.get(right, {}))}

    def _references(self, given: Record) -> Record:
        names = {place: name for place in PLACES if (name := member(given, place, str))}
        for name in names.values():
            if name not in self._authorities:
                raise HubError(
                    "CertificateAuthorityNotFound",
                    f"There is no authority {name[:128]!r}; register it first.",
                )
        return names

    def _certificates(self, given: Record, before: Record) -> Record:
        found = {}
        for place in PLACES:
            one = member(given, place, dict)
            if not one:
                continue
            text = member(one, "certificate", str)
            kept = before.get(place)
            if not text and kept and _same(member(one, "info", dict, {}), kept["info"]):
                found[place] = kept  # as it was read, without the certificate itself
                continue
            read = self._read(text) if text else None
            if read is None:
                raise invalid(f"The {place} certificate must be one, in PEM or in base64.")
            found[place] = {"certificate": read[0], "info": read[1]}
        if not found:
            raise invalid("An x509 attestation needs a certificate, primary or secondary.")
        return found


def _same(info: Record, kept: Record) -> bool:
    # By the thumbprint alone: Azure's clients write moments in another form than they read them in.
    return str(info.get("sha256Thumbprint", "")).lower() == kept["sha256Thumbprint"].lower()


def shown(attestation: Record, keys: bool = False) -> Record:
    """The attestation as it is answered: without certificates, and without ``keys`` unless they were asked for."""
    if attestation["type"] == KEY:
        return {"type": KEY, KEY: dict(attestation[KEY])} if keys else {"type": KEY}
    x509 = {
        name: value if name == AUTHORITIES else {place: {"info": one["info"]} for place, one in value.items()}
        for name, value in attestation[X509].items()
    }
    return {"type": X509, X509: x509}


def keys_of(enrolment: Record, kind: Kind, registration_id: str) -> list[str]:
    """The keys that a device of the enrolment signs with; none where it has a certificate."""
    keys = list(enrolment["attestation"].get(KEY, {}).values())
    return [derive_key(key, registration_id) for key in keys] if kind is GROUP else keys


def thumbprints_of(enrolment: Record) -> set[str]:
    """The thumbprints of the leaves that it takes, in lower case."""
    leaves = enrolment["attestation"].get(X509, {}).get(CLIENT, {}).values()
    prints = (leaf["info"].get(name) for leaf in leaves for name in ("sha1Thumbprint", "sha256Thumbprint"))
    return {text.lower() for text in prints if text}


def signers_of(enrolment: Record, kind: Kind) -> dict[str, str]:
    """The signing certificates of a group: PEM by a name that no registered authority has."""
    certificates = enrolment["attestation"].get(X509, {}).get(SIGNING, {})
    return {
        f"/{kind.path}/{enrolment[kind.member]}/{place}": one["certificate"]
        for place, one in certificates.items()
    }


def authorities_of(enrolment: Record, kind: Kind) -> set[str]:
    """The names of whoever may have issued a leaf that it takes."""
    references: dict[str, Any] = enrolment["attestation"].get(X509, {}).get(AUTHORITIES, {})
    return {*references.values(), *signers_of(enrolment, kind)}
