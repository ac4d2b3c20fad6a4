"""The product's own local hub, on this computer's loopback, and the device as it sees it."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from twinkle_host.failure import Failure
from twinkle_host.service.finding import find
from twinkle_host.service.hub import Hub

from .machine import end
from .tree import HOST

DEVICE = "pi"
READY_S = 30.0
SLOW_S = 900.0  # until a command whose work is done in the slow computer has ended
PLAIN = {**os.environ, "NO_COLOR": "1"}  # of the terminal's colours


class LocalHub:
    """A hub with a state of its own, and one device registered there."""

    def __init__(self, twinkle: Path, folder: Path):
        self._twinkle = twinkle
        self.state = folder / "hub"
        self._log = folder / "hub.log"
        self._process: subprocess.Popen | None = None
        self._hub: Hub | None = None

    def start(self) -> None:
        """Start it, on free ports."""
        self._process = subprocess.Popen(
            [
                *(self._twinkle, "hub", "--state", self.state),
                *("--port", "0", "--rest-port", "0", "--amqp-port", "0"),
                *("--host-name", HOST, "--json"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log.open("w"),
            stderr=subprocess.STDOUT,
        )
        end_of_wait = time.monotonic() + READY_S
        while "caFile" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > end_of_wait:
                raise Failure(f"the hub did not start; see {self._log}")
            time.sleep(0.2)
        self._hub = find(None, str(self.state), None)

    def stop(self) -> None:
        """End it."""
        end(self._process)

    @property
    def ca_file(self) -> Path:
        """The authority that signed its certificate."""
        return Path(self._hub.ca_file)

    def add_device(self) -> str:
        """Register the device; its connection string."""
        return self.command("devices", "add", DEVICE, "--gateway", HOST).stdout.strip()

    def command(self, *words: str, limit: float = 120.0) -> subprocess.CompletedProcess:
        """One of the product's commands on this hub."""
        return subprocess.run(
            [self._twinkle, *words, "--state", self.state],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            env=PLAIN,
        )

    def twin(self) -> dict[str, Any]:
        """The device's twin: ``desired``, ``reported``, ``connected``."""
        with self._hub.registry() as registry:
            twin = registry.get_twin(DEVICE)
        reported = twin.properties.reported
        return {
            "desired": twin.properties.desired,
            "reported": {name: value for name, value in reported.items() if not name.startswith("$")},
            "connected": twin.connection_state == "Connected",
        }

    def patch(self, desired: dict[str, Any]) -> None:
        """Change desired properties."""
        self.command("twin", "patch", DEVICE, json.dumps(desired))

    def call(self, name: str, payload: Any = None) -> str:
        """A direct method; what the command said."""
        words = [] if payload is None else [json.dumps(payload)]
        done = self.command("method", DEVICE, name, *words, "--connect-timeout", "30", "--json")
        return (done.stdout + done.stderr).strip()

    def heard(self, seconds: float) -> list[dict[str, Any]]:
        """The device's telemetry in the next ``seconds``."""
        words = ("monitor", "--device", DEVICE, "--only", "telemetry", "--seconds", f"{seconds:g}", "--json")
        return [json.loads(line) for line in self.command(*words).stdout.splitlines()]

    def twinkle(self, *words: str) -> subprocess.CompletedProcess:
        """One of the product's commands that no hub is needed for."""
        return subprocess.run(
            [self._twinkle, *words], capture_output=True, text=True, timeout=SLOW_S, check=False, env=PLAIN
        )
