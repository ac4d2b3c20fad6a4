"""``$cbs``: tokens that a client puts, what they open and for how long (AMQP claims-based security, draft 3)."""

import re

from ..amqp.messages import Message
from ..core import Access, Grant, TokenRefused
from ..core.access.tokens import PREFIX
from .answers import Answer

KINDS = ("servicebus.windows.net:sastoken", "azure-devices.net:sastoken")
MAX_TOKENS = 64  # of one connection
# What else than the event hub a token may be said to be for: IoT Hub's own places.
ENTITIES = ("messages", "devices", "$management", "$cbs")

_HOST = re.compile(r"(?:[a-z]+://)?[^/]*", re.IGNORECASE)


def path_of(audience: str) -> tuple[str, ...]:
    """The parts of an audience behind the host, in lower case: those of ``sb://HOST/ENTITY`` or ``HOST/ENTITY``."""
    return tuple(part for part in _HOST.sub("", audience, count=1).lower().split("/") if part)


class Tokens:
    """The tokens of one connection, by what each is said to be for. ``hub_name``: of the event hub."""

    def __init__(self, access: Access, hub_name: str):
        self._access = access
        self._hub_name = hub_name
        self._grants: dict[str, Grant] = {}
        self.puts = 0

    def answer(self, message: Message) -> Answer:
        """The answer to a request of ``$cbs``."""
        asked = message.application
        name, kind = str(asked.get("name", "")), asked.get("type")
        if asked.get("operation") == "delete-token":
            self._grants.pop(name, None)
            return 200, "OK", None
        if asked.get("operation") != "put-token" or not isinstance(message.value, str):
            return 400, "The operation is put-token, with the token as the body.", None
        if kind not in KINDS:
            return 400, f"Tokens of type {str(kind)[:64]!r} are not taken; SAS tokens are ({KINDS[0]}).", None
        if name not in self._grants and len(self._grants) >= MAX_TOKENS:
            return 403, f"There are {MAX_TOKENS} tokens on this connection already.", None
        try:
            grant = self._access.grant(message.value)
        except TokenRefused as refused:
            return 401, f"{refused.reason[0].upper()}{refused.reason[1:]}.", None
        entity = path_of(name)[:1]
        if entity and entity[0] not in (self._hub_name.lower(), *ENTITIES):
            # Event Hubs' words. A reader opens $management next, which does not say whose.
            text = f"The messaging entity {name[:128]!r} could not be found; EntityPath is {self._hub_name!r} here."
            return 404, text, None
        self._grants[name] = grant
        self.puts += 1
        return 200, "OK", None

    def plain(self, name: str, password: str) -> str | None:
        """Name and password of SASL PLAIN: a policy and its key, or a token; why they open nothing, or None."""
        access = self._access
        try:
            is_token = password.startswith(PREFIX)
            self._grants[""] = access.grant(password) if is_token else access.grant_by_key(name, password)
            self.puts += 1
        except TokenRefused as refused:
            return refused.reason
        return None

    def why_not(self, permission: str, path: tuple[str, ...]) -> str | None:
        """Why ``path`` (in lower case) may not be opened; None when it may."""
        now = self._access.utc()
        covering = [grant for grant in self._grants.values() if grant.path == path[: len(grant.path)]]
        if not covering and self._grants:
            places = sorted({"/".join(grant.path)[:128] for grant in self._grants.values()})
            return f"The tokens put to $cbs are for {', '.join(map(repr, places[:3]))} (sr), which this is no part of."
        if not covering:
            return "No token for this was put to $cbs; put one, signed by a policy with " + permission + "."
        living = [grant for grant in covering if grant.expiry > now]
        if not living:
            return "The token for this has expired; put a fresh one to $cbs before that moment."
        if not any(permission in grant.permissions for grant in living):
            return f"The policy {living[0].policy!r} lacks the permission {permission}; use one that has it."
        return None

    def next_end(self) -> float | None:
        """When the next of them ends, in seconds since 1970; None when none will."""
        now = self._access.utc()
        return min((grant.expiry for grant in self._grants.values() if grant.expiry > now), default=None)
