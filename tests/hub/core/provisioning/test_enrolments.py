"""Who may be provisioned, and how a device proves that it is the one."""

import base64
import json
import random
import re

import pytest
from harness import HOST, Stage, Wire, token

from twinkle_host.hub.core import Certificate, ConnectRefused, Hello, HubError, Provisioning
from twinkle_host.hub.core.provisioning.enrolments import derive_key

PRINT = "AB" * 32


class Service:
    """A provisioning service beside a staged hub, and devices that register with it."""

    def __init__(self, seed=1):
        self.stage = Stage()
        self.seed = seed
        self.start()

    def start(self):
        hub, clock = self.stage.hub, self.stage.clock
        self.provisioning = Provisioning(hub, clock, self.stage.store, random.Random(self.seed).randbytes)
        self.enrolments = self.provisioning.enrolments

    def register(self, registration_id, key=None, certificate=None, lifetime=60):
        """The final body, and the identity it names."""
        scope, wire = self.provisioning.scope, Wire()
        resource = f"{scope}/registrations/{registration_id}"
        password = key and token(resource, key, int(self.stage.clock.utc()) + lifetime, "registration")
        username = f"{resource}/api-version=2019-03-31"
        hello = Hello(registration_id, username, password, certificate=certificate)
        session = self.provisioning.connect(hello, wire)
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


@pytest.fixture
def service():
    return Service()


def shown(name, *prints, authorities=()):
    return Certificate(prints or ("cd" * 32,), name, authorities)


def test_a_key_is_the_enrolments_own_or_derived_from_its_groups(service):
    own = service.enrolments.add("own")["keys"]
    group = service.enrolments.add("many", group=True)["keys"]
    assert service.register("own", own[1])["registrationState"]["assignedHub"] == HOST
    assert service.authentication("own")["symmetricKey"]["primaryKey"] == own[0]
    assert service.register("seven", derive_key(group[0], "seven"))["status"] == "assigned"
    assert service.authentication("seven")["symmetricKey"]["primaryKey"] == derive_key(group[0], "seven")
    assert service.register("eight", group[0])["errorCode"] == 401000


def test_a_certificate_is_known_by_thumbprint_or_by_authority(service):
    service.stage.hub.authorities.add("factory", "PEM")
    service.enrolments.add("own", thumbprint=PRINT.lower(), device_id="cellar")
    service.enrolments.add("many", group=True, authority="factory")
    assert (
        service.register("own", certificate=shown("own", PRINT))["registrationState"]["deviceId"] == "cellar"
    )
    assert service.authentication("cellar")["x509Thumbprint"]["primaryThumbprint"] == PRINT
    assert service.register("x", certificate=shown("x", authorities=("factory",)))["status"] == "assigned"
    for registration_id, certificate in (
        ("own", shown("own")),
        ("own", shown("other", PRINT)),
        ("x", shown("x", authorities=("other",))),
        ("x", shown(None, authorities=("factory",))),
    ):
        assert service.register(registration_id, certificate=certificate)["errorCode"] == 401000


def test_a_key_enrolment_takes_no_certificate_and_the_other_way_round(service):
    key = service.enrolments.add("keyed")["keys"][0]
    service.enrolments.add("certified", thumbprint=PRINT)
    assert service.register("keyed", certificate=shown("keyed"))["errorCode"] == 401000
    assert service.register("certified", key)["errorCode"] == 401000


def test_a_connection_that_shows_nothing_is_refused(service):
    service.enrolments.add("own")
    with pytest.raises(ConnectRefused) as refused:
        service.register("own")
    assert refused.value.code == 4


