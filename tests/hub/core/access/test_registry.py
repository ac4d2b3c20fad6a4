"""Identities: made, changed, listed and removed."""

import base64

import pytest
from harness import HOST, Device, token

from twinkle_host.hub.core import Certificate, ConnectRefused, HubError

KEY = base64.b64encode(bytes(range(32))).decode()


def refusal(call, *arguments):
    with pytest.raises(HubError) as refused:
        call(*arguments)
    return refused.value.status, refused.value.code


def test_a_new_identity_has_the_documented_shape(stage):
    identity = stage.hub.create_device("dev1", {"deviceId": "dev1", "status": "enabled"})
    keys = identity["authentication"].pop("symmetricKey")
    assert all(len(base64.b64decode(key)) == 32 for key in keys.values()) and len(set(keys.values())) == 2
    assert identity.pop("generationId").isdigit()
    assert base64.b64decode(identity.pop("etag")).isdigit()
    assert identity == {
        "deviceId": "dev1",
        "connectionState": "Disconnected",
        "status": "enabled",
        "statusReason": None,
        "connectionStateUpdatedTime": "0001-01-01T00:00:00Z",
        "statusUpdatedTime": "0001-01-01T00:00:00Z",
        "lastActivityTime": "0001-01-01T00:00:00Z",
        "cloudToDeviceMessageCount": 0,
        "authentication": {
            "type": "sas",
            "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
        },
        "capabilities": {"iotEdge": False},
    }


def test_given_keys_are_kept_and_missing_ones_are_made(stage):
    body = {"authentication": {"symmetricKey": {"primaryKey": KEY, "secondaryKey": None}, "type": "sas"}}
    keys = stage.hub.create_device("dev1", body)["authentication"]["symmetricKey"]
    assert keys["primaryKey"] == KEY and len(base64.b64decode(keys["secondaryKey"])) == 32
    assert stage.hub.connection_string("dev1") == f"HostName={HOST};DeviceId=dev1;SharedAccessKey={KEY}"


@pytest.mark.parametrize("module_id", [None, "m"])
def test_an_identity_without_credentials_connects_by_a_policy_alone(stage, module_id):
    """Model AuthenticationMechanism of azure-iot-hub 2.7: 'sas', 'selfSigned', 'certificateAuthority', 'none';
    the last is "No Authentication Token at this scope" (C# AuthenticationType)."""
    hub = stage.hub
    if module_id is not None:
        hub.create_device("dev1")
    given = {"type": "none", "symmetricKey": {"primaryKey": KEY}}
    made = hub.create_device("dev1", {"authentication": given}, module_id=module_id)["authentication"]
    assert made["type"] == hub.get_twin("dev1", module_id)["authenticationType"] == "none"
    assert not any([*made["symmetricKey"].values(), *made["x509Thumbprint"].values()])
    assert refusal(hub.connection_string, "dev1", module_id) == (400, 400004)

    device = Device(stage, "dev1" if module_id is None else f"dev1/{module_id}")
    resource = f"{HOST}/{hub.find('dev1', module_id).place}"
    for own in (
        {"password": token(resource, KEY, int(stage.clock.utc()) + 60)},
        {"password": None, "certificate": Certificate(("aa" * 20,), device.id, ("root",))},
    ):
        with pytest.raises(ConnectRefused, match="'none'"):
            device.connect(**own)
    policy = hub.access.policies["device"].keys[0]
    assert device.connect(password=token(resource, policy, int(stage.clock.utc()) + 60, "device"))


def test_an_id_is_created_once(stage):
    stage.hub.create_device("dev1")
    assert refusal(stage.hub.create_device, "dev1") == (409, 409001)
    assert stage.hub.create_device("DEV1")["deviceId"] == "DEV1"


@pytest.mark.parametrize("device_id", ["a", "a" * 128, "A-1_b.c", "-:.+%_#*?!(),=@;$'"])
def test_documented_ids_are_accepted(stage, device_id):
    assert stage.hub.create_device(device_id)["deviceId"] == device_id


