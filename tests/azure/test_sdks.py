"""Unmodified azure-iot-device 2.14 as the device, azure-iot-hub 2.7 as the service."""

import json
import queue
import ssl
import threading

import paho.mqtt.client as paho
import pytest
from azure.iot.device import Message, MethodResponse
from azure.iot.device.exceptions import ClientError, CredentialError
from azure.iot.hub.models import (
    CloudToDeviceMethod,
    ExportImportDevice,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from msrest.exceptions import HttpOperationError
from support import MQTT_PORT, own_address

from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S, eventually


@pytest.fixture
def device_id(request):
    return request.node.name


def desired(**members):
    return Twin(properties=TwinProperties(desired=members))


def serve_methods(client, answer):
    """Answer every method call with ``answer(request) -> (status, payload)``."""

    def handle(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, *answer(request)))

    client.on_method_request_received = handle


def call(service, device_id, name, payload=None, **timeouts):
    return service.invoke_device_method(
        device_id, CloudToDeviceMethod(method_name=name, payload=payload, **timeouts)
    )


# --- identities


def test_identities_are_made_read_listed_and_removed(service):
    made = service.create_device_with_sas("registry-1", None, None, "enabled")
    assert len(made.authentication.symmetric_key.primary_key) == 44
    assert service.get_device("registry-1").status == "enabled"
    assert "registry-1" in [device.device_id for device in service.get_devices(1000)]
    service.delete_device("registry-1")
    with pytest.raises(HttpOperationError) as refusal:
        service.get_device("registry-1")
    assert refusal.value.response.status_code == 404
    assert refusal.value.response.headers["iothub-errorcode"] == "DeviceNotFound"


def test_an_id_is_given_only_once(service):
    service.create_device_with_sas("registry-2", None, None, "enabled")
    with pytest.raises(HttpOperationError) as refusal:
        service.create_device_with_sas("registry-2", None, None, "enabled")
    assert refusal.value.response.status_code == 409


def test_an_identity_is_disabled_and_its_etag_guarded(service):
    made = service.create_device_with_sas("registry-3", None, None, "enabled")
    key = made.authentication.symmetric_key
    changed = service.update_device_with_sas(
        "registry-3", made.etag, key.primary_key, key.secondary_key, "disabled"
    )
    assert changed.status == "disabled"
    with pytest.raises(HttpOperationError) as refusal:
        service.update_device_with_sas("registry-3", made.etag, key.primary_key, key.secondary_key, "enabled")
    assert refusal.value.response.status_code == 412


def test_statistics_are_counted(service):
    service.create_device_with_sas("registry-4", None, None, "disabled")
    counts = service.get_device_registry_statistics()
    assert counts.disabled_device_count >= 1
    assert counts.total_device_count == counts.enabled_device_count + counts.disabled_device_count
    assert service.get_service_statistics().connected_device_count >= 0


def test_identities_in_bulk_are_made_with_tags_and_a_stale_etag_leaves_them(service):
    """Model DeviceRegistryOperationError: ``error_code`` is the code's name."""
    made = service.bulk_create_or_update_devices(
        [ExportImportDevice(id="bulk-1", import_mode="create", tags={"floor": 1})]
    )
    assert made.is_successful and service.get_twin("bulk-1").tags == {"floor": 1}
    stale = ExportImportDevice(id="bulk-1", import_mode="deleteIfMatchETag", e_tag="c3RhbGU=")
    refused = service.bulk_create_or_update_devices([stale])
    assert [(e.device_id, e.error_code) for e in refused.errors] == [("bulk-1", "PreconditionFailed")]
    assert not refused.is_successful and service.get_device("bulk-1").status == "enabled"


def test_a_service_with_a_wrong_key_is_refused(hub, service, monkeypatch):
    from azure.iot.hub import IoTHubRegistryManager

    wrong = "A" * 43 + "="
    text = f"HostName={own_address()}:{hub.info['restPort']};SharedAccessKeyName=iothubowner;SharedAccessKey={wrong}"
    with pytest.raises(HttpOperationError) as refusal:
        IoTHubRegistryManager.from_connection_string(text).get_devices(1)
    assert refusal.value.response.status_code == 401
    assert wrong not in refusal.value.response.text


# --- twins


