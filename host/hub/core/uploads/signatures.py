"""Shared access signatures of a blob store: what the hub gives to a device, and what it takes back.

Storage services, "Create a service SAS", version 2018-03-28: the fields that are signed, their order, and
the canonicalized resource ``/blob/{account}/{container}/{blob}``.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

from ..times import iso
from .names import CONTAINER

VERSION = "2018-03-28"
READ, WRITE = "r", "w"
# The order in which they are signed; the resource stands after the third, the version after the sixth.
_BEFORE, _BETWEEN, _AFTER = (
    ("sp", "st", "se"),
    ("si", "sip", "spr"),
    ("rscc", "rscd", "rsce", "rscl", "rsct"),
)


class SignatureRefused(Exception):
    """A signature that does not open what was asked for. ``code``: the storage services' name of it."""

    def __init__(self, code: str, message: str):
        super().__init__(code, message)
        self.code = code
        self.message = message


def sign(name: str, permissions: str, until: float, account: str, key: str) -> str:
    """The query that opens a blob until a moment (seconds since 1970, whole ones count)."""
    fields = {"sv": VERSION, "sr": "b", "se": iso(int(until)), "sp": permissions}
    signature = base64.b64encode(_digest(name, fields, account, key)).decode()
    given = {"sv": VERSION, "sr": "b", "sig": signature, "se": fields["se"], "sp": permissions}
    return "?" + "&".join(f"{field}={quote(value, safe='')}" for field, value in given.items())


def check(name: str, fields: Mapping[str, str], permission: str, account: str, key: str, now: float) -> None:
    """SignatureRefused unless ``fields``, of a query, open ``name`` for ``permission`` now."""
    if not fields.get("sig"):
        raise SignatureRefused("NoAuthenticationInformation", "The address has no shared access signature.")
    try:
        signature = base64.b64decode(fields["sig"], validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if fields.get("sv") != VERSION or fields.get("sr") != "b":
        signature = b""
    if not hmac.compare_digest(signature, _digest(name, fields, account, key)):
        raise SignatureRefused(
            "AuthenticationFailed",
            "The signature is not this store's, or not for this blob; use the sasToken as the hub gave it.",
        )
    if fields.get("se", "") <= iso(int(now)):  # as text, since it is ours, in one form
        raise SignatureRefused(
            "AuthenticationFailed", f"The signature ended at {fields['se']}; ask for another."
        )
    if permission not in fields.get("sp", ""):
        raise SignatureRefused("AuthorizationPermissionMismatch", "The signature does not allow this.")


def _digest(name: str, fields: Mapping[str, str], account: str, key: str) -> bytes:
    parts = [
        *(fields.get(field, "") for field in _BEFORE),
        f"/blob/{account}/{CONTAINER}/{name}",
        *(fields.get(field, "") for field in _BETWEEN),
        fields.get("sv", ""),
        *(fields.get(field, "") for field in _AFTER),
    ]
    text = "\n".join(parts).encode("utf-8", "surrogateescape")
    return hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()
