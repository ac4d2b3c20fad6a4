"""azure-iot-device, unmodified, at the work of the benchmark: ``azure_device.py CA_FILE [first]``.

With ``first`` it sends one message as soon as it is connected.
"""

import os
import sys
import threading
from pathlib import Path

from azure.iot.device import IoTHubDeviceClient, Message, MethodResponse

from benchmark.work import BODY, CONTENT_ENCODING, CONTENT_TYPE, READY, SEND, VARIABLE

client = IoTHubDeviceClient.create_from_connection_string(
    os.environ[VARIABLE], server_verification_cert=Path(sys.argv[1]).read_text()
)


def send(count):
    for _ in range(count):
        client.send_message(Message(BODY, content_encoding=CONTENT_ENCODING, content_type=CONTENT_TYPE))


def answer(request):
    if request.name == SEND:
        threading.Thread(target=send, args=(request.payload,), daemon=True).start()
    client.send_method_response(MethodResponse.create_from_method_request(request, 200, request.payload))


client.connect()
if "first" in sys.argv:
    send(1)
client.on_method_request_received = answer
print(READY, flush=True)
threading.Event().wait()