@pytest.mark.parametrize("device_id", ["", "a" * 129, "a b", "a/b", "é", "a\n", ".", "..", None, 7])
def test_other_ids_are_refused(stage, device_id):
    assert refusal(stage.hub.create_device, device_id) == (400, 400004)


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {"deviceId": "other"},
        {"status": "on"},
        {"status": ["enabled"]},
        {"statusReason": "x" * 129},
        {"authentication": []},
        {"authentication": {"type": "password"}},
        {"authentication": {"symmetricKey": {"primaryKey": "not base64"}}},
        {"authentication": {"symmetricKey": {"primaryKey": base64.b64encode(b"short").decode()}}},
        {"authentication": {"symmetricKey": {"primaryKey": 5}}},
        {"authentication": {"type": "selfSigned"}},
        {"authentication": {"x509Thumbprint": {"primaryThumbprint": "xyz"}}},
    ],
)
def test_a_bad_body_is_refused_and_nothing_is_made(stage, body):
    assert refusal(stage.hub.create_device, "dev1", body) == (400, 400004)
    assert refusal(stage.hub.get_device, "dev1") == (404, 404001)
    assert "dev1" not in stage.store.texts


@pytest.mark.parametrize(
    "body",
    [
        {"capabilities": {"iotEdge": True}},
        {"deviceScope": "ms-azure-iot-edge://x"},
        {"parentScopes": ["ms-azure-iot-edge://x"]},
    ],
)
def test_what_this_hub_does_not_have_is_told_apart_from_a_bad_body(stage, body):
    """These are good identities for IoT Hub: REST reference, model Device."""
    assert refusal(stage.hub.create_device, "dev1", body) == (501, 501000)
    assert "dev1" not in stage.store.texts


def test_updates_ask_for_the_etag_in_every_spelling(stage):
    etag = stage.hub.create_device("dev1")["etag"]
    for spelling in (None, "*", '"*"', "{}", '"{}"', 'W/"{}"'):
        given = spelling and spelling.format(etag)
        identity = stage.hub.update_device("dev1", {"statusReason": "moved"}, given)
        assert identity["etag"] != etag
        etag = identity["etag"]
    assert refusal(stage.hub.update_device, "dev1", {}, '"AAAA"') == (412, 412001)
    assert refusal(stage.hub.update_device, "dev2", {}, "*") == (404, 404001)


def test_an_update_keeps_what_it_does_not_name(stage):
    before = stage.hub.create_device("dev1")
    after = stage.hub.update_device("dev1", {"status": "disabled", "statusReason": "lost"})
    assert after["authentication"] == before["authentication"]
    assert after["generationId"] == before["generationId"]
    assert (after["status"], after["statusReason"]) == ("disabled", "lost")
    assert after["statusUpdatedTime"] == "2026-11-18T11:06:40Z"


def test_a_module_may_be_self_signed_without_a_thumbprint(stage):
    """azure-sdk-for-net, SessionRecords of Azure.Iot.Hub.Service, ModulesClient_BulkUpdate: so it is read then."""
    stage.hub.create_device("dev1")
    stage.hub.create_device("dev1", module_id="m")
    changed = stage.hub.update_device("dev1", {"authentication": {"type": "selfSigned"}}, module_id="m")
    assert changed["authentication"] == {
        "symmetricKey": {"primaryKey": None, "secondaryKey": None},
        "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
        "type": "selfSigned",
    }


@pytest.mark.parametrize("module_id", [None, "m"])
def test_a_key_that_is_given_empty_is_made_anew(stage, module_id):
    """azure-iot-cli-extension, test_iothub_devices_int.py and test_iothub_modules_int.py, "Reset device symmetric key",
    which run against the service; "Bulk auto-regeneration of device authentication keys" of the bulk operations."""
    stage.hub.create_device("dev1")
    if module_id:
        stage.hub.create_device("dev1", module_id=module_id)
    before = stage.hub.get_device("dev1", module_id)["authentication"]["symmetricKey"]

    def updated(**keys):
        body = {"authentication": {"type": "sas", "symmetricKey": keys}}
        return stage.hub.update_device("dev1", body, module_id=module_id)["authentication"]["symmetricKey"]

    one = updated(primaryKey="", secondaryKey=before["secondaryKey"])
    assert one["primaryKey"] != before["primaryKey"] and one["secondaryKey"] == before["secondaryKey"]
    both = updated(primaryKey="", secondaryKey="")
    assert not set(both.values()) & {*one.values(), ""}
    assert updated(primaryKey=None) == updated() == both, "what is not given stays"


