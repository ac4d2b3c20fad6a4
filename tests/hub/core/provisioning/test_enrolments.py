"""Who may be provisioned, and how a device proves that it is the one."""

import base64
import json
import re

import pytest
from harness import HOST
from provisioned import PRINT, Service, shown

from twinkle_host.hub.core import ConnectRefused, HubError
from twinkle_host.hub.core.provisioning.attestation import derive_key
from twinkle_host.hub.core.provisioning.tables import INDIVIDUAL


@pytest.fixture
def service():
    return Service()


def test_a_key_is_the_enrolments_own_or_derived_from_its_groups(service):
    own = service.enrol("own")
    group = service.enrol("many", group=True)
    assert service.register("own", own[1])["registrationState"]["assignedHub"] == HOST
    assert service.authentication("own")["symmetricKey"]["primaryKey"] == own[0]
    assert service.register("seven", derive_key(group[0], "seven"))["status"] == "assigned"
    assert service.authentication("seven")["symmetricKey"]["primaryKey"] == derive_key(group[0], "seven")
    assert service.register("eight", group[0])["errorCode"] == 401000


def test_a_certificate_is_known_by_thumbprint_or_by_authority(service):
    service.stage.hub.authorities.add("factory", "PEM")
    service.enrol("own", certificate=PRINT.lower(), deviceId="cellar")
    service.enrol("many", group=True, authority="factory")
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
    key = service.enrol("keyed")[0]
    service.enrol("certified", certificate=PRINT)
    assert service.register("keyed", certificate=shown("keyed"))["errorCode"] == 401000
    assert service.register("certified", key)["errorCode"] == 401000


def test_a_connection_that_shows_nothing_is_refused_for_that(service):
    service.enrol("own")
    with pytest.raises(ConnectRefused) as refused:
        service.register("own")
    assert refused.value.code == 4
    assert "neither a password nor a client certificate" in refused.value.reason
    assert "user name" not in refused.value.reason


def test_enrolments_survive_a_restart_and_are_listed_without_keys(service):
    key = service.enrol("own")[0]
    service.enrol("certified", certificate=PRINT)
    scope = service.provisioning.scope
    service.start()
    assert service.provisioning.scope == scope
    assert service.register("own", key)["status"] == "assigned"
    listed, more = service.enrolments.query(INDIVIDUAL, "SELECT * FROM enrollments")
    assert [one["registrationId"] for one in listed] == ["certified", "own"] and more is None
    assert key not in json.dumps(listed)
    service.enrolments.delete(INDIVIDUAL, "own")
    assert service.register("own", key)["errorCode"] == 401000


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
    key = service.enrol("own")[0]
    service.disable("own")
    assert service.register("own", key)["status"] == "disabled"


def test_what_the_hub_refuses_is_the_answer_to_a_registration(service):
    key = service.enrol("own")[0]
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
    key = service.enrol("own")[0]
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
    key = service.enrol("own")[0]
    service.register("own", key)
    service.stage.hub.host_name = "fabrikam.azure-devices.net"
    state = service.register("own", key)["registrationState"]
    assert (state["substatus"], state["assignedHub"]) == ("deviceDataMigrated", "fabrikam.azure-devices.net")
    assert (
        service.register("own", key)["registrationState"]["substatus"] == "reprovisionedToInitialAssignment"
    )


def test_a_registration_state_has_an_etag_that_changes_with_it(service):
    """azure-docs, iot-mqtt-connect-to-iot-dps.md, "Polling for registration operation status"."""
    key = service.enrol("own")[0]
    etags = [service.register("own", key)["registrationState"]["etag"] for _ in range(2)]
    assert len(set(etags)) == 2
    for etag in etags:
        text = base64.b64decode(etag).decode()
        assert re.fullmatch(r'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"', text), text


def test_an_operation_has_one_outcome_however_often_it_is_asked_for(service):
    key = service.enrol("own")[0]
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
    keys = {name: service.enrol(name, group=name == "many")[0] for name in order}
    if not enabled:
        service.disable("own")
    refused = service.register("own", derive_key(keys["many"], "own"))
    assert refused["errorCode"] == 401000 and "own" not in service.stage.hub.devices
    assert service.register("own", keys["own"])["status"] == ("assigned" if enabled else "disabled")
    assert service.register("other", derive_key(keys["many"], "other"))["status"] == "assigned"


@pytest.mark.parametrize("order", [("own", "many"), ("many", "own")])
def test_an_individual_certificate_comes_before_every_group(service, order):
    """The same document, which is of X.509 enrolments."""
    service.stage.hub.authorities.add("factory", "PEM")
    for name in order:
        kind = {"group": True, "authority": "factory"} if name == "many" else {"certificate": PRINT}
        service.enrol(name, **kind)
    service.disable("own")
    issued = shown("own", PRINT, authorities=("factory",))
    assert service.register("own", certificate=issued)["status"] == "disabled"
    assert service.register("own", certificate=shown("own", authorities=("factory",)))["errorCode"] == 401000
    assert service.register("x", certificate=shown("x", authorities=("factory",)))["status"] == "assigned"


def test_a_refusal_names_the_enrolment_that_was_tried(service):
    own = service.enrol("own")[0]
    groups = {name: service.enrol(name, group=True)[0] for name in ("many", "last")}
    service.enrol("certified", certificate=PRINT)

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
