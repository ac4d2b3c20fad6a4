"""The local hub in a process of its own, as a user starts it, and a service that talks to it."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path

from twinkle_host.service.hub import Hub as Access
from twinkle_host.waiting import PATIENCE_S

# azure-iot-device knows port 8883 only; an address that nothing else of this project takes.
ADDRESS = "127.0.7.1"
HUB = "localhost"  # its own name, which tokens are signed for
MQTT_PORT = 8883
API = "api-version=2021-04-12"


class HubProcess:
    """``twinkle hub`` with the state in ``state``, on ADDRESS.

    ``stamped``: with a stopwatch, see the module stamped_hub; ``module``: another one to run in its place.
    ``options``: more of its options.
    """

    def __init__(
        self, state: Path, port: int = MQTT_PORT, stamped: bool = False, module: str | None = None, options=()
    ):
        self.state = state
        self._port = port
        self._rest_port = 0
        self._options = options
        self._module = "benchmark.stamped_hub" if stamped else module

    def __enter__(self) -> "HubProcess":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        """Come up (again, on the same ports); returns when it listens."""
        other = [sys.executable, "-m", str(self._module)]
        plain = [Path(sys.executable).with_name("twinkle"), "hub"]
        self._errors = open(self.state.with_suffix(".log"), "w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                *(other if self._module else plain),
                *("--state", str(self.state), "--bind", ADDRESS),
                *("--port", str(self._port), "--rest-port", str(self._rest_port), "--amqp-port", "0"),
                *("--host-name", ADDRESS, "--json", "--quiet", *self._options),
            ],
            # Without this it would become the hub that the user's other commands find.
            env={**os.environ, "XDG_STATE_HOME": str(self.state / "home")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        killer = threading.Timer(PATIENCE_S, self._process.kill)
        killer.start()
        line = self._process.stdout.readline()
        killer.cancel()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = " ".join(self._errors.read().split())
            raise RuntimeError(f"the local hub did not start: {said[-300:] or 'it said nothing'}")
        self.info = json.loads(line)
        self._port, self._rest_port = self.info["mqttPort"], self.info["restPort"]
        self.ca_file = self.info["caFile"]

    def stop(self) -> None:
        """Go down in good order."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise RuntimeError("the local hub did not stop") from None
        finally:
            for end in (self._process.stdin, self._process.stdout, self._errors):
                end.close()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def port(self) -> int:
        """For devices."""
        return self._port

    def take(self) -> dict:
        """What a stamped hub noted since the last time: ``shares`` and ``telemetry``, by device."""
        self._process.stdin.write("take\n")
        self._process.stdin.flush()
        notes = json.loads(self._process.stdout.readline())
        return {"shares": notes["shares"], "telemetry": notes["telemetry"]}

    def service(self) -> "Service":
        """A service that talks to it."""
        text = self.info["serviceConnectionString"].replace(HUB, ADDRESS, 1)
        return Service(Access(text, self.ca_file, self._port))


class Service:
    """A service with one connection that is kept: the REST interface, without an SDK between."""

    def __init__(self, access: Access):
        host, _, port = access.address.partition(":")
        context = ssl.create_default_context(cafile=access.ca_file)
        self._connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=60)
        self._headers = {"Authorization": access.token(), "Content-Type": "application/json"}
        self._access = access

    def ask(self, method: str, path: str, body=None):
        """One request; the answer's JSON. RuntimeError when it is refused."""
        text = None if body is None else json.dumps(body).encode()
        self._connection.request(method, f"{path}?{API}", text, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"the hub answered {answer.status} to {method} {path}: {content[:200]!r}")
        return json.loads(content) if content else None

    def add(self, device_id: str) -> str:
        """Register a device; the connection string that it dials ADDRESS with."""
        identity = self.ask("PUT", f"/devices/{device_id}", {"deviceId": device_id})
        return self.text(device_id, identity["authentication"]["symmetricKey"]["primaryKey"])

    def text(self, device_id: str, key: str) -> str:
        """A device's connection string."""
        parts = f"HostName={HUB};DeviceId={device_id};SharedAccessKey={key};GatewayHostName={ADDRESS}"
        port = self._access.mqtt_port
        return parts if port == MQTT_PORT else f"{parts};Port={port}"

    def call(self, device_id: str, method: str, payload=None):
        """A direct method's answer; RuntimeError unless its status is 200."""
        result = self.ask(
            "POST",
            f"/twins/{device_id}/methods",
            {"methodName": method, "payload": payload, "responseTimeoutInSeconds": 30},
        )
        if result["status"] != 200:
            raise RuntimeError(f"{device_id} answered {method} with {result}")
        return result["payload"]