def test_the_device_reads_and_reports_its_twin(service, device, device_id):
    client = device(device_id)
    assert client.get_twin() == {"desired": {"$version": 1}, "reported": {"$version": 1}}
    client.patch_twin_reported_properties({"temp": {"value": 21.5}, "gone": None})
    assert service.get_twin(device_id).properties.reported["temp"] == {"value": 21.5}
    assert client.get_twin()["reported"] == {"temp": {"value": 21.5}, "$version": 2}


def test_a_desired_change_is_notified(service, device, device_id):
    client, patches = device(device_id), queue.Queue()
    client.on_twin_desired_properties_patch_received = patches.put
    twin = service.update_twin(device_id, desired(fan={"on": True}, mode="eco"))
    version = twin.properties.desired["$version"]
    assert patches.get(timeout=PATIENCE_S) == {"fan": {"on": True}, "mode": "eco", "$version": version}
    service.update_twin(device_id, desired(fan={"on": None}))
    assert patches.get(timeout=PATIENCE_S) == {"fan": {"on": None}, "$version": version + 1}
    assert client.get_twin()["desired"] == {"fan": {}, "mode": "eco", "$version": version + 1}


def test_the_etag_guards_a_twin_and_reports_do_not_move_it(service, device, device_id):
    client = device(device_id)
    first = service.get_twin(device_id)
    client.patch_twin_reported_properties({"a": 1})
    second = service.update_twin(device_id, desired(a=1), first.etag)
    assert second.etag != first.etag
    with pytest.raises(HttpOperationError) as refusal:
        service.update_twin(device_id, desired(a=2), first.etag)
    assert refusal.value.response.status_code == 412
    assert service.get_twin(device_id).properties.desired["a"] == 1


def test_a_replaced_twin_notifies_what_disappeared(service, device, device_id):
    client, patches = device(device_id), queue.Queue()
    service.update_twin(device_id, desired(a=1, b=2))
    client.on_twin_desired_properties_patch_received = patches.put
    service.replace_twin(device_id, desired(a=1, c=100))
    assert {k: v for k, v in patches.get(timeout=PATIENCE_S).items() if k != "$version"} == {
        "a": 1,
        "b": None,
        "c": 100,
    }


def test_a_section_over_its_limit_is_refused(service, device, device_id):
    device(device_id)
    with pytest.raises(HttpOperationError) as refusal:
        service.update_twin(device_id, desired(**{f"k{n}": "x" * 4000 for n in range(9)}))
    assert refusal.value.response.status_code == 403
    assert refusal.value.response.headers["iothub-errorcode"] == "DeviceModelMaxPropertiesExceeded"


def test_the_query_finds_a_device(service, device, device_id):
    device(device_id).patch_twin_reported_properties({"rebootTime": "now"})
    text = (
        f"SELECT * FROM devices WHERE deviceId = '{device_id}' AND is_defined(properties.reported.rebootTime)"
    )
    rows = service.query_iot_hub(QuerySpecification(query=text)).items
    assert [row.device_id for row in rows] == [device_id]
    with pytest.raises(HttpOperationError) as refusal:
        service.query_iot_hub(QuerySpecification(query="SELECT * FROM devices WHERE"))
    assert refusal.value.response.status_code == 400


# --- direct methods


def test_a_method_goes_there_and_back(service, device, device_id):
    client = device(device_id)
    serve_methods(client, lambda request: (207, {"name": request.name, "got": request.payload}))
    answer = call(service, device_id, "echo", {"a": [1, None]})
    assert (answer.status, answer.payload) == (207, {"name": "echo", "got": {"a": [1, None]}})


def test_s4_3_the_reboot_tutorial_to_the_letter(service, device, device_id):
    client, seen = device(device_id), []

    def reboot(request):
        seen.append((request.name, request.payload))
        client.patch_twin_reported_properties({"rebootTime": "2026-11-21 08:30:00.123456"})
        return 200, {"Response": "This is the response from the device"}

    serve_methods(client, reboot)
    assert "rebootTime" not in service.get_twin(device_id).properties.reported
    answer = call(
        service, device_id, "rebootDevice", '{"method_number":"42"}', response_timeout_in_seconds=30
    )
    assert (answer.status, answer.payload) == (200, {"Response": "This is the response from the device"})
    assert seen == [("rebootDevice", '{"method_number":"42"}')]
    assert service.get_twin(device_id).properties.reported["rebootTime"] == "2026-11-21 08:30:00.123456"


