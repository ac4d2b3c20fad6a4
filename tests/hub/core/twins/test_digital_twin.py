"""The digital twin: what the device twin looks like by its model, and JSON Patch over it."""

import json

import pytest
from harness import Stage
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.core import HubError

MODEL = "api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3ATemperatureController%3B1"
START = "2026-11-18T11:06:40Z"
LATER = "2026-11-18T11:06:41Z"


@pytest.fixture
def controller(stage):
    device = stage.connected("dev1", api=MODEL)
    device.take()
    return device


def view(stage):
    return stage.hub.get_digital_twin("dev1")[0]


def patch(stage, *operations):
    return stage.hub.patch_digital_twin("dev1", [*operations])


def add(path, value):
    return {"op": "add", "path": path, "value": value}


def remove(path):
    return {"op": "remove", "path": path}


def desired(stage):
    section = stage.hub.get_twin("dev1")["properties"]["desired"]
    return {name: value for name, value in section.items() if not name.startswith("$")}


def acknowledged(value, code, version, text="Successfully executed patch"):
    return {"value": value, "ac": code, "av": version, "ad": text}


# --- the view


def test_a_fresh_device_shows_its_id_and_its_model(stage, controller):
    assert view(stage) == {
        "$dtId": "dev1",
        "$metadata": {"$model": "dtmi:com:example:TemperatureController;1"},
    }
    stage.device("dev2")
    assert stage.hub.get_digital_twin("dev2")[0] == {"$dtId": "dev2", "$metadata": {"$model": ""}}


def test_reported_acknowledged_and_desired_members_of_root_and_component(stage, controller):
    controller.report({"serialNumber": "alwin", "thermostat1": {"__t": "c", "maxTempSinceLastReboot": 25.3}})
    stage.run(1)
    stage.hub.patch_twin(
        "dev1", {"properties": {"desired": {"thermostat1": {"__t": "c", "targetTemperature": 20.4}}}}
    )
    controller.report({"thermostat1": {"__t": "c", "targetTemperature": acknowledged(20.4, 200, 2)}})
    stage.hub.patch_twin(
        "dev1", {"properties": {"desired": {"thermostat1": {"__t": "c", "targetTemperature": 21.4}}}}
    )
    assert view(stage) == {
        "$dtId": "dev1",
        "serialNumber": "alwin",
        "thermostat1": {
            "maxTempSinceLastReboot": 25.3,
            "targetTemperature": 20.4,
            "$metadata": {
                "targetTemperature": {
                    "desiredValue": 21.4,
                    "desiredVersion": 3,
                    "ackVersion": 2,
                    "ackCode": 200,
                    "ackDescription": "Successfully executed patch",
                    "lastUpdateTime": LATER,
                },
                "maxTempSinceLastReboot": {"lastUpdateTime": START},
            },
        },
        "$metadata": {
            "$model": "dtmi:com:example:TemperatureController;1",
            "serialNumber": {"lastUpdateTime": START},
        },
    }


def test_what_is_only_desired_has_no_value_yet(stage, controller):
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"targetTemperature": 42}}})
    assert view(stage)["$metadata"]["targetTemperature"] == {"desiredValue": 42, "desiredVersion": 2}
    assert "targetTemperature" not in view(stage)


def test_a_result_of_a_long_command_is_no_acknowledgement(stage, controller):
    controller.report({"rundiagnostics": {"value": "complete"}})
    assert view(stage)["rundiagnostics"] == {"value": "complete"}


def test_the_view_shares_nothing_with_the_twin(stage, controller):
    controller.report({"a": {"b": [1]}})
    view(stage)["a"]["b"].append(2)
    assert view(stage)["a"] == {"b": [1]}


# --- patches


def test_s2_10_a_target_is_written_told_and_acknowledged(stage, controller):
    etag = patch(stage, add("/targetTemperature", 42))
    assert etag == stage.hub.get_twin("dev1")["etag"] == stage.hub.get_digital_twin("dev1")[1]
    assert controller.take()[-1][1] == {"targetTemperature": 42, "$version": 2}
    controller.report({"targetTemperature": acknowledged(42, 200, 2)})
    assert view(stage)["targetTemperature"] == 42
    assert view(stage)["$metadata"]["targetTemperature"] == {
        "desiredValue": 42,
        "desiredVersion": 2,
        "ackVersion": 2,
        "ackCode": 200,
        "ackDescription": "Successfully executed patch",
        "lastUpdateTime": START,
    }


def test_s2_10_a_components_target_gets_the_marker(stage, controller):
    patch(stage, add("/thermostat1/targetTemperature", 42))
    told = {"thermostat1": {"__t": "c", "targetTemperature": 42}}
    assert desired(stage) == told
    assert controller.take()[-1][1] == {**told, "$version": 2}


