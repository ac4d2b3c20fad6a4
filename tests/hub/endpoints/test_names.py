"""Which hub: what it is called, and by which name it is dialled."""

import pytest
import requests
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.sastoken import SasToken
from click.testing import CliRunner
from support import own_address
from wire import ACCEPTED, hello, open_tls, token

from twinkle_host.hub import command
from twinkle_host.hub.core.provisioning.tables import INDIVIDUAL
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.server import dialled
from twinkle_host.service.finding import local_hub
from twinkle_host.waiting import PATIENCE_S


def fields(text):
    return dict(part.partition("=")[::2] for part in text.split(";"))


def test_a_hub_on_another_address_publishes_one_that_can_be_dialled(tmp_path, monkeypatch):
    with LiveHub(tmp_path, bind=own_address()) as hub:
        text = hub.info["serviceConnectionString"]
        assert fields(text)["HostName"] == f"{own_address()}:{hub.info['restPort']}"
        assert fields(hub.info["eventHubConnectionString"])["Endpoint"].startswith(f"sb://{own_address()}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", hub.info["caFile"])
        service = IoTHubRegistryManager.from_connection_string(text)
        assert service.create_device_with_sas("shed-7", None, None, "enabled").device_id == "shed-7"


def test_a_hub_has_its_own_name_in_strings_tokens_events_and_assignments(tmp_path):
    """azure-docs, iot-hub-non-telemetry-event-schema.md: ``hubName`` is the hub's; REST reference of DPS:
    ``assignedHub`` likewise."""
    with LiveHub(tmp_path, host_names=("myhub",)) as hub:
        assert hub.info["host"] == "myhub" and hub.info["address"] == "localhost"
        device = fields(hub.add("shed-7"))
        assert device["HostName"] == "myhub"
        assert hub.event("deviceLifecycleEvents")["applicationProperties"]["hubName"] == "myhub"
        service = fields(hub.info["serviceConnectionString"])
        assert service["HostName"] == f"localhost:{hub.info['restPort']}", "which can be dialled"
        for name in ("myhub", service["HostName"]):
            answer = requests.get(
                f"https://{service['HostName']}/devices/shed-7?api-version=2021-04-12",
                headers={"Authorization": str(SasToken(name, service["SharedAccessKey"], "iothubowner"))},
                verify=hub.info["caFile"],
                timeout=PATIENCE_S,
            )
            assert answer.status_code == 200
        with open_tls(hub, "myhub") as sock:
            password = token(hub, "shed-7", resource="myhub/devices/shed-7")
            sock.sendall(
                hello(hub, "shed-7", username="myhub/shed-7/?api-version=2021-04-12", password=password)
            )
            assert sock.recv(4) == ACCEPTED
        hub.enrol("reg-1")
        enrolment = hub.provision("enrolments.tables.get", INDIVIDUAL).find("reg-1")
        assert hub.provision("assign", "reg-1", INDIVIDUAL, enrolment, {})["assignedHub"] == "myhub"


@pytest.mark.parametrize(
    ("where", "host", "gateway"),
    [
        ({}, "localhost", None),
        ({"host_names": ("myhub",)}, "myhub", "localhost"),
        ({"bind": own_address()}, "localhost", own_address()),
    ],
    ids=["on-loopback", "with-a-name", "on-an-address-of-its-own"],  # which is another one in each process
)
def test_devices_strings_carry_the_hubs_name_and_where_it_is_dialled(tmp_path, where, host, gateway):
    """IoT Hub developer guide: a device signs for ``HostName``, and dials ``GatewayHostName`` where there is one."""
    with LiveHub(tmp_path, **where):
        hub = local_hub(str(tmp_path))
    for text in (hub.device_connection_string("d", "k"), hub.registration_connection_string("s", "r", "k")):
        assert (fields(text)["HostName"], fields(text).get("GatewayHostName")) == (host, gateway)
    assert fields(hub.device_connection_string("d", "k", "192.168.1.5"))["GatewayHostName"] == "192.168.1.5"


@pytest.mark.parametrize(
    ("bind", "name"),
    [
        ("127.0.0.1", "localhost"),
        ("::1", "localhost"),
        ("0.0.0.0", "localhost"),
        ("::", "localhost"),
        ("localhost", "localhost"),
        ("127.0.0.5", "127.0.0.5"),
        ("192.168.1.5", "192.168.1.5"),
        ("fd00::5", "[fd00::5]"),
        ("bench.lan", "bench.lan"),
    ],
)
def test_localhost_is_dialled_where_the_hub_listens_there(bind, name):
    assert dialled(bind) == name


@pytest.fixture
def settings(monkeypatch):
    """Run ``twinkle hub`` with arguments; the settings that it would serve, or its result."""

    def run(*arguments):
        served = []

        async def serve(settings, *_):
            served.append(settings)

        monkeypatch.setattr(command, "_serve", serve)
        result = CliRunner().invoke(command.hub, [*arguments, "--state", "unused"])
        return served[0] if served else result

    return run


def test_a_name_is_given_on_the_command_line(settings):
    assert settings().host_names == ("localhost",)
    assert settings("--name", "myhub", "--host-name", "192.168.1.5").host_names == ("myhub", "192.168.1.5")


@pytest.mark.parametrize("name", ["", "my hub", "-x", "a/b", "hub:8443", "x" * 300, "häuschen"])
def test_a_name_that_no_host_can_have_is_refused(settings, name):
    result = settings("--name", name)
    assert result.exit_code == 2 and "--name" in result.output
