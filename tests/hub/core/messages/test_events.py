"""What watchers are told, beside telemetry."""

import json

import pytest
from harness import HOST

from twinkle_host.hub.core import ROUTES, Hub, MemoryStore


def test_a_twin_change_event_has_the_documented_body(stage):
    device = stage.connected()
    device.report({"maxTempSinceLastReboot": 10.96})
    now = {"$lastUpdated": "2026-11-18T11:06:40Z"}
    (event,) = stage.events_of("twinChangeEvents")
    assert event["body"] == {
        "version": 3,
        "properties": {
            "reported": {
                "maxTempSinceLastReboot": 10.96,
                "$metadata": {**now, "maxTempSinceLastReboot": now},
                "$version": 2,
            }
        },
    }
    assert event["applicationProperties"] == {
        "hubName": HOST.partition(".")[0],
        "deviceId": "dev1",
        "operationTimestamp": "2026-11-18T11:06:40+00:00",
        "iothub-message-schema": "twinChangeNotification",
        "opType": "updateTwin",
    }
    system = event["systemProperties"]
    assert (
        system["iothub-message-source"] == "twinChangeEvents" and system["content-type"] == "application/json"
    )


def test_a_component_change_carries_the_metadata_of_the_changed_members_only(stage):
    device = stage.connected()
    device.report({"serial": "x", "thermostat1": {"__t": "c", "a": 1}})
    stage.run(1)
    device.report({"thermostat1": {"__t": "c", "maxTempSinceLastReboot": 98.34}})
    now = {"$lastUpdated": "2026-11-18T11:06:41Z"}
    assert stage.events_of("twinChangeEvents")[1]["body"] == {
        "version": 4,
        "properties": {
            "reported": {
                "thermostat1": {"__t": "c", "maxTempSinceLastReboot": 98.34},
                "$metadata": {**now, "thermostat1": {**now, "__t": now, "maxTempSinceLastReboot": now}},
                "$version": 3,
            }
        },
    }


def test_service_writes_are_events_too_and_replacements_carry_the_whole_twin(stage):
    stage.device()
    stage.hub.patch_twin("dev1", {"tags": {"a": None}})
    stage.hub.patch_twin("dev1", {"tags": {"a": 1}})
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"x": 1}}})
    stage.hub.replace_twin("dev1", {"properties": {"desired": {"y": 1}}})
    events = stage.events_of("twinChangeEvents")
    assert [event["applicationProperties"]["opType"] for event in events] == [
        "updateTwin",
        "updateTwin",
        "replaceTwin",
    ]
    assert events[0]["body"] == {"version": 3, "tags": {"a": 1}}
    assert events[1]["body"]["properties"]["desired"]["$version"] == 2
    assert events[2]["body"] == told_of(stage.hub.get_twin("dev1"))


def told_of(twin):
    """What of a twin is the body of an event about all of it (iot-hub-non-telemetry-event-schema.md): "the device ID
    and module ID, the twin etag, the version property, and all the tags, properties, and associated metadata"."""
    return {
        name: twin[name]
        for name in ("deviceId", "moduleId", "etag", "version", "tags", "properties")
        if name in twin
    }


def test_deleted_members_are_null_in_the_event(stage):
    device = stage.connected()
    device.report({"a": 1})
    device.report({"a": None})
    reported = stage.events_of("twinChangeEvents")[1]["body"]["properties"]["reported"]
    assert reported["a"] is None and "a" not in reported["$metadata"]


@pytest.mark.parametrize("module_id", [None, "m"])
def test_identities_that_come_and_go_are_events_with_the_twin(stage, module_id):
    if module_id is not None:
        stage.device()
        stage.events.clear()
    stage.hub.create_device("dev1", module_id=module_id)
    twin = stage.hub.get_twin("dev1", module_id)
    stage.hub.delete_device("dev1", module_id=module_id)
    created, deleted = stage.events_of("deviceLifecycleEvents")
    assert created["applicationProperties"]["opType"] == "createDeviceIdentity"
    assert deleted["applicationProperties"]["opType"] == "deleteDeviceIdentity"
    assert created["body"] == deleted["body"] == told_of(twin) and created.get("moduleId") == module_id


def test_each_notification_has_an_id_of_its_own(stage):
    """iot-hub-non-telemetry-event-schema.md, common system properties: "correlation-id: A unique ID that identifies
    the event"; the examples of connection state and life cycle have one, too."""
    device = stage.connected()
    device.report({"a": 1})
    sources = ("deviceLifecycleEvents", "deviceConnectionStateEvents", "twinChangeEvents")
    ids = [
        event["systemProperties"]["correlation-id"] for source in sources for event in stage.events_of(source)
    ]
    assert len(set(ids)) == 3


def test_a_listener_hears_until_it_is_taken_away(stage):
    heard = []
    stop = stage.hub.listen(heard.append)
    stage.device("a")
    stop()
    stop()
    stage.device("b")
    assert [event["deviceId"] for event in heard] == ["a"]


def test_a_listener_may_leave_while_it_hears(stage):
    heard = []

    def once(event):
        heard.append(event)
        stop()

    stop = stage.hub.listen(once)
    stage.device("a")
    stage.device("b")
    assert len(heard) == 1


def test_every_event_is_json(stage):
    device = stage.connected()
    device.session.publish("devices/dev1/messages/events/a=b", b"\xff")
    device.report({"a": 1})
    device.report(b"{")
    device.session.subscribe([("#", 0)])
    device.session.publish("nowhere", b"")
    assert len(stage.events) >= 7
    key = stage.hub.get_device("dev1")["authentication"]["symmetricKey"]["primaryKey"]
    for event in stage.events:
        assert key not in json.dumps(event)
        assert set(event) == {
            "source",
            "deviceId",
            "enqueuedTime",
            "systemProperties",
            "applicationProperties",
            "bodyType",
            "body",
        }


class Log:
    """Keeps the sources of what it is given."""

    def __init__(self):
        self.sources = []

    def append(self, device_id, system, application, body, utc):
        self.sources.append(system["iothub-message-source"])


def test_what_is_kept_for_readers_is_telemetry_and_what_a_route_was_made_for(stage):
    """Azure's own programs take each event of the built-in endpoint for telemetry, unless they made a route."""
    kept = {}
    for routes in ((), ("twinChangeEvents",), ROUTES):
        log = Log()
        stage.hub = Hub(HOST, stage.clock, MemoryStore(), bytes, log=log, routes=routes)
        device = stage.connected(api="api-version=2020-09-30&model-id=dtmi%3Aa%3Ab%3B1")
        device.session.publish("devices/dev1/messages/events/", b"{}", 1)
        device.report({"a": 1})
        kept[routes] = log.sources
    assert kept[()] == ["Telemetry"]
    assert kept[("twinChangeEvents",)] == ["Telemetry", "twinChangeEvents"]
    assert set(kept[ROUTES]) == {"Telemetry", *ROUTES}