def test_enrolments_survive_a_restart_and_are_listed_without_keys(service):
    key = service.enrolments.add("own")["keys"][0]
    service.enrolments.add("certified", thumbprint=PRINT)
    scope = service.provisioning.scope
    service.start()
    assert service.provisioning.scope == scope
    assert service.register("own", key)["status"] == "assigned"
    listed = service.enrolments.list()
    assert [one["name"] for one in listed] == ["own", "certified"]
    assert key not in json.dumps(listed)
    service.enrolments.remove("own")
    assert service.register("own", key)["errorCode"] == 401000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"name": "-"}, 400004),
        ({"name": "own"}, 409000),
        ({"name": "a", "thumbprint": "xyz"}, 400004),
        ({"name": "a", "group": True, "thumbprint": PRINT}, 400004),
        ({"name": "a", "authority": "factory"}, 400004),
        ({"name": "a", "group": True, "authority": "nobody"}, 404000),
    ],
)
def test_an_enrolment_that_makes_no_sense_is_refused(service, arguments, code):
    service.enrolments.add("own")
    with pytest.raises(HubError) as refused:
        service.enrolments.add(**arguments)
    assert refused.value.code == code


def test_authorities_are_added_once_listed_and_removed(service):
    authorities = service.stage.hub.authorities
    authorities.add("factory", "PEM")
    with pytest.raises(HubError, match="remove it first"):
        authorities.add("factory", "PEM")
    service.stage.start()
    assert dict(service.stage.hub.authorities.certificates) == {"factory": "PEM"}
    service.stage.hub.authorities.remove("factory")
    with pytest.raises(HubError, match="no authority"):
        service.stage.hub.authorities.remove("factory")


def test_a_disabled_enrolment_assigns_nothing(service):
    key = service.enrolments.add("own")["keys"][0]
    service.enrolments.enable("own", False)
    assert service.register("own", key)["status"] == "disabled"


@pytest.mark.parametrize(
    "wrong",
    [{"device_id": 5}, {"device_id": "with space"}, {"thumbprint": []}, {"group": True, "authority": {}}],
)
def test_an_enrolment_of_what_cannot_be_is_refused(service, wrong):
    with pytest.raises(HubError) as refused:
        service.enrolments.add("own", **wrong)
    assert refused.value.code == 400004 and service.enrolments.list() == []


def test_what_the_hub_refuses_is_the_answer_to_a_registration(service):
    key = service.enrolments.add("own")["keys"][0]
    service.stage.hub.throttles.set(1e-9)
    while True:
        try:
            service.stage.hub.statistics()
            service.stage.hub.list_devices()
        except HubError:
            break
    answer = service.register("own", key)
    assert answer["errorCode"] == 429001 and "registrationState" not in answer


# --- as the service does it


def test_a_device_that_registers_again_is_told_so(service):
    """azure-iot-cli-extension's tests against the service (test_dps_device_registration): "recreate yields different
    substatus", reprovisionedToInitialAssignment; REST reference, DeviceRegistrationState: deviceDataMigrated is for
    "a different IoT hub"."""
    key = service.enrolments.add("own")["keys"][0]
    first = service.register("own", key)["registrationState"]
    assert first["substatus"] == "initialAssignment"
    service.stage.clock.seconds += 100
    again = service.register("own", key)["registrationState"]
    assert again["substatus"] == "reprovisionedToInitialAssignment"
    assert again["createdDateTimeUtc"] == first["createdDateTimeUtc"]
    assert again["lastUpdatedDateTimeUtc"] > first["lastUpdatedDateTimeUtc"]
    service.stage.start()
    service.start()
    assert (
        service.register("own", key)["registrationState"]["substatus"] == "reprovisionedToInitialAssignment"
    )


def test_a_device_whose_hub_has_another_name_since_was_migrated(service):
    """REST reference, DeviceRegistrationState, ``substatus``."""
    key = service.enrolments.add("own")["keys"][0]
    service.register("own", key)
    service.stage.hub.host_name = "fabrikam.azure-devices.net"
    state = service.register("own", key)["registrationState"]
    assert (state["substatus"], state["assignedHub"]) == ("deviceDataMigrated", "fabrikam.azure-devices.net")
    assert (
        service.register("own", key)["registrationState"]["substatus"] == "reprovisionedToInitialAssignment"
    )


