"""The local stand-in for the Device Provisioning Service, on the hub's own listener.

"Communicate with DPS using the MQTT protocol": a device connects with the user
name ``{idScope}/registrations/{id}/api-version=2019-03-31``, publishes its
registration, polls, and is told its hub and device id. A CONNECT is accepted
whatever its signature; it is the registration that is answered 401.

Symmetric keys, for one device (individual enrolment) or many (group: a device's
key is derived from the group's and the registration id). The device's identity
on the hub is made or given these keys when it is assigned.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from . import jsontext
from .auth import TokenRefused, check_token, covers, parse_token
from .errors import ConnectRefused, HubError
from .hub import Hub
from .policies import new_key
from .ports import Clock, Hello, Link, Store
from .registry import invalid
from .times import iso

RECORD_ID = "/provisioning"
RESPONSES = "$dps/registrations/res/#"
REGISTER = "$dps/registrations/PUT/iotdps-register/?"
STATUS = "$dps/registrations/GET/iotdps-get-operationstatus/?"
POLICY = "registration"

RETRY_AFTER_S = 1  # what a device is asked to wait before it polls
ASSIGN_S = 1.0  # how long an assignment takes
MAX_OPERATIONS = 10_000  # under way or done; the oldest is forgotten

_USERNAME = re.compile(r"(?P<scope>[^/]+)/registrations/(?P<id>[^/]+)/api-version=\d{4}-\d{2}-\d{2}(?:&.*)?")
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-._:]{0,126}[A-Za-z0-9])?")


def is_registration(username: str | None) -> bool:
    """Whether a CONNECT is for the provisioning service rather than for the hub."""
    return bool(username) and "/registrations/" in username


def derive_key(group_key: str, registration_id: str) -> str:
    """A device's key from its group's: HMAC-SHA256 of the registration id, in base64."""
    digest = hmac.new(base64.b64decode(group_key), registration_id.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class Provisioning:
    """Enrolments, and the devices that register with them. ``hub`` is the one all are assigned to."""

    def __init__(self, hub: Hub, clock: Clock, store: Store, random_bytes: Callable[[int], bytes]):
        self.hub = hub
        self.clock = clock
        self._store = store
        self._random = random_bytes
        record = next((r for r in store.load_all() if r["id"] == RECORD_ID), None)
        self._record = record or {
            "id": RECORD_ID,
            "scope": f"0ne{random_bytes(4).hex().upper()}",
            "enrolments": {},
        }
        self._operations: dict[str, tuple[str, dict[str, Any], float]] = {}

    @property
    def scope(self) -> str:
        """The id scope, which devices name in their user name."""
        return self._record["scope"]

    # --- enrolments

    def enrol(self, name: str, group: bool = False, device_id: str | None = None) -> dict[str, Any]:
        """Enrol one registration id, or a group of them; 409 when the name is taken.

        Answers ``name``, ``group``, ``enabled``, ``deviceId`` and the keys.
        """
        if not _ID.fullmatch(name):
            raise invalid(
                "An enrolment's name is 1 to 128 letters, digits and '- . _ :', alphanumeric at both ends."
            )
        if name in self._record["enrolments"]:
            raise HubError("DeviceAlreadyExists", f"The enrolment {name!r} exists; remove it first.")
        keys = [new_key(self._random), new_key(self._random)]
        enrolment = {"name": name, "group": group, "enabled": True, "deviceId": device_id, "keys": keys}
        self._record["enrolments"][name] = {**enrolment, "assigned": {}}
        self._store.save(self._record)
        return enrolment

    def unenrol(self, name: str) -> None:
        """Remove an enrolment; devices that were assigned keep their identities."""
        if self._record["enrolments"].pop(name, None) is None:
            raise HubError("DeviceNotFound", f"There is no enrolment {name!r}.")
        self._store.save(self._record)

    def enable(self, name: str, enabled: bool) -> None:
        """Let an enrolment's devices register, or no longer."""
        self._record["enrolments"][name]["enabled"] = enabled
        self._store.save(self._record)

    def enrolments(self) -> list[dict[str, Any]]:
        """Every enrolment, without its keys."""
        shown = ("name", "group", "enabled", "deviceId")
        return [{key: value[key] for key in shown} for value in self._record["enrolments"].values()]

    # --- devices

    def connect(self, hello: Hello, link: Link) -> "Registration":
        """Take a CONNECT. 4 for a user name that is none, 5 for another scope, 2 for another id."""
        found = _USERNAME.fullmatch(hello.username or "")
        if not found or not hello.password:
            raise self._refused(
                hello,
                4,
                "its user name must be '{idScope}/registrations/{id}/api-version=2019-03-31', with a SAS token",
            )
        if found["scope"] != self.scope:
            raise self._refused(
                hello, 5, f"the id scope is not {self.scope}, this service's; check it on the device"
            )
        if found["id"] != hello.client_id or not _ID.fullmatch(hello.client_id):
            raise self._refused(hello, 2, "its client id must be the registration id of the user name")
        return Registration(self, hello.client_id, hello.password, link)

    def _refused(self, hello: Hello, code: int, reason: str) -> ConnectRefused:
        reason = f"a device that wants to be provisioned was refused: {reason}"
        self.hub.events.diagnostic(hello.client_id[:128], "connectionRefused", reason, connackCode=code)
        return ConnectRefused(code, reason)

    def authenticate(self, registration_id: str, password: str) -> tuple[dict[str, Any], list[str]]:
        """The enrolment that this token opens, and the device's keys; TokenRefused when none does."""
        token = parse_token(password)
        if not covers(token.resource, (self.scope.lower(),), "registrations", registration_id):
            raise TokenRefused("resource", "the token is not for this registration id and scope")
        refused = TokenRefused("key", "no enrolment has this registration id, nor a group this key")
        for enrolment, keys in self._candidates(registration_id):
            try:
                check_token(token, keys, self.clock.utc(), f"enrolment {enrolment['name']!r}")
            except TokenRefused as error:
                refused = error
                continue
            return enrolment, keys
        raise refused

    def _candidates(self, registration_id: str) -> Iterable[tuple[dict[str, Any], list[str]]]:
        for enrolment in self._record["enrolments"].values():
            if enrolment["group"]:
                yield enrolment, [derive_key(key, registration_id) for key in enrolment["keys"]]
            elif enrolment["name"].lower() == registration_id.lower():
                yield enrolment, enrolment["keys"]

    def begin(self, registration_id: str, enrolment: dict[str, Any]) -> str:
        """Start an assignment; its operation id."""
        operation = f"5.{self._random(8).hex()}.{self._random(16).hex()}"
        if len(self._operations) >= MAX_OPERATIONS:
            self._operations.pop(next(iter(self._operations)))
        self._operations[operation] = (registration_id, enrolment, self.clock.monotonic() + ASSIGN_S)
        return operation

    def outcome(self, operation: str, registration_id: str, keys: list[str]) -> dict[str, Any] | None:
        """The final answer to an operation; None while it is under way. KeyError for one that is not this device's."""
        owner, enrolment, ready = self._operations[operation]
        if owner != registration_id:
            raise KeyError(operation)
        if self.clock.monotonic() < ready:
            return None
        device_id = enrolment["deviceId"] or registration_id
        self._give_keys(device_id, keys)
        now = iso(self.clock.utc())
        first = enrolment["assigned"].setdefault(registration_id, now) == now
        self._store.save(self._record)
        state = {
            "registrationId": registration_id,
            "createdDateTimeUtc": enrolment["assigned"][registration_id],
            "assignedHub": self.hub.host_name,
            "deviceId": device_id,
            "status": "assigned",
            "substatus": "initialAssignment" if first else "deviceDataMigrated",
            "lastUpdatedDateTimeUtc": now,
        }
        return {"operationId": operation, "status": "assigned", "registrationState": state}

    def _give_keys(self, device_id: str, keys: list[str]) -> None:
        symmetric = {"primaryKey": keys[0], "secondaryKey": keys[1]}
        body = {"deviceId": device_id, "authentication": {"type": "sas", "symmetricKey": symmetric}}
        try:
            self.hub.create_device(device_id, body)
        except HubError as error:
            if error.name != "DeviceAlreadyExists":
                raise
            status = self.hub.get_device(device_id)["status"]
            self.hub.update_device(device_id, {**body, "status": status})


