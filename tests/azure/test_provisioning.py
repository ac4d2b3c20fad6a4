"""Unmodified azure-iot-device's ProvisioningDeviceClient against the local stand-in."""

import queue

import pytest
from azure.iot.device import ProvisioningDeviceClient
from azure.iot.device.exceptions import ClientError

ADDRESS = "127.0.0.77"


def client_for(hub, registration_id, key):
    with open(hub.info["caFile"]) as file:
        return ProvisioningDeviceClient.create_from_symmetric_key(
            ADDRESS, registration_id, hub.info["idScope"], key, server_verification_cert=file.read()
        )


def enrol(hub, name, **options):
    return hub.provision("enrol", name, **options)


def test_s3_1_and_s3_3_a_device_is_assigned_and_connects_with_the_same_key(hub, device):
    key = enrol(hub, "env-sensor-1")["keys"][0]
    client = client_for(hub, "env-sensor-1", key)
    client.provisioning_payload = {"modelId": "dtmi:com:example:Thermostat;1"}
    result = client.register()
    assert result.status == "assigned"
    assert result.registration_state.assigned_hub == "contoso.example"
    assert result.registration_state.device_id == "env-sensor-1"
    connected = device(
        text=f"HostName=contoso.example;DeviceId={result.registration_state.device_id};SharedAccessKey={key}"
    )
    assert connected.get_twin()["desired"]["$version"] == 1


def test_a_device_of_a_group_uses_its_derived_key(hub):
    from twinkle_host.hub.core.provisioning import derive_key

    group = enrol(hub, "workshop", group=True)["keys"][0]
    result = client_for(hub, "bench-7", derive_key(group, "bench-7")).register()
    assert (result.status, result.registration_state.device_id) == ("assigned", "bench-7")


def test_an_enrolment_may_name_another_device_id(hub):
    key = enrol(hub, "reg-9", device_id="cellar")["keys"][0]
    assert client_for(hub, "reg-9", key).register().registration_state.device_id == "cellar"


@pytest.mark.parametrize("registration_id", ["reg-wrong", "never-enrolled"])
def test_s3_2_a_wrong_key_or_an_unknown_id_ends_in_a_refusal(hub, registration_id):
    if registration_id == "reg-wrong":
        enrol(hub, registration_id)
    with pytest.raises(ClientError):
        client_for(hub, registration_id, "A" * 43 + "=").register()
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == registration_id)
    assert "registration was refused" in event["body"]["reason"]


def test_a_disabled_enrolment_is_not_assigned(hub):
    key = enrol(hub, "reg-off")["keys"][0]
    hub.provision("enable", "reg-off", False)
    outcome = queue.Queue()
    try:
        outcome.put(client_for(hub, "reg-off", key).register().status)
    except ClientError:
        outcome.put("refused")
    assert outcome.get() in ("disabled", "refused")


def test_the_derived_key_equals_the_published_vector():
    from twinkle_host.hub.core.provisioning import derive_key

    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert derive_key(key, "MyDevice01") == "oQkxLvBYdGJmP7q2LHRdoYOeBJk74CZOAdpUJ2qVP1w="
