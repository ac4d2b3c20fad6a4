"""The hub's part of the numbered scenarios, one test each."""

import json

import pytest

from twinkle_host.hub.core import HubError, MethodResult

RESPONSE = {"Response": "This is the response from the device"}


def reported(stage):
    section = stage.hub.get_twin("dev1")["properties"]["reported"]
    return {key: value for key, value in section.items() if not key.startswith("$")}


def test_s1_9_polling_shows_desired_and_reported(stage):
    device = stage.connected()
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"configId": 3, "sendFrequency": "5m"}}})
    assert device.take() == [
        (
            "$iothub/twin/PATCH/properties/desired/?$version=2",
            {"configId": 3, "sendFrequency": "5m", "$version": 2},
        )
    ]
    seen = []
    for _ in range(10):
        seen.append(reported(stage).get("configId"))
        if len(seen) == 3:
            device.report({"configId": 3, "sendFrequency": "5m"})
        stage.run(30)
    assert seen == [None] * 3 + [3] * 7
    assert stage.hub.get_twin("dev1")["properties"]["desired"]["configId"] == 3


def test_s1_10_the_query_answers_the_one_twin(stage):
    stage.device("myDeviceId")
    stage.device("other")
    rows, continuation, kind = stage.hub.query("SELECT * FROM devices WHERE deviceId = 'myDeviceId'")
    assert rows == [stage.hub.get_twin("myDeviceId")] and continuation is None and kind == "Twin"


def test_s4_5_the_reboot_time_appears_when_it_is_reported(stage):
    device = stage.connected()
    seen = []
    for moment in range(0, 55, 5):
        seen.append(reported(stage).get("rebootTime"))
        if moment == 20:
            device.report({"rebootTime": "2026-11-18 11:07:00.123456"})
        stage.run(5)
    assert seen == [None] * 5 + ["2026-11-18 11:07:00.123456"] * 6


def test_s4_6_a_device_that_needs_too_long_still_reports(stage):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "rebootDevice", '{"method_number":"42"}')
    ((_, rid, payload),) = device.calls()
    assert payload == '{"method_number":"42"}'
    stage.run(31)
    assert (outcomes[0].status, outcomes[0].code) == (504, 504101)
    assert device.report({"rebootTime": "2026-11-18 11:07:00.123456"})[0] == 204
    device.answer(rid, 200, RESPONSE)
    assert len(outcomes) == 1 and "rebootTime" in reported(stage)


def test_s4_8_a_device_that_is_off_or_deaf_is_refused_at_once(stage):
    device = stage.device()
    for _ in range(2):
        try:
            stage.invoke("dev1", "rebootDevice")
        except HubError as error:
            assert (error.status, error.code) == (404, 404103)
        else:
            raise AssertionError("the call was taken")
        device.connect(subscribe=())


def test_s4_9_a_device_that_connects_in_time_gets_the_call(stage):
    device = stage.device()
    outcomes = stage.invoke("dev1", "rebootDevice", connect_timeout=20)
    stage.run(10)
    device.connect()
    device.answer(device.calls()[0][1], 200, RESPONSE)
    assert outcomes == [MethodResult(200, RESPONSE)]


def test_s4_12_the_query_finds_the_devices_that_rebooted(stage):
    device = stage.connected()
    stage.device("dev2")
    query = "SELECT * FROM devices WHERE is_defined(properties.reported.rebootTime)"
    assert stage.hub.query(query)[0] == []
    device.report({"rebootTime": "2026-11-18 11:07:00.123456"})
    assert [row["deviceId"] for row in stage.hub.query(query)[0]] == ["dev1"]


def test_x_1b_a_device_that_is_kicked_off_and_comes_back_silently_misses_nothing_new(stage):
    device = stage.connected()
    device.session.close("kicked off by the test")
    device.connect(subscribe=())
    outcomes = stage.invoke("dev1", "blink")
    ((_, rid, _),) = device.calls()
    device.answer(rid, 200)
    assert outcomes == [MethodResult(200, None)]
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"a": 1}}})
    assert device.take()[0][1]["a"] == 1
    assert device.get()["desired"]["a"] == 1


def test_s2_4_a_stale_etag_is_refused_and_the_device_hears_nothing(stage):
    device = stage.connected()
    etag = stage.hub.get_twin("dev1")["etag"]
    stage.hub.patch_twin("dev1", TARGET, f'"{etag}"')
    device.take()
    with pytest.raises(HubError) as refused:
        stage.hub.patch_twin("dev1", TARGET, f'"{etag}"')
    assert (refused.value.status, refused.value.name) == (412, "PreconditionFailed")
    assert device.take() == []


def test_s2_5_a_star_is_unconditional(stage):
    device = stage.connected()
    for version in (2, 3):
        stage.hub.patch_twin("dev1", TARGET, '"*"')
        assert device.take()[0][1] == {"targetTemperature": 42, "$version": version}


def test_s2_12_a_command_waits_three_seconds_for_a_device_that_is_away(stage):
    stage.device()
    outcomes = stage.invoke("dev1", "getMaxMinReport", "2020-10-21", 7, 3)
    stage.run(2.9)
    assert outcomes == []
    stage.run(0.2)
    assert (outcomes[0].status, outcomes[0].code) == (404, 404103)


def test_s2_13_telemetry_of_the_device_itself_as_an_event(stage):
    thermostat = stage.device("thermostat")
    thermostat.connect(api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1")
    bag = "%24.ct=application%2Fjson&%24.ce=utf-8"
    thermostat.session.publish(f"devices/thermostat/messages/events/{bag}", b'{"temperature": 12}', 1)
    (event,) = stage.events_of("Telemetry")
    system = event["systemProperties"]
    method = json.loads(system.pop("iothub-connection-auth-method"))
    assert (method["scope"], method["type"], method["issuer"]) == ("device", "sas", "iothub")
    generation = stage.hub.get_device("thermostat")["generationId"]
    assert system.pop("iothub-enqueuedtime") == int(stage.clock.utc() * 1000)
    assert system == {
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "iothub-connection-device-id": "thermostat",
        "iothub-connection-auth-generation-id": generation,
        "iothub-message-source": "Telemetry",
        "dt-dataschema": "dtmi:com:example:Thermostat;1",
    }
    assert (event["body"], event["applicationProperties"]) == ({"temperature": 12}, {})


def test_s2_14_telemetry_of_a_component_names_it(stage):
    controller = stage.device("controller")
    model = "dtmi:com:example:TemperatureController;1"
    controller.connect(api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3ATemperatureController%3B1")
    for component, value in (("thermostat1", 45), ("thermostat2", 49)):
        bag = f"%24.sub={component}&%24.ct=application%2Fjson&%24.ce=utf-8"
        body = json.dumps({"temperature": value}).encode()
        controller.session.publish(f"devices/controller/messages/events/{bag}", body, 1)
    seen = [
        (e["systemProperties"]["dt-subject"], e["body"]["temperature"]) for e in stage.events_of("Telemetry")
    ]
    assert seen == [("thermostat1", 45), ("thermostat2", 49)]
    assert {e["systemProperties"]["dt-dataschema"] for e in stage.events_of("Telemetry")} == {model}


TARGET = {"properties": {"desired": {"targetTemperature": 42}}}
