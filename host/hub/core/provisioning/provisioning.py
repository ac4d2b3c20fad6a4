"""The local stand-in for the Device Provisioning Service, on the hub's own listener.

"Communicate with DPS using the MQTT protocol": a device connects with the user
name ``{idScope}/registrations/{id}/api-version=2019-03-31``, publishes its
registration, polls, and is told its hub and device id. A CONNECT is accepted
whatever it shows; it is the registration that is answered 401. The device's
identity on the hub is made, or given what the device showed, when it is assigned.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from .. import jsontext
from ..access.policies import PROVISIONING
from ..access.services import Access
from ..access.tokens import TokenRefused
from ..errors import ConnectRefused, HubError
from ..hub import Hub
from ..messages.topics import MAX_REQUEST_ID
from ..ports import Clock, Hello, Link, Store
from ..times import iso
from .attestation import ReadCertificate
from .enrolments import Enrolments, initial_twin, place_of, registration_view
from .proofs import Opened, Proof, authenticate
from .tables import ID, Kind, Record, new_etag

RESPONSES = "$dps/registrations/res/#"
REGISTER = "$dps/registrations/PUT/iotdps-register/?"
STATUS = "$dps/registrations/GET/iotdps-get-operationstatus/?"

RETRY_AFTER_S = 1  # what a device is asked to wait before it polls
ASSIGN_S = 1.0  # how long an assignment takes
MAX_OPERATIONS = 10_000  # under way or done; the oldest is forgotten

_USERNAME = re.compile(r"(?P<scope>[^/]+)/registrations/(?P<id>[^/]+)/api-version=\d{4}-\d{2}-\d{2}(?:&.*)?")


def is_registration(username: str | None) -> bool:
    """Whether a CONNECT is for the provisioning service rather than for the hub."""
    return bool(username) and "/registrations/" in username


class Operation:
    """One assignment: whose it is, when it is ``ready`` (monotonic seconds), and its answer once there is one."""

    __slots__ = ("answer", "owner", "ready")

    def __init__(self, owner: str, ready: float):
        self.owner = owner
        self.ready = ready
        self.answer: Record | None = None


class Provisioning:
    """Registrations, by the ``enrolments``. ``hub`` is the one that all devices are assigned to.

    ``access``: the service's own policies. ``read_certificate``: see the module ``attestation``.
    """

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        store: Store,
        random_bytes: Callable[[int], bytes],
        read_certificate: ReadCertificate,
    ):
        self.hub = hub
        self.clock = clock
        self.enrolments = Enrolments(hub, store, clock, random_bytes, read_certificate)
        self.access = Access(hub.hosts, clock, store, random_bytes, PROVISIONING)
        self._random = random_bytes
        self._operations: dict[str, Operation] = {}

    @property
    def scope(self) -> str:
        """The id scope, which devices name in their user name."""
        return self.enrolments.scope

    def connect(self, hello: Hello, link: Link) -> "Registration":
        """Take a CONNECT. 4 for a user name that is none and for no proof, 5 for another scope, 2 for another id."""
        found = _USERNAME.fullmatch(hello.username or "")
        if not found:
            raise self._refused(
                hello, 4, "its user name must be '{idScope}/registrations/{id}/api-version=2019-03-31'"
            )
        if not (hello.password or hello.certificate):
            raise self._refused(
                hello,
                4,
                "it sent neither a password nor a client certificate; "
                "it must send a SAS token as the password, or show its certificate",
            )
        if found["scope"] != self.scope:
            raise self._refused(
                hello, 5, f"the id scope is not {self.scope}, this service's; check it on the device"
            )
        if found["id"] != hello.client_id or not ID.fullmatch(hello.client_id):
            raise self._refused(hello, 2, "its client id must be the registration id of the user name")
        return Registration(self, Proof(hello.client_id, hello.password, hello.certificate), link)

    def _refused(self, hello: Hello, code: int, reason: str) -> ConnectRefused:
        reason = f"a device that wants to be provisioned was refused: {reason}"
        self.hub.events.diagnostic(hello.client_id[:128], "connectionRefused", reason, connackCode=code)
        return ConnectRefused(code, reason)

    def begin(self, registration_id: str) -> str:
        """Start an assignment; its operation id."""
        operation = f"5.{self._random(8).hex()}.{self._random(16).hex()}"
        if len(self._operations) >= MAX_OPERATIONS:
            self._operations.pop(next(iter(self._operations)))
        self._operations[operation] = Operation(registration_id, self.clock.monotonic() + ASSIGN_S)
        return operation

    def outcome(self, operation: str, registration_id: str, opened: Opened) -> Record | None:
        """The final answer to an operation; None while it is under way. KeyError for one that is not this device's.

        ``opened``: the enrolment that the device's proof opens, see ``proofs``.
        """
        found = self._operations[operation]
        if found.owner != registration_id:
            raise KeyError(operation)
        if found.answer is None and self.clock.monotonic() >= found.ready:
            state = self.assign(registration_id, *opened)
            found.answer = {"operationId": operation, "status": "assigned", "registrationState": state}
        return found.answer

    def assign(self, registration_id: str, kind: Kind, enrolment: Record, authentication: Record) -> Record:
        """Admit a device to its hub; the registration state, which is kept.

        "IoT Hub Device reprovisioning concepts": what becomes of the data of a device that registers again.
        """
        registrations, now, hub = self.enrolments.registrations, iso(self.clock.utc()), self.hub.host_name
        policy, place = enrolment["reprovisionPolicy"], place_of(kind, enrolment)
        before = registrations.get(registration_id)
        if before is not None and before["assignedHub"] != hub and not policy["updateHubAssignment"]:
            return registration_view(before)  # "the device is never reassigned to a different hub"
        again = before is not None
        reset = again and policy["updateHubAssignment"] and not policy["migrateDeviceData"]
        device_id = enrolment.get("deviceId") or registration_id
        self._admit(device_id, authentication, initial_twin(enrolment), reset)
        if before is None:
            substatus = "initialAssignment"
        elif reset:
            substatus = "deviceDataReset"
        else:
            same = before["assignedHub"] == hub
            substatus = "reprovisionedToInitialAssignment" if same else "deviceDataMigrated"
        state = {
            "registrationId": registration_id,
            "createdDateTimeUtc": before["createdDateTimeUtc"] if before else now,
            "assignedHub": hub,
            "deviceId": device_id,
            "status": "assigned",
            "substatus": substatus,
            "lastUpdatedDateTimeUtc": now,
            "etag": new_etag(self._random),
        }
        try:
            registrations.put({**state, "enrolment": place})
        except HubError as error:
            raise HubError(
                "ServerError",
                f"The hub has the device {device_id!r} now, but its registration could not be stored "
                f"({error.__cause__}). Make room on the hub's disk, and let the device register again.",
            ) from error
        return state

    def _admit(self, device_id: str, authentication: Record, twin: Record | None, reset: bool) -> None:
        body = {"deviceId": device_id, "authentication": authentication}
        known = device_id in self.hub.devices
        if known and not reset:
            status = self.hub.get_device(device_id)["status"]
            self.hub.update_device(device_id, {**body, "status": status})
            return
        (self.hub.renew_device if known else self.hub.create_device)(device_id, body, twin)


class Registration:
    """One connection to the provisioning service; the skin treats it as it does a Session."""

    present = False

    def __init__(self, service: Provisioning, proof: Proof, link: Link):
        self.device_id = proof.registration_id
        self._service = service
        self._proof = proof
        self._link = link
        self._listening = False
        self._ended = False
        self.known = False  # whether it has shown what an enrolment takes

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
                if 0 < len(fields.get("$rid", "")) <= MAX_REQUEST_ID:
                    self._authenticated(fields["$rid"], lambda opened: answer(fields, payload, opened))  # noqa: B023
                    return
        self._ended = True
        self._link.close("a device that is being provisioned may only register and ask for the status")

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK came, for which nobody waits."""

    def end(self, clean: bool, reason: str | None = None) -> None:
        """The connection is over; nothing is remembered."""
        self._ended = True

    def _authenticated(self, rid: str, answer: Callable[[Opened], None]) -> None:
        service = self._service
        try:
            opened = authenticate(service.enrolments, self._proof, service.clock.utc())
        except TokenRefused as refused:
            reason = f"a registration was refused: {refused.reason}"
            service.hub.events.diagnostic(self.device_id, "requestRefused", reason)
            self._refuse(rid, 401, 401000, "Unauthorized")
            return
        self.known = True
        if opened[1]["provisioningStatus"] == "disabled":
            body = {"operationId": "", "status": "disabled", "registrationState": {"status": "disabled"}}
            self._say(200, rid, body)
            return
        answer(opened)

    def _register(self, fields: dict[str, str], payload: bytes, opened: Opened) -> None:
        try:
            body = jsontext.decode(payload)
        except jsontext.NotJson:
            body = None
        if not isinstance(body, dict) or body.get("registrationId") != self.device_id:
            self._refuse(
                fields["$rid"], 400, 400004, "The body must be JSON with this connection's registrationId."
            )
            return
        self._wait(fields["$rid"], self._service.begin(self.device_id))

    def _status(self, fields: dict[str, str], payload: bytes, opened: Opened) -> None:
        operation = unquote(fields.get("operationId", ""))
        try:
            outcome = self._service.outcome(operation, self.device_id, opened)
        except KeyError:
            self._refuse(fields["$rid"], 404, 404206, "There is no such operation; register again.")
            return
        except HubError as error:
            # The hub would not have the device: too many requests, too many devices.
            self._refuse(fields["$rid"], error.status, error.code, error.message)
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
