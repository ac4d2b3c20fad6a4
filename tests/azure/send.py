"""A service's program: azure-iot-hub sends a message, or uamqp reads notices; prints the outcome as JSON.

Arguments: ``send DEVICE BODY PROPERTIES``, ``feedback COUNT`` or ``files COUNT``. SERVICE is the connection string.
With WSS_PORT it goes over WebSocket; the port is told to uamqp as its own constant, since azure-iot-hub takes 443 and
no other.
"""

import json
import os
import sys

import uamqp

verb, *arguments = sys.argv[1:]
text = os.environ["SERVICE"]
transport = uamqp.TransportType.Amqp
if "WSS_PORT" in os.environ:
    transport = uamqp.TransportType.AmqpOverWebsocket
    uamqp.constants.DEFAULT_AMQP_WSS_PORT = int(os.environ["WSS_PORT"])


def send(device_id, body, properties):
    from azure.iot.hub import IoTHubRegistryManager

    manager = IoTHubRegistryManager.from_connection_string(text, transport)
    try:
        manager.send_c2d_message(device_id, body, json.loads(properties))
    except Exception as error:
        return str(error)
    return "sent"


def feedback(count, node="feedback"):
    from azure.iot.hub.iothub_amqp_client import IoTHubAmqpClientSharedAccessKeyAuth as Client

    parts = dict(pair.partition("=")[::2] for pair in text.split(";"))
    host = os.environ["HOST"]
    auth = Client(host, parts["SharedAccessKeyName"], parts["SharedAccessKey"], transport).amqp_client._auth
    source = f"amqps://{host}/messages/serviceBound/{node}"
    receiver = uamqp.ReceiveClient(source, auth=auth, transport_type=transport)
    records = []
    while len(records) < int(count):
        for message in receiver.receive_message_batch(timeout=1000):
            told = json.loads(b"".join(message.get_data()))
            records += told if isinstance(told, list) else [told]
            message.accept()
    receiver.close()
    return records


def files(count):
    return feedback(count, "filenotifications")


print(json.dumps({"send": send, "feedback": feedback, "files": files}[verb](*arguments)))
