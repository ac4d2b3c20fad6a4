"""Who may connect, and what the log says when one may not."""

import json

import pytest
from harness import ALL, HOST, Wire, token

from twinkle_host.hub.core import Certificate, ConnectRefused, Hello, Hub, MemoryStore, Will

OTHER_KEY = "/////////////////////////////////////////zA="


def refusal(stage, hello):
    """Connect, expect a refusal; answers it after checking that it was also an event without secrets."""
    wire = Wire()
    with pytest.raises(ConnectRefused) as refused:
        stage.hub.connect(hello, wire)
    assert wire.sent == [] and wire.closed is None
    event = stage.events[-1]
    assert event["source"] == "hubDiagnostics" and event["deviceId"] == hello.client_id[:128]
    assert event["body"] == {
        "what": "connectionRefused",
        "reason": refused.value.reason,
        "connackCode": refused.value.code,
    }
    secrets = [part for part in (hello.password or "").split("&") if part.startswith("sig=")]
    assert not any(secret in json.dumps(event) for secret in secrets)
    return refused.value


def test_a_device_with_its_own_key_is_admitted(stage):
    device = stage.device()
    session = device.connect()
    assert session.device_id == "dev1" and session.present is False
    assert stage.hub.get_device("dev1")["connectionState"] == "Connected"


def test_the_secondary_key_opens_too(stage):
    device = stage.device()
    key = stage.hub.get_device("dev1")["authentication"]["symmetricKey"]["secondaryKey"]
    device.connect(key=key)


def test_the_device_policy_opens_any_device_and_says_so_in_telemetry(stage):
    device = stage.device()
    key = stage.hub.access.connection_string(HOST, policy="device").partition("SharedAccessKey=")[2]
    expiry = int(stage.clock.utc()) + 60
    device.connect(password=token(HOST, key, expiry, "device"))
    device.session.publish("devices/dev1/messages/events/", b"1")
    system = stage.events_of("Telemetry")[0]["systemProperties"]
    assert json.loads(system["iothub-connection-auth-method"])["scope"] == "hub"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"key": OTHER_KEY}, 5, "neither the primary nor the secondary key of device 'dev1'"),
        ({"lifetime": -300}, 5, "the device clock"),
        ({"username": None}, 4, "no usable user name"),
        ({"username": HOST}, 4, "no device id"),
        ({"username": f"{HOST}/dev1/?api-version=soon"}, 4, "api-version"),
        ({"username": f"{HOST}/dev1/?api-version=2021-13-45"}, 4, "api-version"),
        ({"username": f"{HOST}/dev1/?api-version=2021-04-12&model-id=thermostat"}, 4, "model-id"),
        ({"username": "other.azure-devices.net/dev1/?api-version=2021-04-12"}, 5, "HostName"),
        ({"username": f"{HOST}/DEV1/?api-version=2021-04-12"}, 2, "case matters"),
        ({"client_id": ""}, 2, "client id"),
        ({"client_id": "dev 1"}, 2, "client id"),
        (
            {"client_id": "dev1/module", "username": f"{HOST}/dev1/module/?api-version=2021-04-12"},
            5,
            "module",
        ),
        ({"client_id": "dev1/m/m", "username": f"{HOST}/dev1/m/m"}, 2, "DEVICE/MODULE"),
        ({"client_id": "dev1/", "username": f"{HOST}/dev1/"}, 2, "DEVICE/MODULE"),
        ({"password": None}, 4, "neither a password nor a client certificate"),
        ({"password": ""}, 4, "neither a password nor a client certificate"),
        ({"password": "hunter2"}, 4, "not a SAS token"),
        ({"certificate": Certificate(("aa" * 20,)), "password": None}, 5, "must send a SAS token"),
        ({"will": Will("elsewhere", b"x")}, 5, "will"),
        ({"will": Will("devices/dev1/messages/events/", b"x", qos=2)}, 5, "QoS 2"),
        ({"will": Will("devices/dev1/messages/events/", b"x" * 262145)}, 5, "262144"),
        ({"will": Will("$iothub/twin/GET/?$rid=1", b"x")}, 5, "will"),
    ],
)
def test_a_refusal_says_who_is_at_fault(stage, changes, code, words):
    device = stage.device()
    refused = refusal(stage, device.hello(**changes))
    assert refused.code == code and words in refused.reason, refused


def test_an_unknown_device_is_told_apart_from_a_wrong_key(stage):
    hello = Hello(
        "ghost", f"{HOST}/ghost/?api-version=2021-04-12", token(f"{HOST}/devices/ghost", OTHER_KEY, 2**31)
    )
    refused = refusal(stage, hello)
    assert refused.code == 5 and "not registered" in refused.reason


def test_a_disabled_device_is_refused_until_it_is_enabled(stage):
    device = stage.device(status="disabled")
    refused = refusal(stage, device.hello())
    assert refused.code == 5 and "disabled" in refused.reason
    stage.hub.update_device("dev1", {"status": "enabled"})
    device.connect()


