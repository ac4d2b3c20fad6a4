"""Cloud-to-device messages by azure-iot-hub, unmodified, and their feedback by the uamqp below it."""

import json
import os
import queue
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from azure.iot.hub.sastoken import SasToken
from reading import HOST, dialled
from support import MQTT_PORT, own_address

from twinkle_host.waiting import PATIENCE_S, eventually

SENDER = Path(__file__).parent / "send.py"


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


@pytest.mark.parametrize("seconds", [-1000, 1], ids=["before-it-came", "while-it-waited"])
def test_expired_messages_are_told(hub, device_id, seconds):
    expiry = int((time.time() + seconds) * 1000)
    assert (
        send(hub, device_id, "x", messageId="m2", expiryTimeUtc=expiry, **{"iothub-ack": "negative"})
        == "sent"
    )
    (record,) = program(hub, "feedback", "1")
    assert (record["originalMessageId"], record["statusCode"]) == ("m2", "Expired")
    assert hub.call("get_device", device_id)["cloudToDeviceMessageCount"] == 0


class Mute(paho.Client):
    """A device that takes messages of QoS 1 and acknowledges none."""

    def _send_puback(self, mid):
        return paho.MQTT_ERR_SUCCESS


def test_a_message_that_is_never_acknowledged_is_delivered_ten_times_and_that_is_told(hub, device_id):
    assert send(hub, device_id, "x", messageId="m3", **{"iothub-ack": "full"}) == "sent"
    for _ in range(10):
        assert deliveries(hub, device_id) == [b"x"]
    assert hub.call("get_device", device_id)["cloudToDeviceMessageCount"] == 1
    assert deliveries(hub, device_id) == []
    (record,) = program(hub, "feedback", "1")
    assert (record["originalMessageId"], record["statusCode"]) == ("m3", "DeliveryCountExceeded")
    assert hub.call("get_device", device_id)["cloudToDeviceMessageCount"] == 0


def deliveries(hub, device_id):
    """What one connection of a mute device is given before the answer to its own message."""
    mute, came = Mute(device_id, clean_session=False), queue.Queue()
    mute.on_connect = lambda *_: mute.subscribe(f"devices/{device_id}/messages/devicebound/#", 1)
    mute.on_message = lambda _, __, message: came.put(message.payload)
    mute.on_subscribe = lambda *_: mute.publish(f"devices/{device_id}/messages/events/", b"{}", 1)
    mute.on_publish = lambda *_: came.put(None)
    key = hub.call("connection_string", device_id).partition("SharedAccessKey=")[2]
    mute.username_pw_set(
        f"{HOST}/{device_id}/?api-version=2021-04-12", str(SasToken(f"{HOST}/devices/{device_id}", key))
    )
    mute.tls_set(hub.info["caFile"])
    mute.connect(own_address(), MQTT_PORT)
    mute.loop_start()
    given = list(iter(lambda: came.get(timeout=PATIENCE_S), None))
    mute.disconnect()
    mute.loop_stop()
    return given


def test_a_device_that_is_unknown_and_a_queue_that_is_full_are_refused(hub, device_id):
    assert "C2D message send failure" in send(hub, "nobody-here", "x")
    for number in range(50):
        hub.call("send", device_id, b"%d" % number)
    assert "C2D message send failure" in send(hub, device_id, "x")
