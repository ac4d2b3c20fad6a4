"""Messages to devices, and their feedback, as a service sends and reads them over AMQP."""

import base64
import json
import uuid
from urllib.parse import quote

import pytest
from azure.eventhub._pyamqp import _encode, performatives
from azure.eventhub._pyamqp.message import Message, Properties
from azure.eventhub._pyamqp.outcomes import Accepted, Released
from harness import ALL, HOST

from twinkle_host.hub.amqp import read_message

FILTER = "devices/dev1/messages/devicebound/#"
SENDER, READER = 20, 21
PIECE = 60_000


def message(to="/devices/dev1/messages/devicebound", application=None, body=b"hello", **properties):
    output = bytearray()
    _encode.encode_payload(
        output,
        Message(properties=Properties(to=to, **properties), application_properties=application, data=[body]),
    )
    return bytes(output)


@pytest.fixture
def service(desk):
    """A client with a token for all of the hub, and a link to send by."""
    desk.device("dev1")
    client = desk.client().entered(resource=HOST)
    client.attach(SENDER, f"amqps://{HOST}/messages/devicebound", False)
    client.hear()
    client.numbers = iter(range(100, 1000))
    return client


def send(client, *arguments, **named):
    """Send one; see ``sent``."""
    return sent(client, message(*arguments, **named))


def sent(client, payload):
    """Send a message in pieces; None when it was accepted, else condition and text."""
    number = next(client.numbers)
    for at in range(0, len(payload), PIECE):
        more = at + PIECE < len(payload)
        client.transfer(payload[at : at + PIECE], number=None if at else number, handle=SENDER, more=more)
    heard = client.hear()
    client.kept = [item for item in heard if item[0] == "transfer"]
    state = next(fields[4] for name, fields, _ in heard if name == "disposition")
    (name, fields), *_ = state.items()
    return None if name == "accepted" else (fields[0][0].decode(), fields[0][1].decode())


def topics(device):
    return [topic for topic, _, _ in device.wire.sent if "devicebound" in topic]


@pytest.mark.parametrize(
    ("value", "body"), [("on", b"on"), (b"\x00\xff", b"\x00\xff"), ({"on": 1}, None), ([1], None), (5, None)]
)
def test_a_body_that_is_no_bytes_and_no_text_is_refused(desk, service, value, body):
    """rhea sends an object as a map, which has no one form as bytes."""
    output = bytearray()
    to = Properties(to="/devices/dev1/messages/devicebound")
    _encode.encode_payload(output, Message(properties=to, value=value))
    refused = sent(service, bytes(output))
    inbox = desk.hub.devices.find("dev1").inbox
    if body is None:
        assert refused[0] == "amqp:not-allowed" and inbox == []
    else:
        assert refused is None and base64.b64decode(inbox[0]["body"]) == body


@pytest.mark.parametrize("device_id", ["dev+1", "dev#1", "a?b", "p:1@h", "100%41", "it's(ok)!"])
def test_a_device_is_named_as_it_is_and_encoded(desk, service, device_id):
    """npm azure-iothub, amqp.js: encodeURIComponent(deviceId); azure-iot-hub, iothub_amqp_client.py: as it is."""
    desk.device(device_id)
    for name in (device_id, quote(device_id, safe="!'()*")):
        assert send(service, f"/devices/{name}/messages/devicebound") is None
    assert len(desk.hub.devices.find(device_id).inbox) == 2


def test_a_message_reaches_its_device_with_all_that_was_said_of_it(desk, service):
    from harness import Device

    device = Device(desk, "dev1")
    device.connect((*ALL, FILTER))
    until = int(desk.clock.utc() + 600) * 1000
    assert (
        send(
            service,
            application={"level": "3", "iothub-ack": "full"},
            message_id="m1",
            correlation_id=uuid.UUID(int=1),
            user_id=b"me",
            content_type="application/json",
            content_encoding="utf-8",
            absolute_expiry_time=until,
        )
        is None
    )
    bag = topics(device)[0].partition("devicebound/")[2].split("&")
    assert bag == [
        "%24.mid=m1",
        "%24.cid=00000000-0000-0000-0000-000000000001",
        "%24.uid=me",
        "%24.ct=application%2Fjson",
        "%24.ce=utf-8",
        "%24.exp=2026-11-18T11%3A16%3A40Z",
        "level=3",
        "iothub-ack=full",
        "%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound",
    ]
    assert device.wire.sent[-1][1] == b"hello"