def test_s4_6_a_device_that_does_not_answer_in_time(service, device, device_id):
    client = device(device_id)
    client.on_method_request_received = lambda request: None
    with pytest.raises(HttpOperationError) as refusal:
        call(service, device_id, "slow", response_timeout_in_seconds=5)
    assert refusal.value.response.status_code == 504
    inner = json.loads(json.loads(refusal.value.response.text)["Message"])
    assert inner["errorCode"] == 504101


def test_s4_8_a_device_that_is_not_there_or_does_not_listen(service, device, device_id):
    client = device(device_id)
    for _ in range(2):
        with pytest.raises(HttpOperationError) as refusal:
            call(service, device_id, "reboot")
        assert refusal.value.response.status_code == 404
        assert "404103" in refusal.value.response.text
        client.disconnect()


def test_s4_9_a_call_waits_for_a_device_that_connects_in_time(service, device, hub, device_id):
    text = hub.add(device_id)
    client = device(text=text, connect=False)
    serve_methods(client, lambda request: (200, "here"))
    client.disconnect()
    answers = queue.Queue()
    caller = threading.Thread(
        target=lambda: answers.put(call(service, device_id, "hello", connect_timeout_in_seconds=PATIENCE_S))
    )
    caller.start()
    eventually(lambda: hub.call("devices.find", device_id).calls)
    client.connect()
    answer = answers.get(timeout=PATIENCE_S)
    caller.join(PATIENCE_S)
    assert (answer.status, answer.payload) == (200, "here")


@pytest.mark.parametrize("timeout", [4, 301])
def test_a_timeout_out_of_range_is_refused(service, device, device_id, timeout, hub):
    hub.add(f"range-{timeout}")
    with pytest.raises(HttpOperationError) as refusal:
        call(service, f"range-{timeout}", "x", response_timeout_in_seconds=timeout)
    assert refusal.value.response.status_code == 400
    assert "400004" in refusal.value.response.text


# --- telemetry


def test_telemetry_reaches_the_side_door_with_its_properties(hub, device, device_id):
    client = device(device_id)
    message = Message(
        json.dumps({"temperature": 12}), content_type="application/json", content_encoding="utf-8"
    )
    message.custom_properties["level"] = "storage & more"
    message.message_id = "m-1"
    client.send_message(message)
    event = hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    assert event["body"] == {"temperature": 12}
    assert event["applicationProperties"] == {"level": "storage & more"}
    system = event["systemProperties"]
    assert system["content-type"] == "application/json" and system["content-encoding"] == "utf-8"
    assert system["message-id"] == "m-1"
    assert system["iothub-connection-device-id"] == device_id


def test_a_model_id_is_announced(service, device, hub, device_id):
    client = device(device_id, product_info="dtmi:com:example:Thermostat;1")
    client.send_message("{}")
    event = hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    assert event["systemProperties"]["dt-dataschema"] == "dtmi:com:example:Thermostat;1"
    assert service.get_twin(device_id).additional_properties["modelId"] == "dtmi:com:example:Thermostat;1"


# --- connections


def test_x_1b_a_kicked_off_device_comes_back_without_subscribing_and_misses_nothing(hub, service, device_id):
    text = hub.add(device_id)
    first = _retrying(hub, text)
    patches = queue.Queue()
    try:
        first.connect()
        first.on_twin_desired_properties_patch_received = patches.put
        serve_methods(first, lambda request: (200, "still here"))
        assert call(service, device_id, "ping").payload == "still here"
        _kick(hub, text, device_id)
        answer = call(service, device_id, "ping", connect_timeout_in_seconds=PATIENCE_S)
        assert answer.payload == "still here"
        twin = service.update_twin(device_id, desired(after=1))
        version = twin.properties.desired["$version"]
        while (patch := patches.get(timeout=PATIENCE_S)).get("$version") != version:
            pass
        assert patch["after"] == 1
        assert first.get_twin()["desired"]["after"] == 1
    finally:
        first.shutdown()


def _retrying(hub, text):
    from azure.iot.device import IoTHubDeviceClient

    with open(hub.info["caFile"]) as file:
        return IoTHubDeviceClient.create_from_connection_string(
            f"{text};GatewayHostName={own_address()}", server_verification_cert=file.read()
        )


