"""The local stand-in for the Device Provisioning Service: what it answers to devices, whatever carries it.

A device registers, is given an operation, asks how far it is, and is told its hub and device id. Its identity on the
hub is made, or given what the device showed, when it is assigned. MQTT is the module ``registration``, HTTPS is in
``rest``. REST reference, "Runtime Registration": RegistrationOperationStatus, DeviceRegistrationResult.
"""

from collections.abc import Callable
from typing import NamedTuple

from .. import jsontext
from ..access.policies import PROVISIONING
from ..access.services import Access
from ..access.tokens import TokenRefused
from ..errors import HubError
from ..hub import Hub
from ..messages.events import REQUEST_REFUSED
from ..ports import Clock, Store
from ..times import iso
from .attestation import ReadCertificate
from .enrolments import Enrolments, initial_twin, place_of, registration_view
from .proofs import Opened, Proof, authenticate
from .tables import Kind, Record, new_etag

RETRY_AFTER_S = 1  # what a device is asked to wait before it polls
ASSIGN_S = 1.0  # how long an assignment takes
MAX_OPERATIONS = 10_000  # under way or done; the oldest is forgotten


class Answer(NamedTuple):
    """What a device is answered. ``status``: of HTTP; 202 asks it to come again in ``retry_after`` seconds.

    ``known``: whether it has shown what an enrolment takes.
    """

    status: int
    body: Record
    retry_after: int | None = None
    known: bool = True


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

    # --- what devices ask

    def register(self, proof: Proof, payload: bytes) -> Answer:
        """Begin an assignment; 400004 for a body that does not name the device that sent it."""
        return self._answered(proof, lambda opened: self._registered(proof, payload))

    def status(self, proof: Proof, operation: str) -> Answer:
        """How far it is; 404206 for an operation that is not this device's, or not any more."""
        return self._answered(proof, lambda opened: self._status(proof, operation, opened))

    def lookup(self, proof: Proof) -> Answer:
        """The registration as it was left by the last assignment; 404 before the first."""
        name = proof.registration_id
        return self._answered(
            proof, lambda opened: Answer(200, registration_view(self.enrolments.registrations.find(name)))
        )

    def _answered(self, proof: Proof, answer: Callable[[Opened], Answer]) -> Answer:
        try:
            opened = authenticate(self.enrolments, proof, self.clock.utc())
        except TokenRefused as refused:
            reason = f"a registration was refused: {refused.reason}"
            self.hub.events.diagnostic(proof.registration_id, REQUEST_REFUSED, reason)
            return self.refusal(401, 401000, "Unauthorized", known=False)
        if opened[1]["provisioningStatus"] == "disabled":
            body = {"operationId": "", "status": "disabled", "registrationState": {"status": "disabled"}}
            return Answer(200, body)
        try:
            return answer(opened)
        except HubError as error:
            # The hub would not have the device, too many requests or devices; or there is no such registration.
            return self.refusal(error.status, error.code, error.message)

    def refusal(self, status: int, code: int, message: str, known: bool = True) -> Answer:
        """A refusal as devices get it; see the model ProvisioningServiceErrorDetails."""
        body = {"errorCode": code, "trackingId": self.hub.tracking_id(), "message": message}
        return Answer(status, {**body, "timestampUtc": iso(self.clock.utc())}, known=known)

    def _registered(self, proof: Proof, payload: bytes) -> Answer:
        try:
            body = jsontext.decode(payload)
        except jsontext.NotJson:
            body = None
        if not isinstance(body, dict) or body.get("registrationId") != proof.registration_id:
            return self.refusal(
                400, 400004, f"The body must be JSON with the registrationId {proof.registration_id!r}."
            )
        return _assigning(self.begin(proof.registration_id))

    def _status(self, proof: Proof, operation: str, opened: Opened) -> Answer:
        try:
            outcome = self.outcome(operation, proof.registration_id, opened)
        except KeyError:
            return self.refusal(404, 404206, "There is no such operation; register again.")
        return _assigning(operation) if outcome is None else Answer(200, outcome)

    # --- assignments

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


def _assigning(operation: str) -> Answer:
    return Answer(202, {"operationId": operation, "status": "assigning"}, RETRY_AFTER_S)
