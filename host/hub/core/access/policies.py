"""Shared access policies: names, permissions and keys that open more than one device.

IoT Hub developer guide, "Control access using shared access signatures": the
built-in policies and their permissions.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

REGISTRY_READ = "RegistryRead"
REGISTRY_WRITE = "RegistryWrite"
SERVICE_CONNECT = "ServiceConnect"
DEVICE_CONNECT = "DeviceConnect"
PERMISSIONS = frozenset({REGISTRY_READ, REGISTRY_WRITE, SERVICE_CONNECT, DEVICE_CONNECT})

BUILT_IN: dict[str, frozenset[str]] = {
    "iothubowner": PERMISSIONS,
    "service": frozenset({SERVICE_CONNECT}),
    "device": frozenset({DEVICE_CONNECT}),
    "registryRead": frozenset({REGISTRY_READ}),
    "registryReadWrite": frozenset({REGISTRY_READ, REGISTRY_WRITE}),
}

ENROLLMENT_READ = "EnrollmentRead"
ENROLLMENT_WRITE = "EnrollmentWrite"
STATUS_READ = "RegistrationStatusRead"
STATUS_WRITE = "RegistrationStatusWrite"


class BuiltIn(NamedTuple):
    """The policies that a service has from the beginning, and the record that keeps their keys."""

    record: str  # a slash cannot occur in a device id
    permissions: dict[str, frozenset[str]]


IOT_HUB = BuiltIn("/policies", BUILT_IN)
# Device Provisioning Service, "Control access with shared access signatures": the default policy has them all.
PROVISIONING = BuiltIn(
    "/provisioning/policies",
    {
        "provisioningserviceowner": frozenset(
            {"ServiceConfig", ENROLLMENT_READ, ENROLLMENT_WRITE, STATUS_READ, STATUS_WRITE}
        )
    },
)


@dataclass(frozen=True)
class Policy:
    """One policy. The keys are base64 text and stay out of ``repr``."""

    name: str
    permissions: frozenset[str]
    keys: tuple[str, str] = field(repr=False)


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    """A fresh symmetric key: base64 of 32 random bytes."""
    return base64.b64encode(random_bytes(32)).decode("ascii")


def load_policies(
    record: dict[str, Any] | None, random_bytes: Callable[[int], bytes], built_in: BuiltIn = IOT_HUB
) -> dict[str, Policy]:
    """The built-in policies, with the record's keys where it has them and fresh ones elsewhere."""
    stored = (record or {}).get("keys", {})
    policies = {}
    for name, permissions in built_in.permissions.items():
        keys = stored.get(name) or [new_key(random_bytes), new_key(random_bytes)]
        policies[name] = Policy(name, permissions, (keys[0], keys[1]))
    return policies


def policies_record(policies: dict[str, Policy], built_in: BuiltIn = IOT_HUB) -> dict[str, Any]:
    """The record that keeps the policies' keys."""
    return {"id": built_in.record, "keys": {name: list(policy.keys) for name, policy in policies.items()}}
