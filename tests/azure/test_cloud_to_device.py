"""Cloud-to-device messages by azure-iot-hub, unmodified, and their feedback by the uamqp below it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from reading import dialled
from support import own_address

from twinkle_host.waiting import PATIENCE_S, eventually

SENDER = Path(__file__).parent / "send.py"


@pytest.fixture
def device_id(hub, request):
    """A registered device of the test's own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:100]
    hub.add(name)
    return name


def program(hub, *arguments, **environment):
    """What a service of its own process prints: uamqp reads where its authorities are once, from the environment."""
    done = subprocess.run(
        [sys.executable, SENDER, *arguments],
        env={
            **os.environ,
            "SSL_CERT_FILE": hub.info["caFile"],
            "SERVICE": dialled(hub.info["serviceConnectionString"]),
            "HOST": own_address(),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def send(hub, device_id, body, **properties):
    return program(hub, "send", device_id, body, json.dumps(properties))


def test_a_message_arrives_with_its_system_properties_and_feedback_says_so(hub, device, device_id):
    client = device(text=hub.call("connection_string", device_id))
    came = []
    client.on_message_received = came.append
    properties = {
        **{"messageId": "m1", "correlationId": "c1", "contentType": "application/json"},
        **{"contentEncoding": "utf-8", "level": "3", "iothub-ack": "full"},
    }
    assert send(hub, device_id, '{"on": true}', **properties) == "sent"
    (message,) = eventually(lambda: list(came))
    assert message.data == b'{"on": true}'
    assert (message.message_id, message.correlation_id) == ("m1", "c1")
    assert (message.content_type, message.content_encoding) == ("application/json", "utf-8")
    assert message.custom_properties["level"] == "3"
    eventually(lambda: hub.call("get_device", device_id)["cloudToDeviceMessageCount"] == 0)
    (record,) = program(hub, "feedback", "1")
    assert (record["originalMessageId"], record["statusCode"]) == ("m1", "Success")
    assert record["deviceId"] == device_id


def test_expired_messages_are_told(hub, device_id):
    assert (
        send(hub, device_id, "x", messageId="m2", expiryTimeUtc=1000, **{"iothub-ack": "negative"}) == "sent"
    )
    (record,) = program(hub, "feedback", "1")
    assert (record["originalMessageId"], record["statusCode"]) == ("m2", "Expired")


def test_a_device_that_is_unknown_and_a_queue_that_is_full_are_refused(hub, device_id):
    assert "C2D message send failure" in send(hub, "nobody-here", "x")
    for number in range(50):
        hub.call("send", device_id, b"%d" % number)
    assert "C2D message send failure" in send(hub, device_id, "x")
