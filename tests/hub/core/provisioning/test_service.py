"""The provisioning service as it is managed: enrolments, registrations, and what becomes of devices' data."""

import itertools
import json
import re

import pytest
from harness import HOST, enrol
from provisioned import PRINT, Service, shown

from twinkle_host.hub.core import HubError
from twinkle_host.hub.core.provisioning.attestation import derive_key
from twinkle_host.hub.core.provisioning.enrolments import MAX_BULK
from twinkle_host.hub.core.provisioning.tables import GROUP, INDIVIDUAL

KEYED = {"type": "symmetricKey"}


@pytest.fixture
def service():
    return Service()


def put(service, name="own", etag=None, kind=INDIVIDUAL, **members):
    body = {kind.member: name, "attestation": KEYED, **members}
    return service.enrolments.put(kind, name, body, etag)


def refused(call, *arguments, **options):
    with pytest.raises(HubError) as error:
        call(*arguments, **options)
    return error.value.code


def policy(update=True, migrate=True):
    return {"updateHubAssignment": update, "migrateDeviceData": migrate}


# --- re-provisioning. azure-docs, iot-dps/concepts-device-reprovision.md, "Reprovisioning policies".


def test_data_is_kept_when_a_device_registers_again(service):
    (key, _) = enrol(service.enrolments, "own", initialTwin={"tags": {"room": "cellar"}})
    service.register("own", key)
    service.stage.hub.patch_twin("own", {"tags": {"room": "attic"}})
    state = service.register("own", key)["registrationState"]
    assert state["substatus"] == "reprovisionedToInitialAssignment"
    assert service.stage.hub.get_twin("own")["tags"] == {"room": "attic"}


def test_data_is_reset_to_the_initial_twin_where_the_policy_says_so(service):
    """ "Often used for a factory reset without changing IoT hubs": what the enrolment says the device begins with."""
    twin = {"tags": {"room": "cellar"}, "properties": {"desired": {"configId": 3}}}
    (key, _) = enrol(service.enrolments, "own", initialTwin=twin, reprovisionPolicy=policy(migrate=False))
    service.register("own", key)
    service.stage.hub.patch_twin("own", {"tags": {"room": "attic"}, "properties": {"desired": {"x": 1}}})
    assert service.register("own", key)["registrationState"]["substatus"] == "deviceDataReset"
    made = service.stage.hub.get_twin("own")
    assert made["tags"] == {"room": "cellar"}
    assert {name for name in made["properties"]["desired"] if name[0] != "$"} == {"configId"}


def test_a_device_stays_where_it_was_assigned_where_the_policy_says_never(service):
    """ "The device is never reassigned to a different hub"."""
    (key, _) = enrol(service.enrolments, "own", reprovisionPolicy=policy(update=False))
    first = service.register("own", key)["registrationState"]
    service.stage.hub.host_name = "fabrikam.azure-devices.net"
    service.stage.hub.delete_device("own")
    state = service.register("own", key)["registrationState"]
    assert state["assignedHub"] == HOST and state == first
    assert "own" not in service.stage.hub.devices, "which is another hub now"


def test_a_registration_that_was_deleted_begins_anew(service):
    """REST reference, "Device Registration State - Delete"."""
    (key, _) = enrol(service.enrolments, "own")
    service.register("own", key)
    service.enrolments.registrations.remove("own")
    assert service.register("own", key)["registrationState"]["substatus"] == "initialAssignment"


def test_registrations_go_with_their_enrolment_and_no_others(service):
    (key, _) = enrol(service.enrolments, "own")
    (group_key, _) = enrol(service.enrolments, "many", group=True)
    service.register("own", key)
    service.register("seven", derive_key(group_key, "seven"))
    service.enrolments.delete(INDIVIDUAL, "own")
    assert [row["registrationId"] for row in service.enrolments.registrations] == ["seven"]
    assert "own" in service.stage.hub.devices, "which keeps its identity"
    service.enrolments.delete(GROUP, "many")
    assert list(service.enrolments.registrations) == []


# --- etags and ids