def test_what_the_hub_would_not_have_is_rejected_by_name(desk, service):
    assert send(service, to="/devices/nobody/messages/devicebound")[0] == "amqp:not-found"
    assert send(service, to="/elsewhere")[0] == "amqp:not-found"
    assert send(service, body=bytes(65 * 1024))[0] == "amqp:link:message-size-exceeded"
    assert send(service, application={"iothub-ack": "maybe"})[0] == "amqp:not-allowed"
    assert [send(service) for _ in range(50)] == [None] * 50
    condition, words = send(service)
    assert condition == "amqp:resource-limit-exceeded" and "403004" in words and "50 messages wait" in words


def test_a_policy_without_service_connect_may_not_send(desk):
    client = desk.client().entered(policy="registryReadWrite", resource=HOST)
    client.attach(SENDER, "/messages/devicebound", False)
    assert client.detached() == ["amqp:unauthorized-access"]


def feedback(client):
    """The records that came, with the number of their delivery."""
    came = []
    kept, client.kept = getattr(client, "kept", []), []
    for name, fields, payload in kept + client.hear():
        if name == "transfer":
            told = read_message(payload)
            assert told.properties["content_type"] == "application/vnd.microsoft.iothub.feedback.json"
            came.append((fields[1], json.loads(told.data)))
    return came


def reading(client, **values):
    client.attach(READER, "/messages/serviceBound/feedback", True, **values)
    client.flow(READER, 10, window=10000)
    return feedback(client)


def settle(client, number, state):
    client.say(
        0, performatives.DispositionFrame, role=True, first=number, last=number, settled=True, state=state
    )


def test_feedback_is_read_once_when_it_is_accepted(desk, service):
    assert reading(service) == []
    send(service, application={"iothub-ack": "full"}, message_id="m1", absolute_expiry_time=1000)
    ((number, records),) = feedback(service)
    assert [(record["originalMessageId"], record["statusCode"]) for record in records] == [("m1", "Expired")]
    settle(service, number, Accepted())
    service.connection.lost()
    again = desk.client().entered(resource=HOST)
    assert reading(again) == []


def test_feedback_that_was_not_accepted_comes_again(desk, service):
    send(service, application={"iothub-ack": "full"}, message_id="m1", absolute_expiry_time=1000)
    ((number, records),) = reading(service)
    settle(service, number, Released())
    service.connection.pump()
    ((_, second),) = feedback(service)
    assert second == records
    service.connection.lost()
    ((_, third),) = reading(desk.client().entered(resource=HOST))
    assert third == records


def test_a_reader_that_settles_beforehand_gets_it_once(desk, service):
    send(service, application={"iothub-ack": "full"}, message_id="m1", absolute_expiry_time=1000)
    assert len(reading(service, send_settle_mode=1)) == 1
    service.connection.lost()
    assert reading(desk.client().entered(resource=HOST)) == []


def test_a_file_notification_is_one_message_and_comes_until_it_is_accepted(desk, service):
    """IoT Hub developer guide, "File upload notifications"; azure-iot-sdk-csharp, AmqpFileNotificationReceiver: the
    content type is checked, and one object is read from one message."""
    for number in (1, 2):
        desk.hub.files.put({"deviceId": "dev1", "blobName": f"dev1/{number}"})

    def read(client):
        client.attach(READER, "/messages/serviceBound/filenotifications", True)
        client.flow(READER, 10, window=10000)
        told = [
            (fields[1], read_message(payload))
            for name, fields, payload in client.hear()
            if name == "transfer"
        ]
        for _, message in told:
            assert (
                message.properties["content_type"] == "application/vnd.microsoft.iothub.filenotification.json"
            )
        return [(number, json.loads(message.data)["blobName"]) for number, message in told]

    ((first, one), (second, two)) = read(service)
    assert (one, two) == ("dev1/1", "dev1/2")
    settle(service, first, Accepted())
    settle(service, second, Released())
    service.connection.lost()
    assert [name for _, name in read(desk.client().entered(resource=HOST))] == ["dev1/2"]