def _kick(hub, text, device_id):
    """A second connection of the same identity, which leaves again at once."""

    def until(operation):
        hub.event(
            "deviceConnectionStateEvents",
            lambda e: e["applicationProperties"]["opType"] == operation and e["deviceId"] == device_id,
        )

    # Not clean: a clean session would make the hub forget the subscriptions.
    client = raw(hub, text, device_id, clean=False)
    client.loop_start()
    hub.event(
        "hubDiagnostics",
        lambda event: event["deviceId"] == device_id and event["body"]["what"] == "connectionClosed",
    )
    until("deviceConnected")
    client.disconnect()
    client.loop_stop()
    until("deviceDisconnected")


def raw(hub, text, device_id, clean=True):
    """A plain MQTT client with the device's credentials, connecting."""
    from azure.iot.hub.sastoken import SasToken

    parts = dict(pair.split("=", 1) for pair in text.split(";"))
    client = paho.Client(device_id, clean_session=clean)
    client.username_pw_set(
        f"{parts['HostName']}/{device_id}/?api-version=2021-04-12",
        str(SasToken(f"{parts['HostName']}/devices/{device_id}", parts["SharedAccessKey"])),
    )
    client.tls_set(hub.info["caFile"], tls_version=ssl.PROTOCOL_TLS_CLIENT)
    client.connect(own_address(), MQTT_PORT)
    return client


@pytest.mark.parametrize(
    ("topic", "qos"),
    [
        ("devices/{id}/messages/events/", 2),
        ("devices/other/messages/events/", 1),
        ("some/topic", 1),
        ("$iothub/methods/POST/x/?$rid=1", 1),
    ],
)
def test_a_publish_that_is_not_the_devices_own_ends_the_connection(hub, topic, qos, request):
    device_id = (
        f"publisher-{request.node.callspec.id.replace('/', '_')[:20].replace('{', '').replace('}', '')}"
    )
    device_id = "".join(c for c in device_id if c.isalnum() or c in "-_")
    client, gone = raw(hub, hub.add(device_id), device_id), queue.Queue()
    client.on_disconnect = lambda *a: gone.put(a[-1])
    client.on_connect = lambda *a: client.publish(topic.format(id=device_id), "x", qos)
    client.reconnect_delay_set(60, 60)
    client.loop_start()
    try:
        assert gone.get(timeout=PATIENCE_S) != 0
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_wrong_key_is_refused_and_the_hub_says_why(hub, device, device_id):
    text = hub.add(device_id)
    wrong = text.partition("SharedAccessKey=")[0] + "SharedAccessKey=" + "A" * 43 + "="
    with pytest.raises(CredentialError):
        device(text=wrong)
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == device_id)
    assert "key" in event["body"]["reason"] and event["body"]["connackCode"] == 5


def test_an_unknown_device_is_refused_and_the_hub_says_so(hub, device):
    text = hub.add("known-one").replace("DeviceId=known-one", "DeviceId=never-seen")
    with pytest.raises(CredentialError):
        device(text=text)
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == "never-seen")
    assert "never-seen" in event["body"]["reason"]


def test_a_disabled_device_is_refused(hub, service, device, device_id):
    made = service.create_device_with_sas(device_id, None, None, "disabled")
    text = f"HostName=contoso.example;DeviceId={device_id};SharedAccessKey=" + (
        made.authentication.symmetric_key.primary_key
    )
    with pytest.raises(CredentialError):
        device(text=text)
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == device_id)
    assert "disabled" in event["body"]["reason"]


def test_an_authority_that_is_not_trusted_is_refused(device, device_id, tmp_path):
    from twinkle_host.hub.certificates import Certificates

    other = Certificates(tmp_path / "other")
    other.prepare()
    with pytest.raises((ClientError, CredentialError)):
        device(device_id, server_verification_cert=other.ca_file.read_text())


def test_a_restarted_hub_knows_devices_twins_and_subscriptions(tmp_path, monkeypatch):
    from azure.iot.hub import IoTHubRegistryManager

    with LiveHub(tmp_path) as live:
        text = live.add("keeper")
        live.call("patch_twin", "keeper", {"properties": {"desired": {"a": 1}}, "tags": {"room": "attic"}})
        before = live.call("get_twin", "keeper")
    with LiveHub(tmp_path) as live:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", live.info["caFile"])
        service = IoTHubRegistryManager.from_connection_string(live.info["serviceConnectionString"])
        after = service.get_twin("keeper")
        assert after.etag == before["etag"] and after.tags == {"room": "attic"}
        assert after.properties.desired["a"] == 1
        assert live.call("connection_string", "keeper") == text
