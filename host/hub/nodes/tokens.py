"""``$cbs``: tokens that a client puts, what they open and for how long (AMQP claims-based security, draft 3)."""

from ..amqp.messages import Message
from ..core import Access, Grant, TokenRefused
from .answers import Answer

KINDS = ("servicebus.windows.net:sastoken", "azure-devices.net:sastoken")
MAX_TOKENS = 64  # of one connection


class Tokens:
    """The tokens of one connection, by what each is said to be for."""

    def __init__(self, access: Access):
        self._access = access
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
            self._grants[name] = self._access.grant(message.value)
            self.puts += 1
        except TokenRefused as refused:
            return 401, f"{refused.reason[0].upper()}{refused.reason[1:]}.", None
        return 200, "OK", None

    def put(self, token: str) -> str | None:
        """A token that came another way; why it opens nothing, or None."""
        try:
            self._grants[""] = self._access.grant(token)
            self.puts += 1
        except TokenRefused as refused:
            return refused.reason
        return None

    def why_not(self, permission: str, path: tuple[str, ...]) -> str | None:
        """Why ``path`` (in lower case) may not be opened; None when it may."""
        now = self._access.utc()
        covering = [grant for grant in self._grants.values() if grant.path == path[: len(grant.path)]]
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