def test_the_operations_of_one_request_are_one_write(stage, controller):
    patch(stage, add("/a", 1), add("/thermostat1/b", 2), remove("/a"), add("/thermostat2/c", 3), add("/d", 4))
    assert desired(stage) == {
        "thermostat1": {"__t": "c", "b": 2},
        "thermostat2": {"__t": "c", "c": 3},
        "d": 4,
    }
    (notification,) = [body for topic, body in controller.take() if "desired" in topic]
    assert notification["$version"] == 2


def test_a_property_that_is_an_object_is_written_whole(stage, controller):
    patch(stage, add("/place", {"x": 1, "y": 2}))
    patch(stage, {"op": "replace", "path": "/place", "value": {"x": 3}})
    assert desired(stage) == {"place": {"x": 3}}


def test_a_component_written_whole_keeps_only_what_is_given(stage, controller):
    patch(stage, add("/thermostat1/a", 1), add("/thermostat1/b", 2))
    patch(stage, add("/thermostat1", {"b": 3, "$metadata": {}}))
    assert desired(stage) == {"thermostat1": {"__t": "c", "b": 3}}
    patch(stage, remove("/thermostat1"), add("/thermostat1/d", 5))
    assert desired(stage) == {"thermostat1": {"__t": "c", "d": 5}}
    patch(stage, remove("/thermostat1"))
    assert desired(stage) == {"thermostat1": {"__t": "c"}}


def test_a_member_that_is_only_reported_can_be_removed_and_nothing_changes(stage, controller):
    controller.report({"targetTemperature": acknowledged(20, 203, 0, "initialize")})
    before = stage.hub.get_twin("dev1")
    assert patch(stage, remove("/targetTemperature")) == before["etag"]
    assert stage.hub.get_twin("dev1") == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, 400505),
        ({}, 400505),
        ([], 400505),
        (["add"], 400505),
        ([{"path": "/a", "value": 1}], 400505),
        ([{"op": "move", "from": "/a", "path": "/b"}], 400505),
        ([{"op": "test", "path": "/a", "value": 1}], 400505),
        ([{"op": "add", "path": "/a"}], 400505),
        ([add("/a", None)], 400505),
        ([add("/a", [1])], 400506),
        ([add("/a", {"b": [1]})], 400506),
        ([add("/a", {"b c": 1})], 400506),
        ([add("/a", {"b": {"c": {"d": {"e": {"f": {}}}}}})], 400506),
        ([add("/known", {"a": 1})], 400506),
        ([add("/known", 5)], 400506),
        ([add("/known", {"a": 1, "$metadata": {"a": {}}})], 400506),
        ([add("/known", {"a_": 1, "$metadata": {}})], 400506),
        ([add("/plain/x", 1)], 400507),
        ([add("/plain", {"$metadata": {}})], 400507),
        ([add("", 1)], 400508),
        ([add("/", 1)], 400508),
        ([add("a", 1)], 400508),
        ([add(5, 1)], 400508),
        ([add("/a/b/c", 1)], 400508),
        ([add("/$metadata", {})], 400508),
        ([add("/$dtId", "x")], 400508),
        ([add("/known/__t", "c")], 400508),
        ([add("/9a", 1)], 400508),
        ([add("/a~1b", 1)], 400508),
        ([add("/" + "a" * 65, 1)], 400508),
        ([{"op": "add", "value": 1}], 400508),
        ([remove("/nothing")], 400508),
        ([remove("/known/nothing")], 400508),
        ([add("/a", 1), remove("/a"), remove("/a")], 400508),
        ([add("/a", "x" * 4097)], 400004),
    ],
)
def test_a_patch_that_is_none_is_refused_whole(stage, controller, body, code):
    patch(stage, add("/known/x", 1), add("/plain", {"y": 2}))
    before = stage.hub.get_twin("dev1")
    if isinstance(body, list) and len(body) == 1:
        body = [add("/good", 1), *body]
    with pytest.raises(HubError) as refused:
        stage.hub.patch_digital_twin("dev1", body)
    assert (refused.value.status, refused.value.code) == (400, code), refused.value.message
    assert stage.hub.get_twin("dev1") == before


def test_the_etag_guards_a_digital_twin(stage, controller):
    etag = patch(stage, add("/a", 1))
    stage.hub.patch_digital_twin("dev1", [add("/a", 2)], etag)
    with pytest.raises(HubError) as refused:
        stage.hub.patch_digital_twin("dev1", [add("/a", 3)], etag)
    assert refused.value.status == 412
    assert desired(stage) == {"a": 2}


names = st.sampled_from(["a", "b", "t1", "t2", "$metadata", "__t", "", "x y"])
values = st.recursive(
    st.none() | st.integers(0, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
operations = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["add", "replace", "remove", "test"]),
        "path": st.lists(names, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts)) | values,
        "value": values,
    },
)


