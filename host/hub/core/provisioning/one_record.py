"""Enrolments of a hub that kept them all in one record, taken over into records of their own."""

from collections.abc import Callable

from ..ports import Store
from .attestation import AUTHORITIES, CLIENT, KEY, KEYS, X509
from .tables import GROUP, INDIVIDUAL, REGISTRATION, Kind, Record, Table, new_etag


def take_over(record: Record, store: Store, random_bytes: Callable[[int], bytes], now: str) -> None:
    """Store the enrolments of ``record`` and their registrations one by one; last, the record without them."""
    registrations = Table(store, REGISTRATION)
    for old in record.pop("enrolments").values():
        kind = GROUP if old["group"] else INDIVIDUAL
        Table(store, kind).put(_enrolment(kind, old, new_etag(random_bytes), now))
        for name, assigned in old["assigned"].items():
            if isinstance(assigned, dict):
                times = {"createdDateTimeUtc": assigned["created"], "lastUpdatedDateTimeUtc": now}
                state = {
                    "registrationId": name,
                    "assignedHub": assigned["hub"],
                    "status": "assigned",
                    **times,
                }
                state |= {"deviceId": old["deviceId"] or name, "substatus": "initialAssignment"}
                state |= {"etag": new_etag(random_bytes), "enrolment": f"{kind.path}/{old['name'].lower()}"}
                registrations.put(state)
    store.save(record)


def _enrolment(kind: Kind, old: Record, etag: str, now: str) -> Record:
    if old["keys"]:
        attestation = {"type": KEY, KEY: dict(zip(KEYS, old["keys"], strict=True))}
    elif old["authority"]:
        attestation = {"type": X509, X509: {AUTHORITIES: {"primary": old["authority"]}}}
    else:
        digits = old["thumbprint"]
        info = {"sha1Thumbprint" if len(digits) == 40 else "sha256Thumbprint": digits}
        attestation = {"type": X509, X509: {CLIENT: {"primary": {"info": info}}}}
    return {
        kind.member: old["name"],
        "attestation": attestation,
        "provisioningStatus": "enabled" if old["enabled"] else "disabled",
        "capabilities": {"iotEdge": False},
        "reprovisionPolicy": {"updateHubAssignment": True, "migrateDeviceData": True},
        "createdDateTimeUtc": now,
        "lastUpdatedDateTimeUtc": now,
        "etag": etag,
        **({"deviceId": old["deviceId"]} if old["deviceId"] else {}),
    }
