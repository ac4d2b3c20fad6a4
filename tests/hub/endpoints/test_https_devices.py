"""Devices over HTTPS: what they send is in the log with what came by MQTT, what they receive is from the same queue."""

import base64
import json
import re

import pytest
from https_device import Device

from twinkle_host.hub.core.messages.telemetry import MAX_MESSAGE

TO = "messages/deviceBound"


@pytest.fixture
def device(hub, request):
    return Device(hub, "".join(c if c.isalnum() else "-" for c in request.node.name)[:90])


def sent(hub, device):
    return hub.event("Telemetry", lambda event: event["deviceId"] == device.name)


def name_of(answer):
    return answer.status_code, answer.headers["iothub-errorcode"]


def test_a_message_is_in_the_log_with_its_properties(hub, device):
    """azure-iot-sdk-node, device/transport/http/src/http.ts ``sendEvent``: headers; 204 for success."""
    answer = device.call(
        *("POST", "messages/events", b'{"t": 1}'),
        **{
            "iothub-to": f"/devices/{device.name}/messages/events",
            "iothub-app-level": "high",
            "dt-subject": "fan",
        },
        **{
            "IoTHub-MessageId": "m1",
            "iothub-contenttype": "application/json",
            "iothub-contentencoding": "utf-8",
        },
    )
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    event = sent(hub, device)
    assert event["body"] == {"t": 1} and event["applicationProperties"] == {"level": "high"}
    system = event["systemProperties"]
    assert (system["message-id"], system["content-type"], system["dt-subject"]) == (
        "m1",
        "application/json",
        "fan",
    )
    assert json.loads(system["iothub-connection-auth-method"])["type"] == "sas"


def test_many_messages_in_one_request(hub, device):
    """The same, ``sendEventBatch``: the type of the body, base64, and properties with their prefix."""
    first = {"body": base64.b64encode(b"1").decode(), "properties": {"iothub-app-n": "1"}}
    second = {"body": "2", "base64Encoded": False}
    kind = {"Content-Type": "application/vnd.microsoft.iothub.json"}
    assert device.call("POST", "messages/events", json.dumps([first, second]), **kind).status_code == 204
    one, two = sent(hub, device), sent(hub, device)
    assert (one["body"], one["applicationProperties"], two["body"]) == (1, {"n": "1"}, 2)
    for wrong in ([], {}, [5], [{"body": 5}], [{"body": "?"}], [{"body": "", "properties": {"a": 1}}]):
        answer = device.call(
            "POST", "messages/events", json.dumps([first, *wrong] if wrong else wrong), **kind
        )
        assert answer.status_code == 400, wrong
    assert device.call("POST", "messages/events", "[", **kind).status_code == 400


@pytest.mark.parametrize(
    ("headers", "body", "refusal"),
    [
        ({}, b"x" * (MAX_MESSAGE + 1), (413, "MessageTooLarge")),
        ({"iothub-app-a": "x" * 100}, b"x" * MAX_MESSAGE, (413, "MessageTooLarge")),
        ({"iothub-messageid": "a b"}, b"x", (400, "ArgumentInvalid")),
        ({"iothub-app-a": b"\xff"}, b"x", (400, "ArgumentInvalid")),
        ({"iothub-expiry": "soon"}, b"x", (400, "ArgumentInvalid")),
    ],
)
def test_a_message_that_cannot_be_is_refused(device, headers, body, refusal):
    assert name_of(device.call("POST", "messages/events", body, **headers)) == refusal


def test_a_message_is_received_with_its_headers_and_completed(hub, device):
    """The same, ``receive`` and ``_sendFeedback``, and azure-iot-http-base, ``toMessage``: the ETag is the lock.

    azure-iot-cli-extension, test_iothub_c2d_messages_int.py, which runs against the service: ``ContentType``,
    ``ContentEncoding``, and an ack of none where there is none to be.
    """
    assert device.call("GET", TO).status_code == 204, "none waits"
    properties = {"$.mid": "m1", "$.ct": "text/plain", "level": "a b", "né w": "é\r\nx: y", "none": None}
    hub.call("send", device.name, b"on", properties | {"iothub-ack": "full"})
    got = device.call("GET", TO)
    assert (got.status_code, got.content) == (200, b"on")
    assert got.headers["iothub-messageid"] == "m1" and got.headers["iothub-app-level"] == "a b"
    assert got.headers["iothub-to"] == f"/devices/{device.name}/messages/devicebound"
    assert got.headers["ContentType"] == "text/plain" and got.headers["iothub-deliverycount"] == "0"
    assert "iothub-contenttype" not in got.headers and "ContentEncoding" not in got.headers
    assert (got.headers["iothub-ack"], got.headers["iothub-sequencenumber"]) == ("full", "1")
    assert got.headers["iothub-app-n%C3%A9%20w"] == "%C3%A9%0D%0Ax: y" and "x" not in got.headers
    assert device.call("GET", TO).status_code == 204, "it is locked"
    lock = got.headers["ETag"].strip('"')
    assert device.call("DELETE", f"{TO}/{lock}").status_code == 204
    assert name_of(device.call("DELETE", f"{TO}/{lock}")) == (412, "DeviceMessageLockLost")
    records = hub.call("feedback.lease", 10)
    assert [record["statusCode"] for record in records if record["deviceId"] == device.name] == ["Success"]


