"""Shared access signatures: read, check, and say exactly what is wrong.

IoT Hub developer guide, "Control access using shared access signatures": a token
is ``SharedAccessSignature sr={R}&sig={S}&se={E}[&skn={policy}]`` in any order;
what is signed is R *as it was sent*, a line feed and E; the key is the
base64-decoded shared key; the signature is HMAC-SHA256 in base64, percent-encoded.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from ..times import iso

PREFIX = "SharedAccessSignature "
BEARER = "bearer "  # OAuth's, in lower case
# A real token is under 400 characters; ids and policy names can make it a little longer.
MAX_TOKEN = 4096
# 12 digits reach beyond the year 30000 and stay an exact float.
MAX_EXPIRY_DIGITS = 12


class TokenRefused(Exception):
    """A token that opens nothing. ``kind`` is one word of the list below, ``reason`` the explanation.

    ``malformed``, ``resource`` (of another device or hub), ``key`` (signed with
    a different key), ``expired``.
    """

    def __init__(self, kind: str, reason: str):
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True)
class Token:
    """A token as received. ``resource_text`` is still percent-encoded: that is what was signed."""

    resource_text: str
    resource: str
    expiry: int
    policy: str | None
    expiry_text: str = field(repr=False)
    signature: bytes = field(repr=False)


def parse_token(text: str) -> Token:
    """Take a token apart; TokenRefused of kind ``malformed`` when it is none."""
    if len(text) > MAX_TOKEN:
        raise TokenRefused("malformed", f"the token is longer than {MAX_TOKEN} characters")
    if text[: len(BEARER)].lower() == BEARER:
        raise TokenRefused(
            "malformed",
            "a Bearer token is Azure AD's, which the local hub does not ask: it takes SharedAccessSignature only; "
            "use a connection string in place of the credential",
        )
    if not text.startswith(PREFIX):
        raise TokenRefused(
            "malformed",
            "what was sent is not a SAS token: it must begin with 'SharedAccessSignature sr='; "
            "a shared key itself is never sent, sign a token with it",
        )
    fields: dict[str, str] = {}
    for part in text[len(PREFIX) :].split("&"):
        name, _, value = part.strip().partition("=")
        if name in fields:
            raise TokenRefused("malformed", f"the token has {name[:16]!r} twice")
        fields[name] = value
    missing = [name for name in ("sr", "sig", "se") if not fields.get(name)]
    if missing:
        raise TokenRefused("malformed", f"the token lacks {', '.join(missing)}; it needs sr, sig and se")
    expiry = fields["se"]
    if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= MAX_EXPIRY_DIGITS):
        raise TokenRefused("malformed", "the token's se is not a whole number of seconds since 1970-01-01")
    try:
        signature = base64.b64decode(unquote(fields["sig"], errors="strict").replace(" ", "+"), validate=True)
        resource = unquote(fields["sr"], errors="strict")
        policy = unquote(fields["skn"], errors="strict") if fields.get("skn") else None
        fields["sr"].encode("ascii")
    except (binascii.Error, ValueError):
        raise TokenRefused(
            "malformed",
            "the token's sr, sig or skn is badly encoded: percent-encoded text, and base64 for sig",
        ) from None
    return Token(fields["sr"], resource, int(expiry), policy, expiry, signature)


def sign(resource_text: str, expiry: int | str, key: str) -> bytes:
    """HMAC-SHA256 over the still encoded resource, a line feed and the expiry; ``key`` is base64 text."""
    text = f"{resource_text}\n{expiry}".encode()
    return hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()


def covers(resource: str, hosts: Iterable[str], *path: str) -> bool:
    """Whether a token for ``resource`` opens ``host/path…``.

    Grants go by whole path segments: ``a/b`` opens ``a/b/c`` and not ``a/bc``.
    The host is compared without case and without a port, the rest exactly.
    """
    host, *segments = resource.rstrip("/").split("/")
    return same_host(host, hosts) and tuple(segments) == path[: len(segments)]


def same_host(host: str, hosts: Iterable[str]) -> bool:
    """Whether ``host`` (a port allowed) is one of ``hosts`` (lower case, no port)."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        host = name
    return host.lower() in hosts


def check_token(token: Token, keys: Iterable[str], now: float, owner: str) -> str:
    """Check signature, then expiry; answers the key that signed it.

    ``owner`` says whose keys these are ("device 'x'", "policy 'service'"). The
    signature is compared in constant time, with every key.
    """
    signer = None
    for key in keys:
        if hmac.compare_digest(sign(token.resource_text, token.expiry_text, key), token.signature):
            signer = key
    if signer is None:
        raise TokenRefused(
            "key",
            f"the token is signed with a key that is neither the primary nor the secondary key of {owner}; "
            "copy the connection string again (a key may have been replaced), and sign the sr text exactly as sent",
        )
    if token.expiry <= now:
        raise TokenRefused(
            "expired",
            f"the token expired at {iso(token.expiry)} and it is {iso(now)}, {_span(now - token.expiry)} later; "
            "the sender's clock is wrong or it did not renew its token: set the device clock (NTP) before signing",
        )
    return signer


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