class Registration:
    """One connection to the provisioning service; the skin treats it as it does a Session."""

    present = False

    def __init__(self, service: Provisioning, registration_id: str, password: str, link: Link):
        self.device_id = registration_id
        self._service = service
        self._password = password
        self._link = link
        self._listening = False
        self._ended = False

    def subscribe(self, filters: Iterable[tuple[str, int]]) -> list[int]:
        """Only the answers may be subscribed to."""
        codes = []
        for topic_filter, qos in filters:
            allowed = topic_filter == RESPONSES
            self._listening = self._listening or allowed
            codes.append(min(qos, 1) if allowed else 0x80)
        return codes

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Stop listening."""
        if RESPONSES in filters:
            self._listening = False

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Register, or ask how far it is. Anything else ends the connection."""
        for prefix, answer in ((REGISTER, self._register), (STATUS, self._status)):
            if topic.startswith(prefix) and qos < 2:
                fields = dict(part.partition("=")[::2] for part in topic[len(prefix) :].split("&"))
                if fields.get("$rid"):
                    self._authenticated(fields["$rid"], lambda *a: answer(fields, payload, *a))  # noqa: B023
                    return
        self._ended = True
        self._link.close("a device that is being provisioned may only register and ask for the status")

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK came, for which nobody waits."""

    def end(self, clean: bool, reason: str | None = None) -> None:
        """The connection is over; nothing is remembered."""
        self._ended = True

    def _authenticated(self, rid: str, answer: Callable[[dict[str, Any], list[str]], None]) -> None:
        try:
            enrolment, keys = self._service.authenticate(self.device_id, self._password)
        except TokenRefused as refused:
            reason = f"a registration was refused: {refused.reason}"
            self._service.hub.events.diagnostic(self.device_id, "requestRefused", reason)
            self._refuse(rid, 401, 401000, "Unauthorized")
            return
        if not enrolment["enabled"]:
            body = {"operationId": "", "status": "disabled", "registrationState": {"status": "disabled"}}
            self._say(200, rid, body)
            return
        answer(enrolment, keys)

    def _register(
        self, fields: dict[str, str], payload: bytes, enrolment: dict[str, Any], keys: list[str]
    ) -> None:
        try:
            body = jsontext.decode(payload)
        except jsontext.NotJson:
            body = None
        if not isinstance(body, dict) or body.get("registrationId") != self.device_id:
            self._refuse(
                fields["$rid"], 400, 400004, "The body must be JSON with this connection's registrationId."
            )
            return
        self._wait(fields["$rid"], self._service.begin(self.device_id, enrolment))

    def _status(
        self, fields: dict[str, str], payload: bytes, enrolment: dict[str, Any], keys: list[str]
    ) -> None:
        operation = unquote(fields.get("operationId", ""))
        try:
            outcome = self._service.outcome(operation, self.device_id, keys)
        except KeyError:
            self._refuse(fields["$rid"], 404, 404206, "There is no such operation; register again.")
            return
        if outcome is None:
            self._wait(fields["$rid"], operation)
        else:
            self._say(200, fields["$rid"], outcome)

    def _wait(self, rid: str, operation: str) -> None:
        body = {"operationId": operation, "status": "assigning"}
        self._say(202, rid, body, f"&retry-after={RETRY_AFTER_S}")

    def _refuse(self, rid: str, status: int, code: int, message: str) -> None:
        service = self._service
        body = {"errorCode": code, "trackingId": service.hub.tracking_id(), "message": message}
        self._say(status, rid, {**body, "timestampUtc": iso(service.clock.utc())})

    def _say(self, status: int, rid: str, body: dict[str, Any], more: str = "") -> None:
        # $rid comes first: azure-iot-device reads only what follows the last $.
        if self._listening and not self._ended:
            self._link.send(f"$dps/registrations/res/{status}/?$rid={rid}{more}", jsontext.encode(body), 0)
