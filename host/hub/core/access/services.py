"""Which service may do what: Authorization headers against the hub's policies."""

from collections.abc import Callable, Collection

from ..errors import HubError
from ..ports import Clock, Store
from .identities import invalid
from .policies import PERMISSIONS, RECORD_ID, Policy, load_policies, policies_record
from .tokens import TokenRefused, check_token, covers, parse_token


class Access:
    """The policies of one hub, and what they open.

    ``hosts``: the hub's names in lower case, the main one first. Keys are made at
    the first start and kept in ``store``.
    """

    def __init__(
        self,
        hosts: Collection[str],
        clock: Clock,
        store: Store,
        random_bytes: Callable[[int], bytes],
    ):
        self.policies = load_policies(store.load(RECORD_ID), random_bytes)
        store.save(policies_record(self.policies))
        self._hosts = hosts
        self._clock = clock

    def connection_string(self, rest_host: str, policy: str = "iothubowner") -> str:
        """A service's connection string; ``rest_host`` is the REST address, with its port."""
        if policy not in self.policies:
            raise invalid(f"There is no policy {policy[:64]!r}; use one of {', '.join(self.policies)}.")
        key = self.policies[policy].keys[0]
        return f"HostName={rest_host};SharedAccessKeyName={policy};SharedAccessKey={key}"

    def authorize(self, header: str | None, permission: str) -> str:
        """The name of the policy that signed an Authorization header and has ``permission``.

        ``permission`` is one of ``RegistryRead``, ``RegistryWrite``, ``ServiceConnect``,
        ``DeviceConnect``; ValueError for any other. 401003 for a token that opens
        nothing, 401002 for one whose policy lacks the permission.
        """
        if permission not in PERMISSIONS:
            raise ValueError(f"{permission!r} is none of {', '.join(sorted(PERMISSIONS))}")
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
        token = parse_token(header)
        policy = self.policies.get(token.policy or "")
        if policy is None:
            raise TokenRefused(
                "key",
                f"the token names no policy of this hub (skn={(token.policy or '')[:64]!r}); "
                f"use one of {', '.join(self.policies)}",
            )
        if not covers(token.resource, self._hosts):
            raise TokenRefused(
                "resource",
                f"the token is for {token.resource[:256]!r} and this hub is {next(iter(self._hosts))!r}; "
                "check HostName in the service connection string",
            )
        check_token(token, policy.keys, self._clock.utc(), f"policy {policy.name!r}")
        return policy