def test_no_enrolment_was_changed_before_it_was_made(service, monkeypatch):
    """Model IndividualEnrollment of the REST reference: the moments of its creation and of its last change."""
    monkeypatch.setattr(service.stage.clock, "utc", itertools.count(1.8e9).__next__)  # time goes on meanwhile
    made = put(service)
    assert made["lastUpdatedDateTimeUtc"] == made["createdDateTimeUtc"]
    changed = put(service, etag="*")
    assert changed["lastUpdatedDateTimeUtc"] > changed["createdDateTimeUtc"] == made["createdDateTimeUtc"]


def test_an_enrolment_is_changed_only_with_its_etag_or_a_star(service):
    """azure-docs, iot-dps/how-to-troubleshoot-dps.md: 409 for what exists, 412 for another etag, 404 for none."""
    first = put(service)
    assert refused(put, service) == 409000
    second = put(service, etag=first["etag"])
    assert second["etag"] != first["etag"] and second["createdDateTimeUtc"] == first["createdDateTimeUtc"]
    assert refused(put, service, etag=first["etag"]) == 412001
    put(service, etag="*")
    assert refused(put, service, "nobody", etag="*") == 404201
    assert refused(service.enrolments.delete, INDIVIDUAL, "own", first["etag"]) == 412001


def test_ids_are_the_same_in_any_letter_case_and_of_either_kind(service):
    """REST reference: "A case-insensitive string"."""
    put(service, "Own")
    assert refused(put, service, "oWN") == 409000
    assert service.enrolments.get(INDIVIDUAL, "own")["registrationId"] == "Own"
    put(service, "own", kind=GROUP)
    service.start()
    assert service.enrolments.get(INDIVIDUAL, "OWN")["registrationId"] == "Own"
    service.enrolments.delete(INDIVIDUAL, "OWN")
    assert service.enrolments.get(GROUP, "own")["enrollmentGroupId"] == "own"


def test_keys_are_shown_only_where_they_are_asked_for_and_stay_when_they_are_left_out(service):
    """As it is read so it is written again: ``Get`` has no keys, "Get Attestation Mechanism" has."""
    made = put(service)
    keys = service.enrolments.attestation(INDIVIDUAL, "own")
    service.enrolments.put(INDIVIDUAL, "own", made, made["etag"])
    assert service.enrolments.attestation(INDIVIDUAL, "own") == keys
    (rows, _) = service.enrolments.query(INDIVIDUAL, "*")
    assert keys["symmetricKey"]["primaryKey"] not in json.dumps([made, rows])
    own = {"type": "symmetricKey", "symmetricKey": {"primaryKey": "A" * 43 + "="}}
    put(service, etag="*", attestation=own)
    after = service.enrolments.attestation(INDIVIDUAL, "own")["symmetricKey"]
    assert (
        after["primaryKey"] == "A" * 43 + "="
        and after["secondaryKey"] == keys["symmetricKey"]["secondaryKey"]
    )


@pytest.mark.parametrize("gone", ["primary", "secondary"])
def test_either_certificate_of_an_enrolment_may_go(service, gone):
    """azure-iot-cli-extension, test_iot_dps_enrollment_int.py, against the service: one goes with an update."""
    prints = {"primary": PRINT, "secondary": "CD" * 32}
    certificates = {place: {"certificate": text} for place, text in prints.items()}
    made = put(service, attestation=x509(clientCertificates=certificates))
    made["attestation"]["x509"]["clientCertificates"][gone] = None
    service.enrolments.put(INDIVIDUAL, "own", made, made["etag"])
    kept = service.enrolments.get(INDIVIDUAL, "own")["attestation"]["x509"]["clientCertificates"]
    assert kept.keys() == prints.keys() - {gone}
    for place, text in prints.items():
        answer = service.register("own", certificate=shown("own", text))
        assert answer.get("errorCode") == (401000 if place == gone else None)


# --- what an enrolment cannot be