def test_what_a_message_has_not_is_in_its_headers_empty(hub, device):
    """azure-iot-cli-extension, test_iot_device_unit.py, sample_c2d_receive: what the service answered in 2017."""
    hub.call("send", device.name, b"1", {})
    hub.call("send", device.name, b"2", {"$.exp": "2030-01-31T12:00:00Z", "$.ce": "utf-8", "$.uid": "me"})
    first, second = device.call("GET", TO).headers, device.call("GET", TO).headers
    empty = ("iothub-correlationid", "iothub-expiry", "iothub-messageid", "iothub-userid")
    assert [first[name] for name in empty] == [""] * 4 and first["iothub-ack"] == "none"
    assert re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M", first["iothub-enqueuedtime"])
    assert [answer["iothub-sequencenumber"] for answer in (first, second)] == ["1", "2"]
    assert second["iothub-expiry"] and (second["ContentEncoding"], second["iothub-userid"]) == ("utf-8", "me")


@pytest.mark.parametrize("seconds", ["0", "301", "-1", "soon", "1.5", ""])
def test_a_lock_lasts_a_number_of_seconds(hub, device, seconds):
    hub.call("send", device.name, b"1", {})
    refused = device.call("GET", TO, **{"IotHub-MessageLockTimeout": seconds})
    assert name_of(refused) == (400, "ArgumentInvalid")
    assert device.call("GET", TO, **{"iothub-messagelocktimeout": "300"}).status_code == 200, (
        "nothing was locked"
    )


def test_a_message_is_abandoned_and_rejected(hub, device):
    """REST reference, "Abandon Device Bound Notification"; "Complete…": reject by a query parameter of that name."""
    hub.call("send", device.name, b"on", {"iothub-ack": "full"})
    lock = device.call("GET", TO).headers["ETag"].strip('"')
    assert device.call("POST", f"{TO}/{lock}/abandon").status_code == 204
    again = device.call("GET", TO)
    assert again.headers["iothub-deliverycount"] == "1"
    lock = again.headers["ETag"].strip('"')
    assert device.call("DELETE", f"{TO}/{lock}", query="&reject").status_code == 204
    assert device.call("GET", TO).status_code == 204
    records = hub.call("feedback.lease", 10)
    assert [record["statusCode"] for record in records if record["deviceId"] == device.name] == ["Rejected"]


def test_a_device_speaks_for_itself_only(hub, device):
    other = Device(hub, f"other-{device.name}"[:90])
    hub.call("send", device.name, b"secret")
    for method, path in (("POST", "messages/events"), ("GET", TO), ("DELETE", f"{TO}/x")):
        assert name_of(device.call(method, path, token=other.token)) == (401, "IotHubUnauthorized")
        assert device.ask(method, f"{device.base}/devices/{device.name}/{path}").status_code in (400, 401)
    lock = device.call("GET", TO).headers["ETag"].strip('"')
    assert name_of(other.call("DELETE", f"{TO}/{lock}")) == (412, "DeviceMessageLockLost")
    assert device.call("DELETE", f"{TO}/{lock}").status_code == 204
    hub.call("update_device", device.name, {"status": "disabled"})
    assert name_of(device.call("GET", TO)) == (401, "IotHubUnauthorized")


def test_a_device_that_asks_too_much_is_told_so(hub, device):
    """IoT Hub quotas: the rates of device-to-cloud sends and of receives over HTTPS."""
    hub.call("throttles.set", 1e-9)  # one of each, and no other in any time
    try:
        answers = [device.call("GET", TO).status_code for _ in range(2)]
        answers += [device.call("POST", "messages/events", b"x").status_code for _ in range(2)]
    finally:
        hub.call("throttles.set", None)
    assert answers == [204, 429, 204, 429]
