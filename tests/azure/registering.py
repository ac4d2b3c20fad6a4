"""azure-iot-device's ProvisioningDeviceClient, unmodified, in a process of its own; and what was assigned connects."""

import json
import subprocess
import sys
from pathlib import Path

from azure.iot.device import X509, IoTHubDeviceClient
from support import own_address

from twinkle_host.waiting import PATIENCE_S

SCRIPT = Path(__file__).with_name("register.py")


def register(hub, registration_id, key, proxy_port=None):
    """What the SDK makes of it: ``{"status", "hub", "deviceId"}``. With a proxy it goes over WebSocket."""
    arguments = [own_address(), hub.info["idScope"], registration_id, key, hub.info["caFile"]]
    if proxy_port is not None:
        arguments.append(str(proxy_port))
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def report_by_certificate(hub, folder, device_id, reported, **how):
    """Connect with the certificate of a folder, report this and leave. ``how``: more of the client's options."""
    with open(hub.info["caFile"]) as file:
        client = IoTHubDeviceClient.create_from_x509_certificate(
            X509(str(folder / "device.pem"), str(folder / "device.key")),
            "contoso.example",
            device_id,
            server_verification_cert=file.read(),
            gateway_hostname=own_address(),
            connection_retry=False,
            **how,
        )
    try:
        client.patch_twin_reported_properties(reported)
    finally:
        client.shutdown()
