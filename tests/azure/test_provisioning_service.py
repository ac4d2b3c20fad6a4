"""Azure's own clients of the provisioning service, unmodified: azure-iot-deviceprovisioning, and its predecessor
azure-iothub-provisioningserviceclient."""

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError
from azure.core.exceptions import ResourceNotFoundError as NotFound
from azure.iot.deviceprovisioning import DeviceProvisioningClient
from provisioningserviceclient import ProvisioningServiceClient, ProvisioningServiceError, QuerySpecification
from provisioningserviceclient.models import AttestationMechanism, IndividualEnrollment, InitialTwin
from registering import register

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.core.provisioning.tables import GROUP

KEYED = {"type": "symmetricKey"}


@pytest.fixture
def client(hub):
    text = hub.info["provisioningConnectionString"]
    with DeviceProvisioningClient.from_connection_string(text, connection_verify=hub.info["caFile"]) as made:
        yield made


def individual(name, **members):
    return {"registrationId": name, "attestation": KEYED, **members}


def refused(call):
    with pytest.raises(HttpResponseError) as error:
        call()
    return error.value.status_code, error.value.response.json()["errorCode"]


def test_an_enrolment_is_made_read_changed_and_removed(client):
    """The client's operations: what it sends, and the statuses it takes for success (200, 204)."""
    made = client.enrollment.create_or_update("crud-1", individual("crud-1", deviceId="cellar"))
    assert made["deviceId"] == "cellar" and made["provisioningStatus"] == "enabled" and made["etag"]
    keys = client.enrollment.get_attestation_mechanism("crud-1")["symmetricKey"]
    assert len(keys["primaryKey"]) == 44 and "symmetricKey" not in made["attestation"]
    read = client.enrollment.get("CRUD-1")
    assert read == made
    changed = client.enrollment.create_or_update(
        "crud-1", {**read, "provisioningStatus": "disabled"}, if_match=read["etag"]
    )
    assert changed["provisioningStatus"] == "disabled" and changed["etag"] != read["etag"]
    assert client.enrollment.get_attestation_mechanism("crud-1")["symmetricKey"] == keys
    assert refused(lambda: client.enrollment.delete("crud-1", if_match=read["etag"])) == (412, 412001)
    client.enrollment.delete("crud-1", if_match=changed["etag"])
    with pytest.raises(NotFound):
        client.enrollment.get("crud-1")


def test_the_former_client_finds_the_keys_in_what_it_made(hub, client, monkeypatch):
    """azure-iot-sdk-python, tests/e2e/provisioning_e2e/tests/test_sync_symmetric_enrollments.py: it registers with
    ``create_or_update(…).attestation.symmetric_key.primary_key``; its api-version has no other way to them."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", hub.info["caFile"])
    former = ProvisioningServiceClient.create_from_connection_string(hub.info["provisioningConnectionString"])
    made = former.create_or_update(
        IndividualEnrollment.create("former-2", AttestationMechanism(type="symmetricKey"))
    )
    key = made.attestation.symmetric_key.primary_key
    assert key == client.enrollment.get_attestation_mechanism("former-2")["symmetricKey"]["primaryKey"]
    assert former.get_individual_enrollment("former-2").attestation.symmetric_key.primary_key == key
    assert register(hub, "former-2", key)["status"] == "assigned"
    assert "symmetricKey" not in client.enrollment.get("former-2")["attestation"]


def test_one_that_exists_is_changed_only_by_its_etag(client):
    """Azure/azure-sdk-for-python issue 35187: ResourceExistsError from ``create_or_update`` without ``if_match``."""
    client.enrollment_group.create_or_update("twice", {"enrollmentGroupId": "twice", "attestation": KEYED})
    with pytest.raises(ResourceExistsError):
        client.enrollment_group.create_or_update(
            "twice", {"enrollmentGroupId": "twice", "attestation": KEYED}
        )
    client.enrollment_group.create_or_update(
        "twice", {"enrollmentGroupId": "twice", "attestation": KEYED}, if_match="*"
    )


def test_another_policys_key_opens_nothing(hub):
    text = hub.info["provisioningConnectionString"].partition(";SharedAccessKey=")[0]
    key = hub.info["serviceConnectionString"].partition(";SharedAccessKey=")[2]
    with (
        DeviceProvisioningClient.from_connection_string(
            f"{text};SharedAccessKey={key}", connection_verify=hub.info["caFile"]
        ) as client,
        pytest.raises(ClientAuthenticationError),
    ):
        client.enrollment.get("any")


def test_a_device_is_assigned_with_its_initial_twin_and_its_registration_is_seen(hub, service, client):
    """Model DeviceRegistrationState; the twin of ``initialTwin`` is the device's from the beginning."""
    twin = {"tags": {"room": "cellar"}, "properties": {"desired": {"configId": 3}}}
    client.enrollment.create_or_update(
        "seen-1", individual("seen-1", initialTwin=twin, iotHubHostName="contoso.example")
    )
    key = client.enrollment.get_attestation_mechanism("seen-1")["symmetricKey"]["primaryKey"]
    assert register(hub, "seen-1", key)["status"] == "assigned"
    made = service.get_twin("seen-1")
    assert made.tags == {"room": "cellar"} and made.properties.desired["configId"] == 3
    state = client.device_registration_state.get("seen-1")
    assert (state["status"], state["substatus"]) == ("assigned", "initialAssignment")
    assert client.enrollment.get("seen-1")["registrationState"] == state
    client.device_registration_state.delete("seen-1", if_match=state["etag"])
    with pytest.raises(NotFound):
        client.device_registration_state.get("seen-1")


