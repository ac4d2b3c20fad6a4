"""azure-iot-device's ProvisioningDeviceClient, unmodified, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

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
