"""The hub's part of the numbered scenarios, one test each."""

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


def test_s2_4_and_s2_5_a_stale_etag_is_refused_and_a_star_is_not(stage):
    device = stage.connected()
    etag = stage.hub.get_twin("dev1")["etag"]
    patch = {"properties": {"desired": {"targetTemperature": 42}}}
    stage.hub.patch_twin("dev1", patch, f'"{etag}"')
    device.take()
    try:
        stage.hub.patch_twin("dev1", patch, f'"{etag}"')
    except HubError as error:
        assert (error.status, error.name) == (412, "PreconditionFailed")
    assert device.take() == []
    stage.hub.patch_twin("dev1", patch, '"*"')
    assert device.take()[0][1] == {"targetTemperature": 42, "$version": 3}
