"""Who may see the page: whoever has read the address that the hub printed.

The address holds a token that is good once. The browser that shows it is given a cookie instead, which outlives the
hub's restarts; programs send the page's key (``pageKey`` of hub.json) as a bearer. A browser also tells where a
request comes from: a page of another site, or of another port of this computer, is refused whatever it holds.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

from ...private_file import write_private

MOST = 16  # tokens that were given out and not used; the oldest go
SAFE = ("GET", "HEAD")
OURS = ("same-origin", "none")  # of Sec-Fetch-Site (W3C, Fetch Metadata): this page, or the person's own hand


class Access:
    """``key`` opens the page to programs, and is what cookies are made of. ``port``: the one that is listened on."""

    def __init__(self, key: str):
        self.key = key
        self.port = 0
        self._tokens: list[str] = []

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a host (RFC 6265, 8.5)."""
        return f"twinkle-{self.port}"

    @property
    def cookie(self) -> str:
        """What the browser keeps in the place of the token."""
        return hashlib.sha256(b"cookie " + self.key.encode()).hexdigest()

    def token(self) -> str:
        """A new one, good once."""
        self._tokens = [*self._tokens[1 - MOST :], secrets.token_urlsafe(16)]
        return self._tokens[-1]

    def redeem(self, token: str) -> bool:
        """Use a token; whether it was good."""
        good = [known for known in self._tokens if _same(known, token)]
        self._tokens = [known for known in self._tokens if known not in good]
        return bool(good)

    def opens(self, cookie: str | None, authorization: str | None) -> bool:
        """Whether a request with this cookie, or this header, may see anything."""
        kind, _, bearer = (authorization or "").partition(" ")
        return (kind.lower() == "bearer" and _same(bearer.strip(), self.key)) or _same(
            cookie or "", self.cookie
        )

    def foreign(self, method: str, headers: Mapping[str, str]) -> str | None:
        """Why a request does not come from this page, or None.

        A name that is not ours is refused, too: it would be another site's, led to this computer by its own DNS.
        """
        hosts = [f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")]
        if headers.get("Host", "").lower() not in hosts:
            return f"this page is at http://{hosts[0]}, and is no other site's"
        origin = headers.get("Origin")
        ours = [f"http://{host}" for host in hosts]
        if origin is not None and origin.lower() not in ours:
            return "the request comes from a page of another site"
        if (
            headers.get("Sec-Fetch-Site", "same-origin") not in OURS
            and headers.get("Sec-Fetch-Mode") != "navigate"
        ):
            return "the request comes from a page of another site"
        if method not in SAFE and origin is None and "Authorization" not in headers:
            return "the request does not say which page it comes from"
        return None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def kept_key(path: Path) -> str:
    """The page's key in this file; made when there is none."""
    try:
        key = path.read_text()
    except FileNotFoundError:
        key = ""
    if not key:
        key = secrets.token_hex(32)
        write_private(path, key.encode())
    return key
