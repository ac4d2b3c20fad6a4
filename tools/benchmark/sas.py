"""What a bare MQTT client shows to the hub: user name, token and topics, from a connection string.

"Communicate with an IoT hub using the MQTT protocol", "Control access with shared access signatures".
"""

import base64
import hashlib
import hmac
import time
from urllib.parse import quote

from benchmark.work import CONTENT_ENCODING, CONTENT_TYPE

VALID_S = 3600
PROPERTIES = f"%24.ct={quote(CONTENT_TYPE, '')}&%24.ce={quote(CONTENT_ENCODING, '')}"


class Credentials:
    """One device's."""

    def __init__(self, text: str):
        parts = dict(pair.partition("=")[::2] for pair in text.split(";"))
        host, self.device_id = parts["HostName"], parts["DeviceId"]
        self.dial, self.port = parts.get("GatewayHostName", host), int(parts.get("Port", 8883))
        self.username = f"{host}/{self.device_id}/?api-version=2021-04-12"
        resource, expiry = quote(f"{host}/devices/{self.device_id}", ""), int(time.time()) + VALID_S
        key = base64.b64decode(parts["SharedAccessKey"])
        digest = hmac.new(key, f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
        signature = quote(base64.b64encode(digest).decode(), "")
        self.password = f"SharedAccessSignature sr={resource}&sig={signature}&se={expiry}"
        self.telemetry = f"devices/{self.device_id}/messages/events/{PROPERTIES}"
