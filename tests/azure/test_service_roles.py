"""The tutorials' service roles, played by azure-iot-hub, unmodified, towards this project's device.

The device is the real process on either interpreter, the hub the local one.
"""

import datetime
import json

import pytest
from azure.iot.hub import DigitalTwinClient, IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, QuerySpecification, Twin, TwinProperties
from msrest.exceptions import HttpOperationError

from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.waiting import PATIENCE_S, eventually

ACK = "Successfully executed patch"
SINCE = datetime.datetime(2020, 10, 21, 14, 8, 42)
WAITS = (3, PATIENCE_S)  # of a command, in seconds: for a device that is not there, and for its answer


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub that the project's own devices reach by name and port."""
    with LiveHub(tmp_path_factory.mktemp("service-hub")) as live:
        yield live


@pytest.fixture
def service(hub, monkeypatch):
    """IoTHubRegistryManager."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", hub.info["caFile"])
    return IoTHubRegistryManager.from_connection_string(hub.info["serviceConnectionString"])


@pytest.fixture
def digital(hub, service):
    """DigitalTwinClient."""
    return DigitalTwinClient.from_connection_string(hub.info["serviceConnectionString"])


@pytest.fixture(params=["cpython", "micropython"])
def start(request, hub, service, tmp_path):
    """A function that runs an app as a device of this test; answers ``(device id, process)``."""
    running = []

    def run(app, **config):
        device_id = "".join(c if c.isalnum() else "-" for c in request.node.name)[:90]
        made = service.create_device_with_sas(device_id, None, None, "enabled")
        key = made.authentication.symmetric_key.primary_key
        text = f"HostName=localhost;DeviceId={device_id};SharedAccessKey={key};Port={hub.info['mqttPort']}"
        with open(hub.info["caFile"], "rb") as file:
            board = {"app": f"apps.{app}", **config}
            process = DeviceProcess(request.param, tmp_path / "device", text, file.read(), board)
        running.append(process.start())
        process.wait_for(" ready")
        return device_id, process

    yield run
    for process in running:
        process.stop()


def desired(**members):
    return Twin(properties=TwinProperties(desired=members))


def reported(service, device_id):
    return service.get_twin(device_id).properties.reported


def acknowledged(service, device_id, version, component=None):
    """The acknowledgement of ``targetTemperature`` at this version, once it is there."""

    def look():
        found = reported(service, device_id)
        ack = (found.get(component, {}) if component else found).get("targetTemperature")
        return ack if ack and ack["av"] == version else None

    return eventually(look)


def version_of(twin):
    return twin.properties.desired["$version"]


def refused(call):
    with pytest.raises(HttpOperationError) as refusal:
        call()
    return refusal.value.response


def test_s2_1_the_twin_names_the_model(service, start):
    device_id, _ = start("thermostat")
    assert service.get_twin(device_id).additional_properties["modelId"] == "dtmi:com:example:Thermostat;1"


def test_s2_2_a_target_is_written_with_the_etag_and_acknowledged(service, start):
    device_id, _ = start("thermostat")
    twin = service.get_twin(device_id)
    written = service.update_twin(device_id, desired(targetTemperature=42), twin.etag)
    assert written.etag != twin.etag
    ack = acknowledged(service, device_id, version_of(written))
    assert ack == {"value": 42, "ac": 200, "av": version_of(written), "ad": ACK}


def test_s2_4_a_stale_etag_is_refused_and_changes_nothing(service, start):
    device_id, _ = start("thermostat")
    stale = service.get_twin(device_id).etag
    written = service.update_twin(device_id, desired(targetTemperature=41), stale)
    answer = refused(lambda: service.update_twin(device_id, desired(targetTemperature=42), stale))
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (412, "PreconditionFailed")
    assert service.get_twin(device_id).properties.desired["targetTemperature"] == 41
    assert acknowledged(service, device_id, version_of(written))["value"] == 41


def test_s2_5_a_write_without_an_etag_is_unconditional(service, start):
    device_id, _ = start("thermostat")
    for target in (40, 41):
        written = service.update_twin(device_id, desired(targetTemperature=target))
    assert acknowledged(service, device_id, version_of(written))["value"] == 41


def test_s2_9_the_digital_twin_names_device_and_model(service, digital, start):
    device_id, _ = start("temperature_controller")
    twin = digital.get_digital_twin(device_id)
    assert twin["$dtId"] == device_id
    assert twin["$metadata"]["$model"] == "dtmi:com:example:TemperatureController;1"
    eventually(lambda: "serialNumber" in digital.get_digital_twin(device_id))
    raw = digital.protocol.digital_twin.get_digital_twin(device_id, raw=True)
    assert raw.headers["ETag"] == f'"{service.get_twin(device_id).etag}"'


@pytest.mark.parametrize(
    ("app", "component"), [("thermostat", None), ("temperature_controller", "thermostat1")]
)
def test_s2_10_a_json_patch_reaches_the_device_and_its_acknowledgement_is_shown(
    service, digital, start, app, component
):
    device_id, _ = start(app)
    path = f"/{component}/targetTemperature" if component else "/targetTemperature"
    assert digital.update_digital_twin(device_id, [{"op": "add", "path": path, "value": 42}]) is None
    version = version_of(service.get_twin(device_id))
    acknowledged(service, device_id, version, component)
    twin = digital.get_digital_twin(device_id)
    twin = twin[component] if component else twin
    assert twin["targetTemperature"] == 42
    about = twin["$metadata"]["targetTemperature"]
    assert about.pop("lastUpdateTime")
    assert about == {
        "desiredValue": 42,
        "desiredVersion": version,
        "ackVersion": version,
        "ackCode": 200,
        "ackDescription": ACK,
    }
    if component:
        assert service.get_twin(device_id).properties.desired[component]["__t"] == "c"


def test_s2_11_commands_of_the_device_and_of_a_component(service, digital, start, hub):
    device_id, _ = start("thermostat")
    hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    report = digital.invoke_command(device_id, "getMaxMinReport", SINCE, *WAITS)
    assert set(report) == {"maxTemp", "minTemp", "avgTemp", "startTime", "endTime"}
    operations = digital.protocol.digital_twin
    raw = operations.invoke_root_level_command(device_id, "getMaxMinReport", SINCE, *WAITS, raw=True)
    assert raw.headers["x-ms-command-statuscode"] == 200
    raw = operations.invoke_root_level_command(device_id, "noSuchCommand", "", *WAITS, raw=True)
    assert raw.headers["x-ms-command-statuscode"] == 404


def test_s2_11_a_command_of_a_component(digital, start, hub):
    device_id, _ = start("temperature_controller")
    hub.event(
        "Telemetry",
        lambda event: (
            event["deviceId"] == device_id and event["systemProperties"].get("dt-subject") == "thermostat1"
        ),
    )
    report = digital.invoke_component_command(device_id, "thermostat1", "getMaxMinReport", SINCE, *WAITS)
    assert report["minTemp"] <= report["avgTemp"] <= report["maxTemp"]


def test_s2_12_a_command_to_a_device_that_is_away(service, digital):
    service.create_device_with_sas("s2-12-away", None, None, "enabled")
    answer = refused(lambda: digital.invoke_command("s2-12-away", "getMaxMinReport", SINCE, 1, 7))
    assert answer.status_code == 404
    assert json.loads(answer.json()["Message"])["errorCode"] == 404103


def test_s2_10_a_patch_that_is_none_is_refused_by_its_code(service, digital):
    service.create_device_with_sas("s2-10-refused", None, None, "enabled")
    answer = refused(lambda: digital.update_digital_twin("s2-10-refused", [{"op": "move", "path": "/a"}]))
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (400, "InvalidDigitalTwinJsonPatch")


# --- X.3: each tutorial's service, from registration to the last line it prints


def test_x_3_the_twin_tutorial(service, start):
    device_id, _ = start("climate")
    twin = service.get_twin(device_id)

    def send(**members):
        nonlocal twin
        twin = service.update_twin(device_id, desired(**members), twin.etag)

    climate = {"minTemperature": "68", "maxTemperature": "76"}
    twin = service.replace_twin(device_id, desired(), twin.etag)
    send(patchId="Init", fanOn="false", components={"system": {"id": "17"}, "climate": climate})
    send(patchId="Switch fan on", fanOn="true")
    send(patchId="Set maximum temperature", components={"climate": {"maxTemperature": "92"}})
    send(patchId="Add WiFi component", components={"wifi": {"channel": "6", "ssid": "my_network"}})
    send(patchId="Delete WiFi component", components={"wifi": None})
    final = eventually(
        lambda: (found := reported(service, device_id)).get("maxTemperature") == "92" and found
    )
    assert final["lastPatchReceivedId"] in ("Set maximum temperature", "Delete WiFi component")
    assert (final["fanOn"], final["minTemperature"]) == ("true", "68")
    assert set(service.get_twin(device_id).properties.desired["components"]) == {"system", "climate"}


def test_x_3_the_configuration_tutorial(service, start):
    device_id, _ = start("environment")
    service.update_twin(device_id, desired(configId=3, sendFrequency="5m"))
    eventually(lambda: reported(service, device_id).get("configId") == 3)
    assert reported(service, device_id)["sendFrequency"] == "5m"
    rows = service.query_iot_hub(
        QuerySpecification(query=f"SELECT * FROM devices WHERE deviceId = '{device_id}'")
    )
    (row,) = rows.items
    assert row.properties.desired["configId"] == row.properties.reported["configId"] == 3


def test_x_3_the_central_sensors_commands(service, start):
    device_id, process = start("environment")

    def call(name, payload=None):
        answer = service.invoke_device_method(
            device_id, CloudToDeviceMethod(method_name=name, payload=payload)
        )
        return answer.status, answer.payload

    assert call("blink", 5) == (200, {"description": "Blinking LED every 5 seconds"})
    assert call("turnon") == (200, None)
    assert call("turnoff") == (200, None)
    service.update_twin(device_id, desired(name="Contoso"))
    eventually(lambda: (reported(service, device_id).get("name") or {}).get("value") == "Contoso")
    assert process.leds()[-1] == 0.0


def test_x_3_the_reboot_tutorial(service, start):
    device_id, process = start("environment")
    call = CloudToDeviceMethod(
        method_name="rebootDevice", payload='{"method_number":"42"}', response_timeout_in_seconds=30
    )
    answer = service.invoke_device_method(device_id, call)
    assert (answer.status, answer.payload) == (200, {"Response": "This is the response from the device"})
    process.wait_for_end()
    process.start()
    eventually(lambda: "rebootTime" in reported(service, device_id))
    rows = service.query_iot_hub(
        QuerySpecification(query="SELECT * FROM devices WHERE is_defined(properties.reported.rebootTime)")
    )
    assert device_id in [row.device_id for row in rows.items]


def test_a_service_that_asks_too_much_is_told_429(hub, service):
    service.create_device_with_sas("asked-too-often", None, None, "enabled")
    hub.call("throttles.set", 1e-9)  # one of each, and no other in any time
    try:
        service.get_twin("asked-too-often")
        answer = refused(lambda: service.get_twin("asked-too-often"))
    finally:
        hub.call("throttles.set", None)
    assert (answer.status_code, answer.reason) == (429, "Too Many Requests")
    assert answer.headers["iothub-errorcode"] == "ThrottlingException"
