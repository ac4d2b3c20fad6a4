"""Registers with azure-iot-device in a process of its own and prints the outcome as JSON.

Arguments: host, id scope, registration id, key (or the folder of device.pem and
device.key), CA file; the port of a local proxy, to go over WebSocket by it.

The SDK's provisioning client has no way to be shut down: its timers outlive it by
half a minute, so the process ends without waiting for them.
"""

import json
import os
import sys
from pathlib import Path

from azure.iot.device import X509, ProvisioningDeviceClient, ProxyOptions

host, scope, registration_id, key, ca_file, *proxy_port = sys.argv[1:]
options = {"server_verification_cert": Path(ca_file).read_text()}
if proxy_port:
    options |= {"websockets": True, "proxy_options": ProxyOptions("HTTP", "127.0.0.1", int(proxy_port[0]))}
if Path(key).is_dir():
    x509 = X509(f"{key}/device.pem", f"{key}/device.key")
    client = ProvisioningDeviceClient.create_from_x509_certificate(
        host, registration_id, scope, x509, **options
    )
else:
    client = ProvisioningDeviceClient.create_from_symmetric_key(host, registration_id, scope, key, **options)
client.provisioning_payload = {"modelId": "dtmi:com:example:Thermostat;1"}
try:
    result = client.register()
    state = result.registration_state
    outcome = {"status": result.status}
    if result.status == "assigned":
        outcome.update(hub=state.assigned_hub, deviceId=state.device_id)
except Exception as error:
    outcome = {"status": type(error).__name__}
print(json.dumps(outcome), flush=True)
os._exit(0)