def test_the_token_of_another_device_opens_nothing(stage):
    device, other = stage.device(), stage.device("dev2")
    refused = refusal(stage, device.hello(password=other.hello().password))
    assert refused.code == 5 and "another device" in refused.reason


def test_a_device_key_may_not_sign_for_the_whole_hub(stage):
    device = stage.device()
    key = stage.hub.get_device("dev1")["authentication"]["symmetricKey"]["primaryKey"]
    refused = refusal(stage, device.hello(password=token(HOST, key, 2**31)))
    assert refused.code == 5 and "its own device" in refused.reason


def test_a_policy_without_device_connect_opens_no_device(stage):
    device = stage.device()
    refused = refusal(stage, device.hello(password=stage.service_header("service")))
    assert refused.code == 5 and "'service'" in refused.reason


@pytest.mark.parametrize(
    "username",
    [
        f"{HOST}/dev1/?api-version=2016-11-14",
        f"{HOST}/dev1/api-version=2019-10-01",
        f"{HOST.upper()}/dev1/?api-version=2020-09-30&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0",
        f"{HOST}/dev1/",
        f"{HOST}/dev1",
        f"{HOST}/dev1/DeviceClientType=azure-iot-device%2F1.1.2&api-version=2016-11-14",
        f"{HOST}/dev1/DeviceClientType=iothubclient%2F1.1.7",
        f"{HOST}/dev1/DeviceClientType=my/own/&api-version=2016-11-14",
        f"{HOST}/dev1/api-version=2016-11-14/DeviceClientType=Microsoft.Azure.Devices.Client/1.2.2",
        f"{HOST}/dev1/model-id=dtmi%3Ax%3B1&api-version=2020-09-30",
    ],
)
def test_user_names_met_in_the_wild_are_understood(stage, username):
    """Without "?": azure-iot-sdk-node before 1.2 (mqtt_base.js), azure-iot-sdk-c before 1.2 (iothubtransportmqtt.c),
    and iotedge's tests of DeviceIdentityProvider, which know a slash before DeviceClientType."""
    device = stage.device()
    device.connect(username=username)
    status, _, _ = device.report({"a": 1})
    assert status == (204 if "api-version" in username else 400), "the version is read wherever it stands"


@pytest.mark.parametrize(
    "username", [f"{HOST}/dev1/m", f"{HOST}/dev1/m/?api-version=2021-04-12", f"{HOST}/dev1/a=b"]
)
def test_a_module_is_not_taken_for_a_client_without_a_question_mark(stage, username):
    refused = refusal(stage, stage.device().hello(username=username))
    assert refused.code == 2 and "not the id in the user name" in refused.reason


def test_an_alias_is_another_name_for_the_same_hub(stage):
    hub = Hub(HOST, stage.clock, MemoryStore(), bytes, aliases=["Bench.Local"])
    hub.create_device("dev1")
    key = hub.connection_string("dev1").partition("SharedAccessKey=")[2]
    password = token("bench.local/devices/dev1", key, 2**31)
    assert hub.connect(Hello("dev1", "bench.local/dev1/?api-version=2021-04-12", password), Wire())


def test_a_model_id_is_announced_kept_and_kept_again(stage):
    device = stage.device()
    assert "modelId" not in stage.hub.get_twin("dev1")
    device.connect(api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1")
    assert stage.hub.get_twin("dev1")["modelId"] == "dtmi:com:example:Thermostat;1"
    device.connect()
    stage.start()
    assert stage.hub.get_twin("dev1")["modelId"] == "dtmi:com:example:Thermostat;1"


def test_certificates_are_matched_by_thumbprint_or_by_authority(stage):
    print1 = "ab" * 32
    body = {"authentication": {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": print1}}}
    own = stage.device("own", **body)
    own.connect(password=None, certificate=Certificate(("cd" * 20, print1.upper())), subscribe=ALL)
    refused = refusal(stage, own.hello(password=None, certificate=Certificate(("cd" * 20,))))
    assert refused.code == 5 and "thumbprint" in refused.reason
    issued = stage.device("issued", authentication={"type": "certificateAuthority"})
    issued.connect(password="", certificate=Certificate((), "issued", ("factory",)))
    for wrong in (Certificate((), "issued"), Certificate((), "own", ("factory",))):
        assert "CN=issued" in refusal(stage, issued.hello(password="", certificate=wrong)).reason
    assert stage.hub.connection_string("own") == f"HostName={HOST};DeviceId=own;x509=true"


def test_a_refused_connection_leaves_the_live_one_alone(stage):
    device = stage.connected()
    with pytest.raises(ConnectRefused):
        stage.hub.connect(device.hello(key=OTHER_KEY), Wire())
    assert device.wire.closed is None and not device.session.ended
