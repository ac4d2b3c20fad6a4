"""A service's program: azure-iot-hub sends a message, or uamqp reads feedback; prints the outcome as JSON.

Arguments: ``send DEVICE BODY PROPERTIES`` or ``feedback COUNT``. SERVICE is the connection string.
"""

import json
import os
import sys

verb, *arguments = sys.argv[1:]
text = os.environ["SERVICE"]


def send(device_id, body, properties):
    from azure.iot.hub import IoTHubRegistryManager

    manager = IoTHubRegistryManager.from_connection_string(text)
    try:
        manager.send_c2d_message(device_id, body, json.loads(properties))
    except Exception as error:
        return str(error)
    return "sent"


def feedback(count):
    import uamqp
    from azure.iot.hub.iothub_amqp_client import IoTHubAmqpClientSharedAccessKeyAuth as Client

    parts = dict(pair.partition("=")[::2] for pair in text.split(";"))
    host = os.environ["HOST"]
    auth = Client(host, parts["SharedAccessKeyName"], parts["SharedAccessKey"]).amqp_client._auth
    receiver = uamqp.ReceiveClient(f"amqps://{host}/messages/serviceBound/feedback", auth=auth)
    records = []
    while len(records) < int(count):
        for message in receiver.receive_message_batch(timeout=1000):
            records += json.loads(b"".join(message.get_data()))
            message.accept()
    receiver.close()
    return records


print(json.dumps({"send": send, "feedback": feedback}[verb](*arguments)))
