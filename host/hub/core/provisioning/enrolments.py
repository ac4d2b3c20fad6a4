"""Enrolments: which devices may be provisioned, and with what they prove who they are.

Device Provisioning Service, "Symmetric key attestation" and "X.509 attestation".
An enrolment is for one registration id or for a group of them:

==============  =============================  ==========================================
attestation     individual                     group
==============  =============================  ==========================================
symmetric key   the enrolment's keys           keys derived from the group's and the id
X.509           a certificate's thumbprint     any certificate that an authority issued
==============  =============================  ==========================================

A certificate's subject must be ``CN={registration id}``. Groups are asked only for a registration
id without an enrolment of its own ("How to disenroll a device").
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..access.authorities import Authorities
from ..access.identities import THUMBPRINT, check_device_id, invalid
from ..access.policies import new_key
from ..access.tokens import TokenRefused, check_token, covers, parse_token
from ..errors import HubError
from ..ports import Certificate, Clock, Store

RECORD_ID = "/provisioning"
REGISTRATION_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-._:]{0,126}[A-Za-z0-9])?")
_SHOWN = ("name", "group", "enabled", "deviceId", "thumbprint", "authority")

Record = dict[str, Any]


def derive_key(group_key: str, registration_id: str) -> str:
    """A device's key from its group's: HMAC-SHA256 of the registration id, in base64."""
    digest = hmac.new(base64.b64decode(group_key), registration_id.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Proof:
    """What a device shows: a token or a certificate, or both."""

    registration_id: str
    password: str | None
    certificate: Certificate | None

    def __repr__(self) -> str:
        return f"<Proof of {self.registration_id}>"


class Enrolments:
    """The enrolments of one provisioning service, kept in the store. ``scope`` is its id scope."""

    def __init__(
        self, store: Store, clock: Clock, random_bytes: Callable[[int], bytes], authorities: Authorities
    ):
        self._store = store
        self._authorities = authorities
        self._clock = clock
        self._random = random_bytes
        kept = store.load(RECORD_ID)
        self._record = kept or {
            "id": RECORD_ID,
            "scope": f"0ne{random_bytes(4).hex().upper()}",
            "enrolments": {},
        }
        if kept is None:
            self.save()  # devices are given the scope before anything is enrolled

    @property
    def scope(self) -> str:
        return self._record["scope"]

    def save(self) -> None:
        """Put what was changed into the store."""
        self._store.save(self._record)

    def add(
        self,
        name: str,
        group: bool = False,
        device_id: str | None = None,
        thumbprint: str | None = None,
        authority: str | None = None,
    ) -> Record:
        """Enrol one registration id, or a group of them; 409 when the name is taken.

        ``thumbprint`` (hexadecimal SHA-256 or SHA-1) is for one device with a
        certificate, ``authority`` (a registered one) for a group of them; without
        either the enrolment has two new keys, which are in the answer.
        """
        if not REGISTRATION_ID.fullmatch(name):
            raise invalid(
                "An enrolment's name is 1 to 128 letters, digits and '- . _ :', alphanumeric at both ends."
            )
        for value in (device_id, thumbprint, authority):
            if value is not None and not isinstance(value, str):
                raise invalid("An enrolment's deviceId, thumbprint and authority are texts.")
        if device_id is not None:
            check_device_id(device_id)
        if name in self._record["enrolments"]:
            raise HubError("EnrollmentConflict", f"The enrolment {name!r} exists; remove it first.")
        if (group and thumbprint) or (authority and not group):
            raise invalid("A certificate's thumbprint is for one device, an authority for a group.")
        if thumbprint and not THUMBPRINT.fullmatch(thumbprint):
            raise invalid("A thumbprint is 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.")
        if authority and authority not in self._authorities.certificates:
            raise HubError(
                "CertificateAuthorityNotFound", f"There is no authority {authority!r}; register it first."
            )
        keys = [] if thumbprint or authority else [new_key(self._random), new_key(self._random)]
        enrolment = {"name": name, "group": group, "enabled": True, "deviceId": device_id}
        enrolment.update(thumbprint=thumbprint, authority=authority, keys=keys)
        self._record["enrolments"][name] = {**enrolment, "assigned": {}}
        self.save()
        return enrolment

    def remove(self, name: str) -> None:
        """Remove an enrolment; devices that were assigned keep their identities."""
        if self._record["enrolments"].pop(name, None) is None:
            raise HubError("EnrollmentNotFound", f"There is no enrolment {name!r}.")
        self.save()

    def enable(self, name: str, enabled: bool) -> None:
        """Let an enrolment's devices register, or no longer."""
        self._record["enrolments"][name]["enabled"] = enabled
        self.save()

    def list(self) -> list[Record]:
        """Every enrolment, without its keys."""
        return [{key: value.get(key) for key in _SHOWN} for value in self._record["enrolments"].values()]

    def authenticate(self, proof: Proof) -> tuple[Record, Record]:
        """The enrolment that the proof opens, and the ``authentication`` of the device's identity.

        TokenRefused when there is none.
        """
        return self._by_token(proof) if proof.password else self._by_certificate(proof)

    def _by_token(self, proof: Proof) -> tuple[Record, Record]:
        token = parse_token(proof.password or "")
        if not covers(token.resource, (self.scope.lower(),), "registrations", proof.registration_id):
            raise TokenRefused("resource", "the token is not for this registration id and scope")
        own = self._individual(proof.registration_id)
        if own is not None and not own["keys"]:
            raise TokenRefused("key", f"the enrolment {own['name']!r} is for a certificate, not for a key")
        for enrolment in self._groups() if own is None else (own,):
            keys = enrolment["keys"]
            if enrolment["group"]:
                keys = [derive_key(key, proof.registration_id) for key in keys]
            try:
                if keys:
                    check_token(token, keys, self._clock.utc(), f"enrolment {enrolment['name']!r}")
                    symmetric = {"primaryKey": keys[0], "secondaryKey": keys[1]}
                    return enrolment, {"type": "sas", "symmetricKey": symmetric}
            except TokenRefused as error:
                # Whose key it is not, is not the one that was meant.
                if own is not None or error.kind != "key":
                    raise
        raise TokenRefused("key", "no enrolment has this registration id, nor a group this key")

    def _by_certificate(self, proof: Proof) -> tuple[Record, Record]:
        certificate = proof.certificate
        if certificate is None or certificate.common_name != proof.registration_id:
            raise TokenRefused(
                "key", f"the client certificate must have the subject CN={proof.registration_id}"
            )
        own = self._individual(proof.registration_id)
        if own is not None:
            allowed = (own["thumbprint"] or "").lower()
            if not allowed or allowed not in (text.lower() for text in certificate.thumbprints):
                what = "another certificate's thumbprint" if allowed else "keys, and takes no certificate"
                raise TokenRefused("key", f"the enrolment {own['name']!r} has {what}")
            return own, _self_signed(certificate)
        for enrolment in self._groups():
            if enrolment["authority"] in certificate.authorities:
                return enrolment, _self_signed(certificate)
        raise TokenRefused(
            "key",
            "no enrolment has this registration id, nor a group the authority that issued its certificate",
        )

    def _individual(self, registration_id: str) -> Record | None:
        # Where there is one, no group is asked.
        for enrolment in self._record["enrolments"].values():
            if not enrolment["group"] and enrolment["name"].lower() == registration_id.lower():
                return enrolment
        return None

    def _groups(self) -> Iterable[Record]:
        return [enrolment for enrolment in self._record["enrolments"].values() if enrolment["group"]]


def _self_signed(certificate: Certificate) -> Record:
    print_ = {"primaryThumbprint": certificate.thumbprints[-1].upper()}
    return {"type": "selfSigned", "x509Thumbprint": print_}
