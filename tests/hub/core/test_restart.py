"""After a restart with the same store everything is as it was."""

import json

from harness import HOST, Stage


def test_identities_twins_and_keys_survive(stage):
    device = stage.connected(api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1")
    stage.hub.patch_twin("dev1", {"tags": {"t": [1]}, "properties": {"desired": {"a": {"b": 1}, "c": None}}})
    device.report({"é": "x", "gone": 1})
    device.report({"gone": None})
    stage.device("dev2", status="disabled", statusReason="lost")
    device.session.end(True)
    before = [stage.hub.get_twin("dev1"), stage.hub.get_twin("dev2"), stage.hub.list_devices()]
    strings = [
        stage.hub.access.connection_string(HOST, policy=name) for name in ("iothubowner", "registryRead")
    ]
    stage.start()
    assert [stage.hub.get_twin("dev1"), stage.hub.get_twin("dev2"), stage.hub.list_devices()] == before
    assert [
        stage.hub.access.connection_string(HOST, policy=name) for name in ("iothubowner", "registryRead")
    ] == strings
    device.connect(subscribe=())
    assert device.get()["desired"] == {"a": {"b": 1}, "$version": 2}
    assert (
        stage.hub.patch_twin("dev1", {"tags": {"t": 2}}, before[0]["etag"])["version"]
        == before[0]["version"] + 1
    )


def test_a_hub_that_died_finds_its_devices_disconnected(stage):
    stage.connected()
    stage.start()
    assert stage.hub.get_device("dev1")["connectionState"] == "Disconnected"
    assert stage.hub.statistics()["connectedDeviceCount"] == 0


def test_a_deleted_device_stays_deleted(stage):
    stage.device()
    stage.hub.delete_device("dev1")
    stage.start()
    assert stage.hub.list_devices() == []
    assert set(stage.store.texts) == {"/policies"}


def test_sequence_numbers_go_on(stage):
    device = stage.connected()
    device.session.end(True)
    last = int(stage.events_of("deviceConnectionStateEvents")[-1]["body"]["sequenceNumber"], 16)
    stage.start()
    device.connect()
    assert int(stage.events_of("deviceConnectionStateEvents")[0]["body"]["sequenceNumber"], 16) == last + 1


def test_telemetry_writes_nothing_to_the_store(stage):
    device = stage.connected()
    writes = stage.store.writes
    for _ in range(100):
        device.session.publish("devices/dev1/messages/events/", b"{}", 1)
    assert stage.store.writes == writes


def test_records_are_plain_json_by_id(stage):
    stage.connected()
    for record_id, text in stage.store.texts.items():
        assert json.loads(text)["id"] == record_id


def test_two_hubs_with_different_stores_have_different_keys():
    first, second = Stage(seed=1), Stage(seed=2)
    assert first.hub.access.connection_string(HOST) != second.hub.access.connection_string(HOST)
