"""One local hub for Azure's own SDKs, unmodified.

azure-iot-device always dials port 8883, so the hub listens on a loopback address
of its own, where a hub that a developer runs is not in the way, nor that of another
process of the tests.
"""

import contextlib
import sys
from pathlib import Path

import pytest
from support import MQTT_PORT, own_address

from twinkle_host.hub.live import LiveHub

sys.path.insert(0, str(Path(__file__).parent))

HOST = "contoso.example"


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    """A hub named contoso.example that is dialled at an address of this process."""
    state = tmp_path_factory.mktemp("azure-hub")
    names = (HOST, own_address())
    ports = {"port": MQTT_PORT, "amqp_port": 5671}  # the only ones that Azure's SDKs dial
    with LiveHub(state, bind=own_address(), host_names=names, groups=("second",), **ports) as live:
        yield live


@pytest.fixture
def device_id(hub, request):
    """A registered device of the test's own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:100]
    hub.add(name)
    return name


@pytest.fixture
def service_string(hub, monkeypatch):
    """A service's connection string, whose address this computer dials; the hub's authority is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", hub.info["caFile"])
    return hub.info["serviceConnectionString"].replace(HOST, own_address())


@pytest.fixture
def service(service_string):
    """azure-iot-hub's IoTHubRegistryManager."""
    from azure.iot.hub import IoTHubRegistryManager

    return IoTHubRegistryManager.from_connection_string(service_string)


@pytest.fixture
def device(hub, request):
    """A function that makes connected azure-iot-device clients; they leave at the end."""
    from azure.iot.device import IoTHubDeviceClient

    clients = []

    def make(device_id=None, text=None, connect=True, **options):
        text = text or hub.add(device_id or request.node.name.replace("[", "-").rstrip("]"))
        with open(hub.info["caFile"]) as file:
            options.setdefault("server_verification_cert", file.read())
        client = IoTHubDeviceClient.create_from_connection_string(
            f"{text};GatewayHostName={own_address()}", connection_retry=False, **options
        )
        clients.append(client)
        if connect:
            client.connect()
        return client

    yield make
    for client in clients:
        with contextlib.suppress(Exception):
            client.shutdown()
