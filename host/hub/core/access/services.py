"""Which service may do what: Authorization headers against the hub's policies."""

import base64
import hmac
import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ..errors import HubError
from ..ports import Clock, Store
from .identities import invalid
from .policies import IOT_HUB, BuiltIn, Policy, load_policies, policies_record
from .tokens import Token, TokenRefused, check_token, covers, parse_token, same_host

_SCHEME = re.compile(r"^[a-z]+://", re.IGNORECASE)


@dataclass(frozen=True)
class Grant:
    """What a token opens: all below ``path``, by a policy's permissions, until ``expiry`` (seconds since 1970).

    A key opens everything, and for ever.
    """

    policy: str
    permissions: frozenset[str]
    path: tuple[str, ...]
    expiry: float


class Access:
    """The policies of one hub, or of what is beside it, and what they open.

    ``hosts``: the hub's names in lower case, the main one first. Keys are made at
    the first start and kept in ``store``.
    """

    def __init__(
        self,
        hosts: Collection[str],
        clock: Clock,
        store: Store,
        random_bytes: Callable[[int], bytes],
        built_in: BuiltIn = IOT_HUB,
    ):
        self.policies = load_policies(store.load(built_in.record), random_bytes, built_in)
        store.save(policies_record(self.policies, built_in))
        self._permissions = frozenset[str]().union(*built_in.permissions.values())
        self._hosts = hosts
        self._clock = clock

    def connection_string(self, rest_host: str, policy: str | None = None) -> str:
        """A service's connection string, the owner's without ``policy``; ``rest_host``: the REST address and port."""
        policy = next(iter(self.policies)) if policy is None else policy
        if policy not in self.policies:
            raise invalid(f"There is no policy {policy[:64]!r}; use one of {', '.join(self.policies)}.")
        key = self.policies[policy].keys[0]
        return f"HostName={rest_host};SharedAccessKeyName={policy};SharedAccessKey={key}"

    def utc(self) -> float:
        """Seconds since 1970, as tokens are judged by."""
        return self._clock.utc()

    def grant(self, text: str) -> Grant:
        """What a SAS token put to AMQP's ``$cbs`` opens; TokenRefused when nothing."""
        token, policy = self._verified(text, self._names_us, _as_event_hubs_has_it)
        path = tuple(part.lower() for part in _place(token.resource)[1:])
        return Grant(policy.name, policy.permissions, path, token.expiry)

    def grant_by_key(self, name: str, key: str) -> Grant:
        """What a policy's own key opens, as Event Hubs takes it with SASL PLAIN; TokenRefused when nothing."""
        policy = self.policies.get(name)
        if policy is None or not any(hmac.compare_digest(own.encode(), key.encode()) for own in policy.keys):
            raise TokenRefused(
                "key",
                "name and password are neither a policy of this hub and one of its keys, "
                "nor policy@sas.root.HUB and a SAS token",
            )
        return Grant(policy.name, policy.permissions, (), math.inf)

    def event_hub_connection_string(self, endpoint: str, hub_name: str, policy: str = "service") -> str:
        """A reader's connection string; ``endpoint`` is the AMQP address, with its port where that is its own."""
        key = self.policies[policy].keys[0]
        return f"Endpoint=sb://{endpoint}/;SharedAccessKeyName={policy};SharedAccessKey={key};EntityPath={hub_name}"

    def authorize(self, header: str | None, permission: str) -> str:
        """The name of the policy that signed an Authorization header and has ``permission``.

        ``permission`` is one that the service has, such as ``RegistryRead`` or ``ServiceConnect``;
        ValueError for any other. 401003 for a token that opens
        nothing, 401002 for one whose policy lacks the permission.
        """
        if permission not in self._permissions:
            raise ValueError(f"{permission!r} is none of {', '.join(sorted(self._permissions))}")
        try:
            policy = self._policy_of(header)
        except TokenRefused as refused:
            reason = refused.reason[0].upper() + refused.reason[1:]
            raise HubError("IotHubUnauthorized", f"{reason}.") from None
        if permission not in policy.permissions:
            able = ", ".join(name for name, other in self.policies.items() if permission in other.permissions)
            raise HubError(
                "IotHubUnauthorizedAccess",
                f"The policy {policy.name!r} lacks the permission {permission}; use a policy that has it: {able}.",
            )
        return policy.name

    def _policy_of(self, header: str | None) -> Policy:
        if not header:
            raise TokenRefused("malformed", "the request has no Authorization header; send a SAS token in it")
        return self._verified(header, lambda resource: covers(resource, self._hosts))[1]

    def _names_us(self, resource: str) -> bool:
        return same_host(_place(resource)[0], self._hosts)

    def _verified(
        self,
        text: str,
        is_ours: Callable[[str], bool],
        also: Callable[[str], str] | None = None,
    ) -> tuple[Token, Policy]:
        token = parse_token(text)
        policy = self.policies.get(token.policy or "")
        if policy is None:
            raise TokenRefused(
                "key",
                f"the token names no policy of this hub (skn={(token.policy or '')[:64]!r}); "
                f"use one of {', '.join(self.policies)}",
            )
        if not is_ours(token.resource):
            raise TokenRefused(
                "resource",
                f"the token is for {token.resource[:256]!r} and this hub is {next(iter(self._hosts))!r}; "
                "check HostName in the service connection string",
            )
        keys = [*policy.keys, *map(also, policy.keys)] if also else policy.keys
        check_token(token, keys, self._clock.utc(), f"policy {policy.name!r}")
        return token, policy


def _as_event_hubs_has_it(key: str) -> str:
    # Event Hubs' readers sign with the key's text itself, IoT Hub's services with what it decodes to.
    return base64.b64encode(key.encode()).decode()


def _place(resource: str) -> list[str]:
    # A service names itself with or without a scheme: sb://, amqps://, https://.
    return _SCHEME.sub("", resource).strip("/").split("/")
