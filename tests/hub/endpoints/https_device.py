"""A device that speaks HTTPS, as curl would."""

import json
from urllib.parse import quote

import requests
from azure.iot.hub.sastoken import SasToken

from twinkle_host.waiting import PATIENCE_S


class Device:
    """One device over HTTPS."""

    def __init__(self, hub, name):
        self.hub = hub
        self.name = name
        hub.add(name)
        self.base = f"https://localhost:{hub.info['restPort']}"
        key = hub.call("get_device", name)["authentication"]["symmetricKey"]["primaryKey"]
        self.token = str(SasToken(f"localhost/devices/{name}", key))

    def ask(self, method, url, body=None, **headers):
        return requests.request(
            method, url, data=body, headers=headers, verify=self.hub.info["caFile"], timeout=PATIENCE_S
        )

    def call(self, method, path, body=None, token=None, query="", **headers):
        """One request to the hub, of this device."""
        address = f"{self.base}/devices/{self.name}/{path}?api-version=2021-04-12{query}"
        return self.ask(method, address, body, Authorization=token or self.token, **headers)

    def post(self, path, body, token=None):
        """The same, of JSON."""
        return self.call("POST", path, json.dumps(body), token)

    def begin(self, name="a.txt"):
        """The answer to a begun upload, and the address to put it to."""
        answer = self.post("files", {"blobName": name})
        assert answer.status_code == 200, answer.text
        made = answer.json()
        return made, (
            f"https://{made['hostName']}/{made['containerName']}/{quote(made['blobName'])}{made['sasToken']}"
        )

    def end(self, made, succeeded=True):
        body = {"isSuccess": succeeded, "statusCode": 201, "statusDescription": "done"}
        return self.post("files/notifications", {**body, "correlationId": made["correlationId"]})
