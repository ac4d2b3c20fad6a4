"""Unmodified azure-iot-device's ProvisioningDeviceClient against the local stand-in."""

import pytest
from registering import register, report_by_certificate

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.core.provisioning.attestation import derive_key


def enrol(hub, name, **options):
    """A new enrolment's primary key."""
    return hub.enrol(name, **options)


def test_s3_1_a_device_is_assigned_with_its_symmetric_key(hub):
    result = register(hub, "env-sensor-1", enrol(hub, "env-sensor-1"))
    assert result == {"status": "assigned", "hub": "contoso.example", "deviceId": "env-sensor-1"}


def test_s3_3_it_connects_to_the_assigned_hub_with_the_same_key(hub, device):
    key = enrol(hub, "env-sensor-3")
    result = register(hub, "env-sensor-3", key)
    connected = device(text=f"HostName={result['hub']};DeviceId={result['deviceId']};SharedAccessKey={key}")
    assert connected.get_twin()["desired"]["$version"] == 1


def test_a_device_of_a_group_uses_its_derived_key(hub):
    group = enrol(hub, "workshop", group=True)
    result = register(hub, "bench-7", derive_key(group, "bench-7"))
    assert (result["status"], result["deviceId"]) == ("assigned", "bench-7")


def test_an_enrolment_may_name_another_device_id(hub):
    key = enrol(hub, "reg-9", deviceId="cellar")
    assert register(hub, "reg-9", key)["deviceId"] == "cellar"


@pytest.mark.parametrize("registration_id", ["reg-wrong", "never-enrolled"])
def test_s3_2_a_wrong_key_or_an_unknown_id_ends_in_a_refusal(hub, registration_id):
    if registration_id == "reg-wrong":
        enrol(hub, registration_id)
    assert register(hub, registration_id, "A" * 43 + "=")["status"] == "ClientError"
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == registration_id)
    assert "registration was refused" in event["body"]["reason"]


def test_a_device_is_assigned_by_its_certificate_and_connects_with_it(hub, service, tmp_path):
    make_certificate(tmp_path / "own", "certified-1")
    hub.enrol("certified-1", certificate=(tmp_path / "own" / "device.pem").read_text())
    result = register(hub, "certified-1", str(tmp_path / "own"))
    assert result == {"status": "assigned", "hub": "contoso.example", "deviceId": "certified-1"}
    report_by_certificate(hub, tmp_path / "own", "certified-1", {"certified": True})
    assert service.get_twin("certified-1").properties.reported["certified"] is True


def test_a_disabled_enrolment_is_not_assigned(hub):
    key = enrol(hub, "reg-off", provisioningStatus="disabled")
    assert register(hub, "reg-off", key)["status"] != "assigned"


def test_the_derived_key_equals_the_published_vector():
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert derive_key(key, "MyDevice01") == "oQkxLvBYdGJmP7q2LHRdoYOeBJk74CZOAdpUJ2qVP1w="
