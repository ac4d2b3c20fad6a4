"""The REST endpoint as curl would use it."""

import json

import requests
from azure.iot.hub.sastoken import SasToken

from twinkle_host.waiting import PATIENCE_S


class Rest:
    """Calls with the token of one policy; the path and what follows it go out as they are written."""

    def __init__(self, hub, policy="iothubowner"):
        self._hub = hub
        text = hub.call("access.connection_string", f"localhost:{hub.info['restPort']}", policy)
        parts = dict(pair.split("=", 1) for pair in text.split(";"))
        self.token = str(SasToken(parts["HostName"], parts["SharedAccessKey"], policy))

    def __call__(self, method, path, body=None, version="2021-04-12", **options):
        headers = {"Authorization": self.token, **options.pop("headers", {})}
        query = f"?api-version={version}" if version and "?" not in path else ""
        return requests.request(
            method,
            f"https://localhost:{self._hub.info['restPort']}{path}{query}",
            data=body if isinstance(body, str | bytes) or body is None else json.dumps(body),
            headers=headers,
            verify=self._hub.info["caFile"],
            timeout=PATIENCE_S,
            **options,
        )
