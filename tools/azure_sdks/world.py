"""A local hub of its own for the calls: at an address where the ports that Azure's SDKs insist on are free."""

import contextlib
import itertools
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.live import LiveHub

MQTT_PORT, AMQP_PORT, HTTPS_PORT = 8883, 5671, 443
CLAIM_PORT = 8881  # bound, and never listened on, by the process that an address belongs to
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


class World:
    """The hub, and what calls have in common."""

    def __init__(self, hub: LiveHub, address: str, folder: Path):
        self.hub, self.address, self.folder = hub, address, folder
        self._names = itertools.count(1)
        self.told: list[
            dict[str, Any]
        ] = []  # every event of the hub: calls that are under way look for theirs
        hub.call("listen", self.told.append)

    @property
    def service(self) -> str:
        """The service's connection string."""
        return str(self.hub.info["serviceConnectionString"])

    @property
    def provisioning(self) -> str | None:
        """That of the provisioning service; None of a hub that has none."""
        return self.hub.info.get("provisioningConnectionString")

    @property
    def ca(self) -> str:
        """The hub's authority, in PEM."""
        return Path(self.hub.info["caFile"]).read_text()

    def name(self, stem: str) -> str:
        """An id of its own."""
        return f"{stem}-{next(self._names)}"

    def device(self, stem: str = "device", **body: Any) -> str:
        """A new device's id."""
        name = self.name(stem)
        self.hub.call("create_device", name, body)
        return name

    def string(self, device_id: str) -> str:
        """A device's connection string."""
        return str(self.hub.call("connection_string", device_id))

    def certified(self, device_id: str) -> tuple[str, Path]:
        """The thumbprint of a new certificate for an id, and the folder of the certificate and its key."""
        folder = self.folder / device_id
        return make_certificate(folder, device_id), folder


def free_address() -> tuple[str, socket.socket]:
    """A loopback address where no other process has the ports, and the claim to it."""
    for number in range(1, 255):
        address = f"127.0.2.{number}"
        claim = socket.socket()
        try:
            claim.bind((address, CLAIM_PORT))
            for port in (MQTT_PORT, AMQP_PORT, *((HTTPS_PORT,) if may_bind_https() else ())):
                socket.create_server((address, port)).close()
        except OSError:
            claim.close()
            continue
        return address, claim
    raise OSError(f"port {MQTT_PORT} or {AMQP_PORT} is taken on every address from 127.0.2.1 to 127.0.2.254")


def may_bind_https() -> bool:
    """Whether this user may listen on port 443, to which the device SDKs upload files and call methods."""
    try:
        socket.create_server(("127.0.2.255", HTTPS_PORT)).close()
    except PermissionError:
        return False
    return True


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """A hub, and the variables that make its authority known to the SDKs of this process and of its children."""
    address, claim = free_address()
    ports = {"port": MQTT_PORT, "amqp_port": AMQP_PORT, "rest_port": HTTPS_PORT if may_bind_https() else 0}
    hub = LiveHub(folder / "hub", bind=address, host_names=(address, "localhost"), **ports)
    before = {name: os.environ.get(name) for name in CA_VARIABLES}
    with claim, hub:
        os.environ.update(dict.fromkeys(CA_VARIABLES, str(hub.info["caFile"])))
        try:
            yield World(hub, address, folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
