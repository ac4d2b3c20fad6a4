"""Messages to devices over HTTPS: sent as IoT Explorer sends them, and thrown away."""

from urllib.parse import quote

import pytest
from azure.iot.hub.iothub_http_runtime_manager import IoTHubHttpRuntimeManager
from curl import Rest

from twinkle_host.hub.core.messages.cloud_to_device import MAX_BYTES
from twinkle_host.hub.core.times import iso


@pytest.fixture
def device(hub, request):
    """The id of a device of this test, for which no message waits."""
    device_id = request.node.name.replace("[", "-").rstrip("]").replace(" ", "")
    hub.add(device_id)
    return device_id


def waiting(hub, device_id):
    return hub.call("devices.find", device_id).inbox


def properties(hub, device_id):
    (message,) = waiting(hub, device_id)
    return {name: value for name, value in message["properties"].items() if name != "$.to"}


@pytest.mark.parametrize("path", ["devices/{}/messages/deviceBound", "devices/{}/messages/devicebound"])
@pytest.mark.parametrize("encoded", [True, False])
def test_a_message_is_queued_as_iot_explorer_sends_it(hub, rest, path, encoded):
    """azure-iot-explorer, devicesService.ts ``cloudToDeviceMessage``, dataPlaneHandler.ts: the path in one piece,
    ``iothub-app-`` before each property, Content-Encoding utf-8, and 204 for "no content"."""
    device = f"explored-{encoded}-{path[-5]}"
    hub.add(device)
    path = path.format(device)
    headers = {"Content-Type": "application/json", "Content-Encoding": "utf-8", "iothub-app-level": "a b"}
    answer = rest(
        "POST", f"/{quote(path, safe='')}" if encoded else f"/{path}", "on, né?".encode(), headers=headers
    )
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    (message,) = waiting(hub, device)
    assert message["body"] == "b24sIG7DqT8=" and properties(hub, device) == {"level": "a b"}


def test_system_properties_have_headers_of_their_own(hub, rest, device):
    """azure-iot-sdk-node, device/transport/http/src/http.ts: the headers of a message over HTTPS."""
    headers = {
        "IoTHub-MessageId": "m1",
        "iothub-correlationid": "c1",
        "iothub-userid": "u1",
        "iothub-contenttype": "application/json",
        "iothub-contentencoding": "utf-8",
        "iothub-ack": "full",
        "iothub-expiry": "2999-01-01T00:00:00Z",
        "iothub-app-a": "1",
        "x-other": "2",
    }
    near = int(hub.call("clock.utc")) + 3600
    refused = rest("POST", f"/devices/{device}/messages/deviceBound", "x", headers=headers)
    assert refused.status_code == 400 and "172800 seconds" in refused.text, "two days at the most"
    headers["iothub-expiry"] = iso(near)
    assert rest("POST", f"/devices/{device}/messages/deviceBound", "x", headers=headers).status_code == 204
    assert properties(hub, device) == {
        **{"$.mid": "m1", "$.cid": "c1", "$.uid": "u1", "$.ct": "application/json", "$.ce": "utf-8"},
        **{"iothub-ack": "full", "$.exp": iso(near), "a": "1"},
    }
    assert waiting(hub, device)[0]["expires"] == pytest.approx(near, abs=1)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"iothub-ack": "maybe"}, "x", 400),
        ({"iothub-expiry": "tomorrow"}, "x", 400),
        ({}, "x" * (MAX_BYTES + 1), 413),
    ],
)
def test_a_message_that_cannot_be_is_refused(hub, rest, device, headers, body, status):
    answer = rest("POST", f"/devices/{device}/messages/deviceBound", body, headers=headers)
    assert answer.status_code == status and waiting(hub, device) == [], answer.text


def test_a_message_to_nobody_is_refused_and_the_fiftyfirst_too(hub, rest, device):
    answer = rest("POST", "/devices/nobody/messages/deviceBound", "x")
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (404, "DeviceNotFound")
    for _ in range(50):
        hub.call("send", device, b"x")
    answer = rest("POST", f"/devices/{device}/messages/deviceBound", "x")
    assert answer.headers["iothub-errorcode"] == "DeviceMaximumQueueDepthExceeded"


def test_a_queue_is_purged_by_azures_own_sdk(hub, device, monkeypatch):
    """azure-iot-hub 2.7, cloud_to_device_messages_operations.py; model PurgeMessageQueueResult."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", hub.info["caFile"])
    manager = IoTHubHttpRuntimeManager.from_connection_string(hub.info["serviceConnectionString"])
    service = manager.protocol.cloud_to_device_messages
    for _ in range(3):
        hub.call("send", device, b"x")
    result = service.purge_cloud_to_device_message_queue(device)
    assert (result.total_messages_purged, result.device_id, result.module_id) == (3, device, None)
    assert service.purge_cloud_to_device_message_queue(device).total_messages_purged == 0
    assert waiting(hub, device) == []


def test_only_a_service_sends_and_purges(hub, device):
    reader = Rest(hub, "registryReadWrite")
    assert reader("POST", f"/devices/{device}/messages/deviceBound", "x").status_code == 401
    assert reader("DELETE", f"/devices/{device}/commands").status_code == 401