def x509(**sources):
    return {"type": "x509", "x509": sources}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"registrationId": "other"}, 400004),
        ({"registrationId": None}, 400004),
        ({"attestation": None}, 400004),
        ({"attestation": {"type": "song"}}, 400004),
        ({"attestation": {"type": "tpm"}}, 501000),
        ({"attestation": {"type": "none"}}, 501000),
        ({"attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "short"}}}, 400004),
        ({"attestation": x509()}, 400004),
        ({"attestation": x509(clientCertificates={"primary": {"certificate": "none"}})}, 400004),
        ({"attestation": x509(clientCertificates={"primary": None})}, 400004),
        ({"attestation": x509(signingCertificates={"primary": {"certificate": PRINT}})}, 400004),
        ({"attestation": x509(caReferences={"primary": "nobody"})}, 404000),
        ({"deviceId": "with space"}, 400004),
        ({"deviceId": 5}, 400004),
        ({"provisioningStatus": "asleep"}, 400004),
        ({"capabilities": {"iotEdge": True}}, 501000),
        ({"allocationPolicy": "custom"}, 501000),
        ({"customAllocationDefinition": {"webhookUrl": "https://x"}}, 501000),
        ({"allocationPolicy": "static"}, 400004),
        ({"allocationPolicy": "static", "iotHubs": ["other.azure-devices.net"]}, 400004),
        ({"iotHubs": [5]}, 400004),
        ({"reprovisionPolicy": {"migrateDeviceData": "yes"}}, 400004),
        ({"initialTwin": {"tags": {"a.b": 1}}}, 400004),
        ({"initialTwin": []}, 400004),
    ],
)
def test_an_enrolment_that_cannot_be_is_refused_and_leaves_nothing(service, members, code):
    assert refused(put, service, **members) == code
    assert service.enrolments.query(INDIVIDUAL, "*") == ([], None)


@pytest.mark.parametrize("allocation", ["hashed", "geoLatency", "static"])
def test_every_allocation_leads_to_the_one_hub(service, allocation):
    """azure-docs, iot-dps/concepts-service.md, "Allocation policy"; this service is linked to one hub."""
    put(service, allocationPolicy=allocation, iotHubs=[HOST])
    (key, _) = service.enrolments.attestation(INDIVIDUAL, "own")["symmetricKey"].values()
    assert service.register("own", key)["registrationState"]["assignedHub"] == HOST


def test_a_group_of_signed_certificates_takes_those_and_no_others(service):
    """azure-docs, iot-dps/concepts-x509-attestation.md: the chain that a device shows must lead to the signer."""
    put(
        service, "many", kind=GROUP, attestation=x509(signingCertificates={"primary": {"certificate": PRINT}})
    )
    (signer,) = service.enrolments.signers()
    assert service.enrolments.signers()[signer] == PRINT and "/" in signer, "which no authority is called"
    assert service.register("x", certificate=shown("x", authorities=(signer,)))["status"] == "assigned"
    assert service.register("y", certificate=shown("y", authorities=("other",)))["errorCode"] == 401000


# --- many at once


def test_a_bulk_operation_does_each_or_says_why_not(service):
    """Models BulkEnrollmentOperation and BulkEnrollmentOperationError."""

    def run(mode, *entries):
        return service.enrolments.bulk(INDIVIDUAL, {"mode": mode, "enrollments": list(entries)})

    entries = [{"registrationId": name, "attestation": KEYED} for name in ("one", "two")]
    assert run("create", *entries) == {"isSuccessful": True, "errors": []}
    done = run("create", entries[0], {"registrationId": "-"}, 5)
    assert [(error["registrationId"], error["errorCode"]) for error in done["errors"]] == [
        ("one", 409000),
        ("-", 400004),
        ("", 400004),
    ]
    etag = service.enrolments.get(INDIVIDUAL, "one")["etag"]
    disabled = {**entries[0], "provisioningStatus": "disabled"}
    assert run("update", disabled)["isSuccessful"]
    assert run("updateIfMatchETag", {**entries[0], "etag": etag})["errors"][0]["errorCode"] == 412001
    assert run("updateIfMatchETag", entries[0])["errors"][0]["errorCode"] == 412001
    assert service.enrolments.get(INDIVIDUAL, "one")["provisioningStatus"] == "disabled"
    assert run("delete", *entries)["isSuccessful"]
    assert run("delete", *entries)["errors"][1]["errorCode"] == 404201
    assert refused(run, "destroy", *entries) == 400004
    assert refused(run, "create", *(entries * MAX_BULK)) == 400004 and refused(run, "create") == 400004


