"""A device at the provisioning service over MQTT.

"Communicate with DPS using the MQTT protocol": it connects to the hub's own listener with the user name
``{idScope}/registrations/{id}/api-version=2019-03-31``, publishes its registration, and polls. A CONNECT is accepted
whatever it shows; it is the registration that is answered 401.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from .. import jsontext
from ..errors import ConnectRefused
from ..messages.topics import MAX_REQUEST_ID
from ..ports import Hello, Link
from .proofs import Proof
from .provisioning import Answer, Provisioning
from .tables import ID

RESPONSES = "$dps/registrations/res/#"
REGISTER = "$dps/registrations/PUT/iotdps-register/?"
STATUS = "$dps/registrations/GET/iotdps-get-operationstatus/?"

_USERNAME = re.compile(r"(?P<scope>[^/]+)/registrations/(?P<id>[^/]+)/api-version=\d{4}-\d{2}-\d{2}(?:&.*)?")


def is_registration(username: str | None) -> bool:
    """Whether a CONNECT is for the provisioning service rather than for the hub."""
    return bool(username) and "/registrations/" in username


def open_registration(service: Provisioning, hello: Hello, link: Link) -> "Registration":
    """Take a CONNECT. 4 for a user name that is none and for no proof, 5 for another scope, 2 for another id."""
    found = _USERNAME.fullmatch(hello.username or "")
    if not found:
        raise _refused(
            service, hello, 4, "its user name must be '{idScope}/registrations/{id}/api-version=2019-03-31'"
        )
    if not (hello.password or hello.certificate):
        raise _refused(
            service,
            hello,
            4,
            "it sent neither a password nor a client certificate; "
            "it must send a SAS token as the password, or show its certificate",
        )
    if found["scope"] != service.scope:
        raise _refused(
            service, hello, 5, f"the id scope is not {service.scope}, this service's; check it on the device"
        )
    if found["id"] != hello.client_id or not ID.fullmatch(hello.client_id):
        raise _refused(service, hello, 2, "its client id must be the registration id of the user name")
    return Registration(service, Proof(hello.client_id, hello.password, hello.certificate), link)


def _refused(service: Provisioning, hello: Hello, code: int, reason: str) -> ConnectRefused:
    reason = f"a device that wants to be provisioned was refused: {reason}"
    service.hub.events.diagnostic(hello.client_id[:128], "connectionRefused", reason, connackCode=code)
    return ConnectRefused(code, reason)


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
                    self._say(fields["$rid"], answer(fields, payload))
                    return
        self._ended = True
        self._link.close("a device that is being provisioned may only register and ask for the status")

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK came, for which nobody waits."""

    def end(self, clean: bool, reason: str | None = None) -> None:
        """The connection is over; nothing is remembered."""
        self._ended = True

    def _register(self, fields: dict[str, str], payload: bytes) -> Answer:
        return self._service.register(self._proof, payload)

    def _status(self, fields: dict[str, str], payload: bytes) -> Answer:
        return self._service.status(self._proof, unquote(fields.get("operationId", "")))

    def _say(self, rid: str, answer: Answer) -> None:
        self.known = self.known or answer.known
        more = "" if answer.retry_after is None else f"&retry-after={answer.retry_after}"
        # $rid comes first: azure-iot-device reads only what follows the last $.
        if self._listening and not self._ended:
            topic = f"$dps/registrations/res/{answer.status}/?$rid={rid}{more}"
            self._link.send(topic, jsontext.encode(answer.body), 0)