@given(st.lists(st.lists(operations, max_size=3) | values, max_size=6), st.lists(values, max_size=3))
def test_whatever_is_sent_the_view_can_be_read_and_its_changes_are_true(patches, reports):
    stage = Stage()
    device = stage.connected("dev1", api=MODEL)
    shown = view(stage)
    for body in [*patches, *reports]:
        try:
            stage.hub.patch_digital_twin("dev1", body)
        except HubError as refused:
            assert refused.status in (400, 412)
        device.report(body)
    for event in stage.events_of("digitalTwinChangeEvents"):
        for operation in event["body"]:
            follow(shown, operation)
    assert shown == view(stage)


def follow(document, operation):
    """An independent reader of JSON Patch (RFC 6902, objects only)."""
    *way, last = operation["path"].split("/")[1:]
    for name in way:
        document = document[name]
    assert (last in document) == (operation["op"] != "add"), operation
    if operation["op"] == "remove":
        del document[last]
    else:
        document[last] = json.loads(json.dumps(operation["value"]))


# --- change events


def both(stage):
    (twin,), (digital,) = stage.events_of("twinChangeEvents"), stage.events_of("digitalTwinChangeEvents")
    return twin, digital


def test_s2_15_a_reported_property_makes_two_events_of_one_change(stage):
    device = stage.connected(
        "dev1", api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1"
    )
    device.report({"maxTempSinceLastReboot": 10.96})
    twin, digital = both(stage)
    now = {"$lastUpdated": START}
    assert twin["body"] == {
        "version": 3,
        "properties": {
            "reported": {
                "maxTempSinceLastReboot": 10.96,
                "$metadata": {**now, "maxTempSinceLastReboot": now},
                "$version": 2,
            }
        },
    }
    assert digital["body"] == [
        {"op": "add", "path": "/$metadata/maxTempSinceLastReboot", "value": {"lastUpdateTime": START}},
        {"op": "add", "path": "/maxTempSinceLastReboot", "value": 10.96},
    ]
    assert digital["applicationProperties"] == {
        "hubName": "contoso",
        "deviceId": "dev1",
        "operationTimestamp": "2026-11-18T11:06:40+00:00",
        "iothub-message-schema": "digitalTwinChangeNotification",
        "opType": "updateTwin",
    }
    assert twin["applicationProperties"]["operationTimestamp"] == "2026-11-18T11:06:40+00:00"
    system = digital["systemProperties"]
    assert system == {
        "content-type": "application/json-patch+json",
        "content-encoding": "utf-8",
        "user-id": "contoso",
        "correlation-id": twin["systemProperties"]["correlation-id"],
        "iothub-message-source": "digitalTwinChangeEvents",
        "iothub-connection-device-id": "dev1",
        "iothub-enqueuedtime": system["iothub-enqueuedtime"],
    }


def test_s2_16_a_component_that_is_new_is_added_whole(stage, controller):
    controller.report({"thermostat1": {"__t": "c", "maxTempSinceLastReboot": 98.34}})
    twin, digital = both(stage)
    now = {"$lastUpdated": START}
    assert twin["body"]["properties"]["reported"] == {
        "thermostat1": {"maxTempSinceLastReboot": 98.34, "__t": "c"},
        "$metadata": {**now, "thermostat1": {**now, "maxTempSinceLastReboot": now, "__t": now}},
        "$version": 2,
    }
    assert digital["body"] == [
        {
            "op": "add",
            "path": "/thermostat1",
            "value": {
                "$metadata": {"maxTempSinceLastReboot": {"lastUpdateTime": START}},
                "maxTempSinceLastReboot": 98.34,
            },
        }
    ]


def test_a_desired_write_and_its_acknowledgement_as_change_events(stage, controller):
    patch(stage, add("/thermostat1/targetTemperature", 42))
    patch(stage, add("/thermostat1/a", 1))
    controller.report({"thermostat1": {"__t": "c", "targetTemperature": acknowledged(42, 200, 2)}})
    first, second, third = (event["body"] for event in stage.events_of("digitalTwinChangeEvents"))
    assert [operation["path"] for operation in first] == ["/thermostat1"]
    assert second == [
        add("/thermostat1/$metadata/a", {"desiredValue": 1, "desiredVersion": 3}),
    ]
    root = "/thermostat1/$metadata/targetTemperature"
    assert third == [
        add(f"{root}/ackCode", 200),
        add(f"{root}/ackDescription", "Successfully executed patch"),
        add(f"{root}/ackVersion", 2),
        add(f"{root}/lastUpdateTime", START),
        add("/thermostat1/targetTemperature", 42),
    ]


def test_tags_and_devices_without_a_model_make_no_digital_twin_events(stage, controller):
    stage.hub.patch_twin("dev1", {"tags": {"a": 1}})
    stage.connected("dev2").report({"a": 1})
    assert len(stage.events_of("twinChangeEvents")) == 2
    assert stage.events_of("digitalTwinChangeEvents") == []
