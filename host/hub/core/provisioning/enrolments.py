"""Enrolments: which devices may be provisioned, and what becomes of them.

REST reference of the Device Provisioning Service (2021-10-01): the models IndividualEnrollment,
EnrollmentGroup, BulkEnrollmentOperation and QuerySpecification. One hub is linked to this service, so
that the allocation policies hashed, geoLatency and static all lead to it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .. import jsontext
from ..access.identities import check_device_id, invalid
from ..errors import HubError
from ..hub import Hub
from ..ports import Clock, Store
from ..times import iso
from ..twins.twin import Twin
from .attestation import Attestations, ReadCertificate, shown, signers_of
from .tables import GROUP, INDIVIDUAL, REGISTRATION, Kind, Record, Table, check_id, member, new_etag

RECORD_ID = "/provisioning"
MAX_BULK = 10  # "Bulk device enrollment operation with maximum of 10 enrollments"
STATUSES = ("enabled", "disabled")
POLICIES = ("hashed", "geoLatency", "static")
# How a bulk operation calls its parts, and how what it does with each.
LISTS = {INDIVIDUAL: "enrollments", GROUP: "enrollmentGroups"}
MODES = ("create", "update", "updateIfMatchETag", "delete")

# The service answers all of them, whatever it is asked: azure-iot-cli-extension 0.25 sends the text of a Python object.
# What would be only some of them is refused, so that nobody takes all for those.
_SELECT = re.compile(r"\s*select\b", re.IGNORECASE)
_QUERY = re.compile(r"\s*select\s+\*(?:\s+from\s+(\w+))?\s*", re.IGNORECASE)


class Enrolments:
    """The enrolments of one provisioning service and the registrations they led to. ``scope`` is its id scope."""

    def __init__(
        self,
        hub: Hub,
        store: Store,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        read_certificate: ReadCertificate,
    ):
        self._hub = hub
        self._clock = clock
        self._random = random_bytes
        self._attestations = Attestations(hub.authorities.certificates, read_certificate, random_bytes)
        record = store.load(RECORD_ID)
        if record is None:
            # Devices are given the scope before anything is enrolled.
            record = {"id": RECORD_ID, "scope": f"0ne{random_bytes(4).hex().upper()}"}
            store.save(record)
        self.scope: str = record["scope"]
        records = [record for record in store.load_all() if record["id"].startswith("/")]  # no devices
        self.tables = {kind: Table(store, kind, records) for kind in (INDIVIDUAL, GROUP)}
        self.registrations = Table(store, REGISTRATION, records)

    # --- one of them

    def get(self, kind: Kind, name: str) -> Record:
        """One enrolment as it is answered, or 404201."""
        return self._view(kind, self.tables[kind].find(name))

    def attestation(self, kind: Kind, name: str) -> Record:
        """With what its devices prove who they are, keys included."""
        return jsontext.copy(shown(self.tables[kind].find(name)["attestation"], keys=True))

    def put(self, kind: Kind, name: str, body: Any, etag: str | None = None) -> Record:
        """Create one, or change it where its etag is given (``*``: whichever it is).

        409000 for one that exists when no etag is given, 404201 for one that does not when one is, 412001 for a
        stale etag, 400004 and 501000 for what it cannot be.
        """
        table = self.tables[kind]
        old = table.get(name) if etag is None else table.find(name, etag)
        if old is not None and etag is None:
            raise HubError(
                "EnrollmentConflict",
                f"The {kind.called} {name!r} exists; remove it first, or give its etag (If-Match) to change it.",
            )
        now = iso(self._clock.utc())
        table.put({**self._checked(kind, name, body, old, now), "lastUpdatedDateTimeUtc": now})
        return self.get(kind, name)

    def delete(self, kind: Kind, name: str, etag: str | None = None) -> None:
        """Remove one and its registrations; devices keep their identities on the hub."""
        table = self.tables[kind]
        states = self._states(kind, table.find(name, etag))
        table.remove(name, *((self.registrations, state["registrationId"]) for state in states))

    def _checked(self, kind: Kind, name: str, body: Any, old: Record | None, now: str) -> Record:
        if not isinstance(body, dict):
            raise invalid(f"The body of an {kind.called} must be a JSON object.")
        if check_id(member(body, kind.member, str)).lower() != name.lower():
            raise invalid(f"The member {kind.member!r} must be the id in the address, {name[:128]!r}.")
        made = {
            kind.member: old[kind.member] if old else name,
            "attestation": self._attestations.checked(kind, body, old),
            "provisioningStatus": _one_of(body, "provisioningStatus", STATUSES, "enabled"),
            "capabilities": {"iotEdge": False},
            "reprovisionPolicy": _reprovision_policy(body),
            "createdDateTimeUtc": old["createdDateTimeUtc"] if old else now,
            "etag": new_etag(self._random),
        }
        if member(member(body, "capabilities", dict, {}), "iotEdge", bool):
            raise HubError(
                "FeatureNotSupported", "This hub has no IoT Edge; set capabilities.iotEdge to false."
            )
        device_id = member(body, "deviceId", str)
        if device_id is not None and kind is INDIVIDUAL:
            made["deviceId"] = check_device_id(device_id)
        self._allocation(body, made)
        for part in ("initialTwin", "optionalDeviceInformation"):
            if (value := member(body, part, dict)) is not None:
                made[part] = value
        if twin := initial_twin(made):
            Twin().replace(twin, made["createdDateTimeUtc"])
        return made

    def _allocation(self, body: Record, made: Record) -> None:
        if body.get("allocationPolicy") == "custom" or body.get("customAllocationDefinition"):
            raise HubError("FeatureNotSupported", "This hub has no custom allocation; use static or hashed.")
        policy = _one_of(body, "allocationPolicy", POLICIES, None)
        name, names = member(body, "iotHubHostName", str), member(body, "iotHubs", list, [])
        for host in (*([name] if name is not None else ()), *names):
            if not isinstance(host, str) or host.lower() not in self._hub.hosts:
                raise invalid(
                    f"The hub {str(host)[:128]!r} is not linked to this service; {self._hub.host_name!r} is."
                )
        if policy == "static" and not (name or names):
            raise invalid("The allocation policy 'static' names its hub, in iotHubs or iotHubHostName.")
        given = {"allocationPolicy": policy, "iotHubHostName": name, "iotHubs": names or None}
        made.update({key: value for key, value in given.items() if value is not None})

    def _view(self, kind: Kind, enrolment: Record) -> Record:
        view = {**jsontext.copy(enrolment), "attestation": jsontext.copy(shown(enrolment["attestation"]))}
        if kind is INDIVIDUAL and (states := self._states(kind, enrolment)):
            view["registrationState"] = registration_view(states[0])
        return view

    def _states(self, kind: Kind, enrolment: Record) -> list[Record]:
        # An individual enrolment has at most the one of its own id.
        place = place_of(kind, enrolment)
        if kind is INDIVIDUAL:
            state = self.registrations.get(enrolment[kind.member])
            return [state] if state is not None and state["enrolment"] == place else []
        return [state for state in self.registrations if state["enrolment"] == place]

    # --- many of them

    def query(
        self, kind: Kind, text: Any, size: int | None = None, continuation: str | None = None
    ) -> tuple[list[Record], str | None]:
        """A page of enrolments and the continuation of the next; 400004 for what is no query of all of them."""
        if not isinstance(text, str):
            raise invalid('The body must be an object with a "query", which is text.')
        found = _QUERY.fullmatch(text)
        if _SELECT.match(text) and (not found or (found[1] or kind.path).lower() != kind.path.lower()):
            raise invalid(f"The query must be 'SELECT * FROM {kind.path}'; this service has no other.")
        rows, more = self.tables[kind].page(size, continuation)
        return [self._view(kind, row) for row in rows], more

    def query_registrations(
        self, group: str, size: int | None = None, continuation: str | None = None
    ) -> tuple[list[Record], str | None]:
        """A page of the registrations of a group's devices."""
        place = place_of(GROUP, self.tables[GROUP].find(group))
        rows, more = self.registrations.page(size, continuation, lambda row: row["enrolment"] == place)
        return [registration_view(row) for row in rows], more

    def bulk(self, kind: Kind, body: Any) -> Record:
        """Do one thing with up to ten enrolments; each is done or refused by itself."""
        if not isinstance(body, dict) or not isinstance(body.get(LISTS[kind]), list):
            raise invalid(f"The body must be an object with a mode and an array of {LISTS[kind]}.")
        mode, entries = _one_of(body, "mode", MODES, ""), body[LISTS[kind]]
        if not 1 <= len(entries) <= MAX_BULK:
            raise invalid(f"One request takes 1 to {MAX_BULK} {LISTS[kind]}, not {len(entries)}.")
        errors = []
        for entry in entries:
            name = entry.get(kind.member) if isinstance(entry, dict) else None
            try:
                self._do(kind, mode, check_id(name), entry)
            except HubError as error:
                who = name[:128] if isinstance(name, str) else ""
                errors.append({kind.member: who, "errorCode": error.code, "errorStatus": error.message})
        return {"isSuccessful": not errors, "errors": errors}

    def _do(self, kind: Kind, mode: str, name: str, entry: Record) -> None:
        if mode == "delete":
            self.delete(kind, name, member(entry, "etag", str))
        elif mode == "updateIfMatchETag":
            self.put(kind, name, entry, member(entry, "etag", str, ""))  # where there is none, none matches
        else:
            self.put(kind, name, entry, "*" if mode == "update" else None)

    # --- what devices need

    def signers(self) -> Mapping[str, str]:
        """The certificates that may have issued a device's, PEM by name: registered ones, and those of groups."""
        found = dict(self._hub.authorities.certificates)
        for group in self.tables[GROUP]:
            found.update(signers_of(group, GROUP))
        return found


def place_of(kind: Kind, enrolment: Record) -> str:
    """The enrolment a registration came of, as its record names it."""
    return f"{kind.path}/{enrolment[kind.member].lower()}"


def registration_view(state: Record) -> Record:
    """A registration state as it is answered."""
    return {name: value for name, value in state.items() if name != "enrolment"}


def initial_twin(enrolment: Record) -> Record | None:
    """What a device's twin begins with, as the hub takes it; None when nothing is said."""
    given = enrolment.get("initialTwin") or {}
    twin: Record = {}
    if tags := member(given, "tags", dict):
        twin["tags"] = tags
    if desired := member(member(given, "properties", dict, {}), "desired", dict):
        twin["properties"] = {"desired": desired}
    return twin or None


def _one_of(body: Record, name: str, values: tuple[str, ...], otherwise: Any) -> Any:
    value = member(body, name, str, otherwise)
    if value is not None and value not in values:
        raise invalid(f"The member {name!r} must be one of {', '.join(values)}.")
    return value


def _reprovision_policy(body: Record) -> Record:
    given = member(body, "reprovisionPolicy", dict, {})
    return {name: member(given, name, bool, True) for name in ("updateHubAssignment", "migrateDeviceData")}