def test_disabling_closes_the_connection_and_fails_what_waits(stage):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "blink")
    stage.hub.update_device("dev1", {"status": "disabled"})
    assert "disabled" in device.wire.closed
    assert outcomes[0].code == 404104
    assert refusal(stage.invoke, "dev1", "blink") == (404, 404001)


def test_disabling_fails_a_call_that_waits_for_the_device(stage):
    stage.device()
    outcomes = stage.invoke("dev1", "blink", connect_timeout=60)
    stage.hub.update_device("dev1", {"status": "disabled"})
    assert outcomes[0].code == 404001 and "disabled" in outcomes[0].message
    assert stage.hub.step() is None


def test_replacing_the_key_in_use_closes_the_connection_and_the_other_key_does_not(stage):
    device = stage.connected()
    keys = stage.hub.get_device("dev1")["authentication"]["symmetricKey"]
    stage.hub.update_device("dev1", {"authentication": {"symmetricKey": {**keys, "secondaryKey": KEY}}})
    assert device.wire.closed is None
    stage.hub.update_device("dev1", {"authentication": {"symmetricKey": {**keys, "primaryKey": KEY}}})
    assert "replaced" in device.wire.closed
    device.connect(key=KEY)


def test_deleting_takes_twin_connection_and_calls_along(stage):
    device = stage.connected()
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"a": 1}}})
    delivered = stage.invoke("dev1", "blink")
    device.session.unsubscribe(["$iothub/methods/POST/#"])
    waiting = stage.invoke("dev1", "blink", connect_timeout=60)
    stage.hub.delete_device("dev1", '"*"')
    assert "deleted" in device.wire.closed
    assert delivered[0].code == 404104 and waiting[0].code == 404001
    assert refusal(stage.hub.get_twin, "dev1") == (404, 404001)
    assert refusal(stage.hub.delete_device, "dev1") == (404, 404001)
    assert stage.hub.step() is None


def test_a_device_made_again_is_another_one(stage):
    first = stage.hub.create_device("dev1")
    stage.hub.patch_twin("dev1", {"tags": {"a": 1}})
    stage.hub.delete_device("dev1", first["etag"])
    second = stage.hub.create_device("dev1")
    assert int(second["generationId"]) > int(first["generationId"])
    assert stage.hub.get_twin("dev1")["etag"] == "AAAAAAAAAAE="


def test_devices_are_listed_by_id_up_to_a_number(stage):
    for device_id in ("c", "a", "b"):
        stage.hub.create_device(device_id)
    assert [identity["deviceId"] for identity in stage.hub.list_devices(2)] == ["a", "b"]
    assert len(stage.hub.list_devices()) == len(stage.hub.list_devices(0)) == 3
    stage.hub.delete_device("b")
    assert [identity["deviceId"] for identity in stage.hub.list_devices()] == ["a", "c"]


def test_statistics_count(stage):
    stage.connected("a")
    stage.device("b", status="disabled")
    assert stage.hub.statistics() == {
        "totalDeviceCount": 2,
        "enabledDeviceCount": 1,
        "disabledDeviceCount": 1,
        "connectedDeviceCount": 1,
    }


def test_what_is_answered_is_a_copy(stage):
    identity = stage.hub.create_device("dev1")
    identity["authentication"]["symmetricKey"]["primaryKey"] = "stolen"
    identity["status"] = "disabled"
    assert stage.hub.get_device("dev1")["status"] == "enabled"
    assert stage.hub.get_device("dev1")["authentication"]["symmetricKey"]["primaryKey"] != "stolen"