def test_a_query_goes_through_all_page_by_page(service):
    for number in range(5):
        put(service, f"d{number}")
    seen, more = [], None
    while True:
        rows, more = service.enrolments.query(INDIVIDUAL, "select * from enrollments", 2, more)
        seen += [row["registrationId"] for row in rows]
        if more is None:
            break
        service.enrolments.delete(INDIVIDUAL, seen[-1])  # what changes meanwhile shifts nothing
    assert seen == [f"d{number}" for number in range(5)]
    for text in (
        "SELECT * FROM enrollmentGroups",
        "SELECT * FROM devices",
        "SELECT a FROM enrollments",
        None,
    ):
        assert refused(service.enrolments.query, INDIVIDUAL, text) == 400004
    assert refused(service.enrolments.query, INDIVIDUAL, "*", 0) == 400004
    asked = "{'additional_properties': {}, 'query': 'SELECT *'}"  # by azure-iot-cli-extension 0.25, and in its tests
    for text in ("SELECT *", "", "*", asked):  # the service was asked "" in azure-iot-sdk-node issue 813
        rest, more = service.enrolments.query(INDIVIDUAL, text, 10**9)
        assert [row["registrationId"] for row in rest] == ["d0", "d2", "d4"] and more is None
    assert refused(service.enrolments.query, INDIVIDUAL, "*", 10, "é") == 400004


def test_a_page_has_a_hundred_where_nobody_says_how_many(service):
    """azure-iot-sdk-node issue 813: "max 100 results here", though there were more."""
    for number in range(101):
        put(service, f"d{number:03}")
    rows, more = service.enrolments.query(INDIVIDUAL, "*")
    assert (len(rows), rows[-1]["registrationId"]) == (100, "d099")
    assert len(service.enrolments.query(INDIVIDUAL, "*", None, more)[0]) == 1


def test_a_certificate_that_is_written_back_as_a_client_read_it_stays(service):
    """azure-iot-cli-extension, enrollment update: it is read without the certificate, and msrest writes the moments
    of its ``info`` with a fraction that they had not."""
    made = put(service, attestation=x509(clientCertificates={"primary": {"certificate": PRINT}}))
    info = made["attestation"]["x509"]["clientCertificates"]["primary"]["info"]
    info |= {"notAfterUtc": "2030-01-31T12:00:00.000Z", "sha256Thumbprint": info["sha256Thumbprint"].lower()}
    service.enrolments.put(INDIVIDUAL, "own", made, made["etag"])
    assert service.register("own", certificate=shown("own", PRINT))["status"] == "assigned"
    info["sha256Thumbprint"] = "CD" * 32
    assert refused(service.enrolments.put, INDIVIDUAL, "own", made, "*") == 400004, "another's"
    info.clear()
    assert refused(service.enrolments.put, INDIVIDUAL, "own", made, "*") == 400004


# --- what is kept


def test_what_is_new_was_not_changed_before_it_was_made(service, monkeypatch):
    """Time passes while it is made."""
    moments = itertools.count(1_800_000_000)
    monkeypatch.setattr(service.stage.clock, "utc", lambda: next(moments))
    made = put(service, "new")
    assert made["lastUpdatedDateTimeUtc"] == made["createdDateTimeUtc"]


def test_what_cannot_be_stored_is_not_done(service):
    put(service)

    def full(*_):
        raise OSError("no space left")

    service.stage.store.save = service.stage.store.write = full
    assert refused(put, service, "new") == 500001
    assert refused(service.enrolments.delete, INDIVIDUAL, "own") == 500001
    assert [row["registrationId"] for row in service.enrolments.query(INDIVIDUAL, "*")[0]] == ["own"]


def test_nothing_secret_is_in_what_the_service_says_of_itself(service):
    (key, _) = enrol(service.enrolments, "own")
    assert not re.search(
        re.escape(key), repr(service.provisioning.access.policies) + repr(service.provisioning)
    )
