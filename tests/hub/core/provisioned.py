"""The provisioning service beside a staged hub, and devices that register with it."""

import json
import random

from harness import Stage, Wire, enrol, read_certificate, token

from twinkle_host.hub.core import Certificate, Hello, Provisioning, open_registration
from twinkle_host.hub.core.provisioning.tables import INDIVIDUAL

PRINT = "AB" * 32


class Service:
    """A provisioning service beside a staged hub, and devices that register with it."""

    def __init__(self, seed=1):
        self.stage = Stage()
        self.seed = seed
        self.start()

    def start(self):
        hub, clock = self.stage.hub, self.stage.clock
        self.provisioning = Provisioning(
            hub, clock, self.stage.store, random.Random(self.seed).randbytes, read_certificate
        )
        self.enrolments = self.provisioning.enrolments

    def enrol(self, name, group=False, **options):
        """Its keys, none where a certificate is to be shown."""
        return enrol(self.enrolments, name, group, **options)

    def disable(self, name):
        body = {"registrationId": name, "attestation": self.enrolments.attestation(INDIVIDUAL, name)}
        kept = self.enrolments.tables[INDIVIDUAL].get(name)["attestation"]
        self.enrolments.put(
            INDIVIDUAL, name, {**body, "attestation": kept, "provisioningStatus": "disabled"}, "*"
        )

    def register(self, registration_id, key=None, certificate=None, lifetime=60):
        """The final body, and the identity it names."""
        scope, wire = self.provisioning.scope, Wire()
        resource = f"{scope}/registrations/{registration_id}"
        password = key and token(resource, key, int(self.stage.clock.utc()) + lifetime, "registration")
        username = f"{resource}/api-version=2019-03-31"
        hello = Hello(registration_id, username, password, certificate=certificate)
        session = open_registration(self.provisioning, hello, wire)
        session.subscribe([("$dps/registrations/res/#", 1)])
        body = json.dumps({"registrationId": registration_id}).encode()
        session.publish("$dps/registrations/PUT/iotdps-register/?$rid=1", body, 1)
        answer = json.loads(wire.sent[-1][1])
        if answer.get("status") == "assigning":
            self.stage.clock.seconds += 2
            operation = answer["operationId"]
            asked = f"$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId={operation}"
            session.publish(asked, b"", 1)
            answer = json.loads(wire.sent[-1][1])
            self.wire, self.session, self.asked = wire, session, asked
        return answer

    def authentication(self, device_id):
        return self.stage.hub.get_device(device_id)["authentication"]


def shown(name, *prints, authorities=()):
    return Certificate(prints or ("cd" * 32,), name, authorities)