def test_a_groups_registrations_are_told_page_by_page(hub, client):
    client.enrollment_group.create_or_update("paged", {"enrollmentGroupId": "paged", "attestation": KEYED})
    group = hub.provision("enrolments.tables.get", GROUP).find("paged")
    for name in ("paged-1", "paged-2"):
        hub.provision("assign", name, GROUP, group, {})
    pages = client.device_registration_state.query("paged", top=1).by_page()
    assert [[state["registrationId"] for state in page] for page in pages] == [["paged-1"], ["paged-2"]]


def test_many_enrolments_in_one_request_and_a_query_of_all_of_them(client):
    names = [f"bulk-{number}" for number in range(5)]
    many = {"mode": "create", "enrollments": [individual(name) for name in names]}
    assert client.enrollment.run_bulk_operation(many) == {"isSuccessful": True, "errors": []}
    again = client.enrollment.run_bulk_operation(many)
    assert not again["isSuccessful"] and [error["registrationId"] for error in again["errors"]] == names
    found = client.enrollment.query({"query": "SELECT * FROM enrollments"}, top=2)
    assert set(names) <= {row["registrationId"] for row in found}
    client.enrollment.run_bulk_operation({**many, "mode": "delete"})
    found = client.enrollment.query({"query": "*"})
    assert not set(names) & {row["registrationId"] for row in found}


def test_a_certificate_is_told_by_its_facts(hub, client, tmp_path):
    """Model X509CertificateInfo; and it is the certificate that opens the enrolment."""
    own = make_certificate(tmp_path / "own", "leaf-1")
    certificate = {"certificate": (tmp_path / "own" / "device.pem").read_text()}
    attestation = {"type": "x509", "x509": {"clientCertificates": {"primary": certificate}}}
    made = client.enrollment.create_or_update("leaf-1", individual("leaf-1", attestation=attestation))
    told = made["attestation"]["x509"]["clientCertificates"]["primary"]
    assert "certificate" not in told and told["info"]["sha256Thumbprint"] == own
    assert told["info"]["subjectName"] == "CN=leaf-1" and told["info"]["version"] == 3
    client.enrollment.create_or_update("leaf-1", made, if_match=made["etag"])
    assert register(hub, "leaf-1", str(tmp_path / "own"))["status"] == "assigned"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"attestation": {"type": "tpm", "tpm": {"endorsementKey": "AA=="}}}, 501),
        ({"allocationPolicy": "custom"}, 501),
        ({"capabilities": {"iotEdge": True}}, 501),
        ({"allocationPolicy": "nearest"}, 400),
        ({"iotHubs": ["other.azure-devices.net"]}, 400),
    ],
)
def test_what_there_is_not_is_refused_by_its_name(client, members, status):
    assert refused(lambda: client.enrollment.create_or_update("absent", individual("absent", **members)))[
        0
    ] == (status)


def test_the_former_client_manages_enrolments_too(hub, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", hub.info["caFile"])
    client = ProvisioningServiceClient.create_from_connection_string(hub.info["provisioningConnectionString"])
    twin = InitialTwin.create(tags={"room": "attic"})
    made = client.create_or_update(
        IndividualEnrollment.create("former-1", AttestationMechanism(type="symmetricKey"), initial_twin=twin)
    )
    assert client.get_individual_enrollment("former-1").initial_twin.tags == {"room": "attic"}
    assert client.get_individual_enrollment_attestation_mechanism("former-1").symmetric_key.primary_key
    pages = client.create_individual_enrollment_query(QuerySpecification("*"), 1)
    assert "former-1" in [row.registration_id for page in pages for row in page]
    client.delete(made)
    with pytest.raises(ProvisioningServiceError, match="404"):
        client.get_individual_enrollment("former-1")
