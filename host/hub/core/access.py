"""Which service may do what: Authorization headers against the hub's policies."""

from collections.abc import Collection, Mapping

from .auth import TokenRefused, check_token, covers, parse_token
from .errors import HubError
from .policies import PERMISSIONS, Policy


def authorize(
    header: str | None, permission: str, hosts: Collection[str], policies: Mapping[str, Policy], now: float
) -> str:
    """The name of the policy that signed the header and has the permission; HubError 401 otherwise.

    ``hosts``: this hub's names in lower case, the main one first; ``now``: seconds
    since 1970. ValueError for a permission that does not exist.
    """
    if permission not in PERMISSIONS:
        raise ValueError(f"{permission!r} is none of {', '.join(sorted(PERMISSIONS))}")
    try:
        policy = _policy_of(header, hosts, policies, now)
    except TokenRefused as refused:
        reason = refused.reason[0].upper() + refused.reason[1:]
        raise HubError("IotHubUnauthorized", f"{reason}.") from None
    if permission not in policy.permissions:
        able = ", ".join(name for name, other in policies.items() if permission in other.permissions)
        raise HubError(
            "IotHubUnauthorizedAccess",
            f"The policy {policy.name!r} lacks the permission {permission}; use a policy that has it: {able}.",
        )
    return policy.name


def _policy_of(
    header: str | None, hosts: Collection[str], policies: Mapping[str, Policy], now: float
) -> Policy:
    if not header:
        raise TokenRefused("malformed", "the request has no Authorization header; send a SAS token in it")
    token = parse_token(header)
    policy = policies.get(token.policy or "")
    if policy is None:
        raise TokenRefused(
            "key",
            f"the token names no policy of this hub (skn={(token.policy or '')[:64]!r}); "
            f"use one of {', '.join(policies)}",
        )
    if not covers(token.resource, hosts):
        raise TokenRefused(
            "resource",
            f"the token is for {token.resource[:256]!r} and this hub is {next(iter(hosts))!r}; "
            "check HostName in the service connection string",
        )
    check_token(token, policy.keys, now, f"policy {policy.name!r}")
    return policy
