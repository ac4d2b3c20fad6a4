"""A plain paho-mqtt client at the work of the benchmark, the floor of what MQTT in Python costs.

``paho_device.py CA_FILE [first]``; with ``first`` it sends one message as soon as it is connected.
"""

import json
import os
import sys
import threading

import paho.mqtt.client as paho

from benchmark.sas import Credentials
from benchmark.work import BODY, READY, SEND, VARIABLE

credentials = Credentials(os.environ[VARIABLE])
client = paho.Client(credentials.device_id, clean_session=False)
client.tls_set(sys.argv[1])
client.username_pw_set(credentials.username, credentials.password)
client.max_inflight_messages_set(1)  # one after the other, as the others do


def subscribe(client, *_):
    client.subscribe("$iothub/methods/POST/#", 1)


def begin(*_):
    if "first" in sys.argv:
        send(1)
    print(READY, flush=True)


def send(count):
    for _ in range(count):
        client.publish(credentials.telemetry, BODY, 1)


def answer(client, _, message):
    _, _, _, name, rid = message.topic.split("/")
    client.publish(f"$iothub/methods/res/200/{rid}", message.payload, 0)
    if name == SEND:
        send(json.loads(message.payload))


client.on_connect, client.on_subscribe, client.on_message = subscribe, begin, answer
client.connect(credentials.dial, credentials.port, 60)
client.loop_start()
threading.Event().wait()