def test_a_registration_state_has_an_etag_that_changes_with_it(service):
    """azure-docs, iot-mqtt-connect-to-iot-dps.md, "Polling for registration operation status"."""
    key = service.enrolments.add("own")["keys"][0]
    etags = [service.register("own", key)["registrationState"]["etag"] for _ in range(2)]
    assert len(set(etags)) == 2
    for etag in etags:
        text = base64.b64decode(etag).decode()
        assert re.fullmatch(r'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"', text), text


def test_an_operation_has_one_outcome_however_often_it_is_asked_for(service):
    key = service.enrolments.add("own")["keys"][0]
    service.register("own", key)
    last = service.wire.sent[-1][1]
    service.stage.clock.seconds += 5
    service.session.publish(service.asked, b"", 1)
    assert json.loads(service.wire.sent[-1][1]) == json.loads(last)


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("order", [("own", "many"), ("many", "own")])
def test_an_individual_enrolment_comes_before_every_group(service, order, enabled):
    """azure-docs, iot-dps/how-to-revoke-device-access-portal.md: "the service first looks for an individual enrollment
    with a registration ID that matches", "prevents the connection even if an enabled enrollment group exists"."""
    keys = {name: service.enrolments.add(name, group=name == "many")["keys"][0] for name in order}
    service.enrolments.enable("own", enabled)
    refused = service.register("own", derive_key(keys["many"], "own"))
    assert refused["errorCode"] == 401000 and "own" not in service.stage.hub.devices
    assert service.register("own", keys["own"])["status"] == ("assigned" if enabled else "disabled")
    assert service.register("other", derive_key(keys["many"], "other"))["status"] == "assigned"


@pytest.mark.parametrize("order", [("own", "many"), ("many", "own")])
def test_an_individual_certificate_comes_before_every_group(service, order):
    """The same document, which is of X.509 enrolments."""
    service.stage.hub.authorities.add("factory", "PEM")
    for name in order:
        kind = {"group": True, "authority": "factory"} if name == "many" else {"thumbprint": PRINT}
        service.enrolments.add(name, **kind)
    service.enrolments.enable("own", False)
    issued = shown("own", PRINT, authorities=("factory",))
    assert service.register("own", certificate=issued)["status"] == "disabled"
    assert service.register("own", certificate=shown("own", authorities=("factory",)))["errorCode"] == 401000
    assert service.register("x", certificate=shown("x", authorities=("factory",)))["status"] == "assigned"


def test_a_refusal_names_the_enrolment_that_was_tried(service):
    own = service.enrolments.add("own")["keys"][0]
    groups = {name: service.enrolments.add(name, group=True)["keys"][0] for name in ("many", "last")}
    service.enrolments.add("certified", thumbprint=PRINT)

    def reason(registration_id, key=None, **options):
        assert service.register(registration_id, key, **options)["errorCode"] == 401000
        return service.stage.told("requestRefused")[-1]

    wrong = "A" * 43 + "="
    assert "enrolment 'own'" in reason("own", wrong) and "many" not in reason("own", wrong)
    assert "enrolment 'own'" in reason("own", derive_key(groups["many"], "own"))
    assert "expired" in reason("own", own, lifetime=-60) and "enrolment 'own'" in reason(
        "own", wrong, lifetime=-60
    )
    assert "expired" in reason("x", derive_key(groups["many"], "x"), lifetime=-60)
    nobody = reason("x", wrong)
    assert "no enrolment" in nobody and not any(f"'{name}'" in nobody for name in ("own", "many", "last"))
    assert "enrolment 'certified'" in reason("certified", wrong)
    assert "enrolment 'certified'" in reason("certified", certificate=shown("certified"))
    assert "enrolment 'own'" in reason("own", certificate=shown("own", PRINT))


def test_the_id_scope_is_the_same_from_the_first_start(service):
    """azure-docs, iot-dps/concepts-service.md: "The ID scope is immutable"."""
    service = Service(seed=1)
    scope = service.provisioning.scope
    service.seed = 2
    service.start()
    assert service.provisioning.scope == scope
