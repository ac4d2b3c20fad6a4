"""S2: Plug and Play, apps `thermostat` and `temperature_controller`, device side."""

import sys

import pytest

EVERY_MINUTE = {"configId": 0, "sendFrequency": "60s"}
THERMOSTAT = "dtmi:com:example:Thermostat;1"
DONE = "Successfully executed patch"
CONTROLLER = "dtmi:com:example:TemperatureController;1"


@pytest.fixture(autouse=True)
def fresh_apps():
    """On CPython the applications live in this process, and must forget the last test."""
    import apps

    for name in ("thermostat", "temperature_controller"):
        sys.modules.pop(f"apps.{name}", None)
        if hasattr(apps, name):
            delattr(apps, name)


def start(world, app, device_id):
    board = world.add(device_id, f"apps.{app}", EVERY_MINUTE)
    world.until(lambda: board.state == "ready")
    world.run(1)
    return board


def thermostat(world):
    return start(world, "thermostat", "thermostat")


def controller(world):
    return start(world, "temperature_controller", "controller")


def version(world, device_id):
    return world.hub.get_twin(device_id)["properties"]["desired"]["$version"]


def test_s2_1_the_twin_knows_the_model(world):
    thermostat(world)
    assert world.hub.get_twin("thermostat")["modelId"] == THERMOSTAT


def test_s2_3_a_target_is_acknowledged(world):
    thermostat(world)
    world.desired("thermostat", {"targetTemperature": 42})
    world.run(1)
    ack = world.reported("thermostat")["targetTemperature"]
    assert ack == {"value": 42, "ac": 200, "av": version(world, "thermostat"), "ad": DONE}


def test_s2_6_a_components_target_is_acknowledged_with_the_marker(world):
    controller(world)
    before = world.reported("controller")["thermostat2"]
    world.desired("controller", {"thermostat1": {"__t": "c", "targetTemperature": 42}})
    world.run(1)
    part = world.reported("controller")["thermostat1"]
    assert part["__t"] == "c"
    expected = {"value": 42, "ac": 200, "av": version(world, "controller"), "ad": DONE}
    assert part["targetTemperature"] == expected
    assert world.reported("controller")["thermostat2"] == before


def measure(world, board, *values):
    """Let the device take these temperatures, a minute apart."""
    for value in values:
        board.temperature = value
        world.run(60)


def test_s2_7_the_report_is_computed_since_the_given_time(world):
    board = thermostat(world)
    measure(world, board, 10.0, 30.0, 20.0)
    results = world.invoke("thermostat", "getMaxMinReport", "2026-11-01T00:00:00.000Z")
    world.run(1)
    report = results[0].payload
    assert results[0].status == 200
    assert (report["maxTemp"], report["minTemp"], report["avgTemp"]) == (30.0, 10.0, 20.38)
    assert report["startTime"] < report["endTime"] and report["endTime"].endswith("Z")


def test_s2_8_a_component_reports_its_own(world):
    board = controller(world)
    board.own_temperature = 55.0
    measure(world, board, 10.0)
    for name, expected in (("thermostat1", 10.0), ("thermostat2", 30.0)):
        results = world.invoke("controller", f"{name}*getMaxMinReport", "2026-11-01T00:00:00Z")
        world.run(1)
        assert results[0].payload["minTemp"] == expected


@pytest.mark.parametrize(
    ("payload", "status"), [("2100-01-01T00:00:00Z", 404), ("soon", 400), (None, 400), (5, 400)]
)
def test_s2_8b_no_sample_is_404_and_a_bad_time_400(world, payload, status):
    thermostat(world)
    results = world.invoke("thermostat", "getMaxMinReport", payload)
    world.run(1)
    assert results[0].status == status and "error" in results[0].payload


def test_s2_13_root_telemetry_has_no_component(world):
    thermostat(world)
    event = next(event for event in world.events if event["source"] == "Telemetry")
    assert event["body"] == {"temperature": 21.5} and event["applicationProperties"] == {}
    system = event["systemProperties"]
    assert system["dt-dataschema"] == THERMOSTAT and "dt-subject" not in system
    assert (system["content-type"], system["content-encoding"]) == ("application/json", "utf-8")


def test_s2_14_each_component_sends_its_own_message(world):
    controller(world)
    told = {
        event["systemProperties"].get("dt-subject"): event["body"]
        for event in world.events
        if event["source"] == "Telemetry"
    }
    assert told == {
        "thermostat1": {"temperature": 21.5},
        "thermostat2": {"temperature": 30.0},
        None: {"workingSet": 64.0},
    }


def test_s2_15_the_greatest_temperature_is_reported_when_it_grows(world):
    board = thermostat(world)
    assert world.reported("thermostat")["maxTempSinceLastReboot"] == 21.5
    measure(world, board, 20.0)
    assert world.reported("thermostat")["maxTempSinceLastReboot"] == 21.5
    measure(world, board, 25.0)
    assert world.reported("thermostat")["maxTempSinceLastReboot"] == 25.0


def test_s2_16_the_controllers_properties_stand_under_their_components(world):
    controller(world)
    reported = world.reported("controller")
    assert reported["thermostat1"]["maxTempSinceLastReboot"] == 21.5
    assert reported["deviceInformation"] == {"__t": "c", "manufacturer": "Contoso"}
    assert reported["serialNumber"] == "unknown"


def test_s2_17_the_first_start_reports_the_devices_own_value(world):
    thermostat(world)
    expected = {"value": 20.0, "ac": 203, "av": 0, "ad": "initialize"}
    assert world.reported("thermostat")["targetTemperature"] == expected


def test_s2_18_a_target_out_of_range_is_refused_with_the_value_in_force(world):
    thermostat(world)
    world.desired("thermostat", {"targetTemperature": 500})
    world.run(1)
    ack = world.reported("thermostat")["targetTemperature"]
    assert (ack["value"], ack["ac"], ack["av"]) == (20.0, 400, version(world, "thermostat"))
    assert "from 5 to 45" in ack["ad"]


def test_the_controllers_reboot_answers_and_waits_for_its_delay(world):
    board = controller(world)
    results = world.invoke("controller", "reboot", 5)
    world.run(1)
    assert results[0].status == 200 and board.restarts == 0
    world.run(6)
    assert board.restarts == 1
    world.until(lambda: "rebootTime" in world.reported("controller"))
