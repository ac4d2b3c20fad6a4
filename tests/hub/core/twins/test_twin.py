"""Device twins: counters, writes of both sides, and what the device is told."""

import json

import pytest
from harness import DESIRED, METHODS, TWIN

from twinkle_host.hub.core import ConnectRefused, HubError
from twinkle_host.hub.core.times import iso


def counters(stage):
    twin = stage.hub.get_twin("dev1")
    properties = twin["properties"]
    return (
        twin["etag"],
        twin["version"],
        properties["desired"]["$version"],
        properties["reported"]["$version"],
    )


def desired(patch):
    return {"properties": {"desired": patch}}


def data(section):
    return {key: value for key, value in section.items() if not key.startswith("$")}


# --- shape and counters


def test_a_fresh_twin(stage):
    """azure-sdk-for-net, SessionRecords of Azure.Iot.Hub.Service, DevicesClient_ and ModulesClient_DeviceTwinLifecycle:
    a device's twin says when it was made, a module's does not."""
    stage.device()
    stage.hub.create_device("dev1", module_id="m")
    of_module = stage.hub.get_twin("dev1", "m")["properties"]
    unknown = {"$metadata": {"$lastUpdated": "0001-01-01T00:00:00Z"}, "$version": 1}
    assert of_module == {"desired": unknown, "reported": unknown}
    twin = stage.hub.get_twin("dev1")
    identity = stage.hub.get_device("dev1")
    fresh = {"$metadata": {"$lastUpdated": iso(stage.clock.utc())}, "$version": 1}
    assert twin == {
        "deviceId": "dev1",
        "etag": "AAAAAAAAAAE=",
        "deviceEtag": identity["etag"],
        "status": "enabled",
        "statusUpdateTime": "0001-01-01T00:00:00Z",
        "connectionState": "Disconnected",
        "lastActivityTime": "0001-01-01T00:00:00Z",
        "cloudToDeviceMessageCount": 0,
        "authenticationType": "sas",
        "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
        "version": 2,
        "properties": {"desired": fresh, "reported": fresh},
        "capabilities": {"iotEdge": False},
    }


def test_a_modules_fresh_twin_has_no_time(stage):
    """As recorded there, ModulesClient_UpdateModuleTwin_EtagDoesNotMatch."""
    stage.device()
    stage.hub.create_device("dev1", {}, module_id="m")
    fresh = {"$metadata": {"$lastUpdated": "0001-01-01T00:00:00Z"}, "$version": 1}
    assert stage.hub.get_twin("dev1", "m")["properties"] == {"desired": fresh, "reported": fresh}


def test_what_a_twin_begins_with_is_no_write_of_it(stage):
    """As recorded there, DevicesClient_BulkCreation_DeviceWithTwin."""
    stage.hub.create_device("dev1", {}, {"tags": {"t": 1}, **desired({"user": "userA"})})
    twin = stage.hub.get_twin("dev1")
    never = {"$lastUpdated": "0001-01-01T00:00:00Z", "$lastUpdatedVersion": 1}
    assert (twin["etag"], twin["version"], twin["tags"]) == ("AAAAAAAAAAE=", 2, {"t": 1})
    assert twin["properties"] == {
        "desired": {"user": "userA", "$metadata": {**never, "user": never}, "$version": 1},
        "reported": {"$metadata": {"$lastUpdated": iso(stage.clock.utc())}, "$version": 1},
    }
    stage.hub.patch_twin("dev1", desired({"user": "userB"}))
    assert counters(stage) == ("AAAAAAAAAAI=", 3, 2, 1)


def test_each_kind_of_write_moves_its_own_counters(stage):
    device = stage.connected()
    assert counters(stage) == ("AAAAAAAAAAE=", 2, 1, 1)
    device.report({"a": 1})
    assert counters(stage) == ("AAAAAAAAAAE=", 3, 1, 2)
    device.report({"a": 2})
    assert counters(stage) == ("AAAAAAAAAAE=", 4, 1, 3)
    stage.hub.patch_twin("dev1", {"tags": {"plant": "Redmond43"}})
    assert counters(stage) == ("AAAAAAAAAAI=", 5, 1, 3)
    stage.hub.patch_twin("dev1", {"tags": {"plant": "x"}, **desired({"a": 1, "b": 2})})
    assert counters(stage) == ("AAAAAAAAAAM=", 6, 2, 3)
    stage.hub.replace_twin("dev1", desired({"a": 1}))
    assert counters(stage) == ("AAAAAAAAAAQ=", 7, 3, 3)


def test_equal_values_count_and_notify_all_the_same(stage):
    device = stage.connected()
    stage.hub.patch_twin("dev1", desired({"a": 1}))
    device.take()
    stage.hub.patch_twin("dev1", desired({"a": 1}))
    assert counters(stage) == ("AAAAAAAAAAM=", 4, 3, 1)
    assert device.take() == [("$iothub/twin/PATCH/properties/desired/?$version=3", {"a": 1, "$version": 3})]
    device.report({"x": 1})
    device.report({"x": 1})
    assert device.report({})[1].endswith("&$version=4")


@pytest.mark.parametrize("patch", [{}, {"gone": None}, {"e": {}}, {"o": {"gone": None}}, {"o": {}}])
def test_a_patch_without_any_effect_moves_nothing_and_is_not_told(stage, patch):
    device = stage.connected()
    stage.hub.patch_twin("dev1", desired({"e": {}, "o": {"x": 1}}))
    before = stage.hub.get_twin("dev1")
    device.take()
    assert stage.hub.patch_twin("dev1", desired(patch)) == before
    assert device.take() == []


def test_tags_alone_are_not_told_to_the_device(stage):
    device = stage.connected()
    twin = stage.hub.patch_twin("dev1", {"tags": {"location": {"plant": "Redmond43"}}})
    assert twin["tags"] == {"location": {"plant": "Redmond43"}}
    assert device.take() == []
    assert "tags" not in stage.hub.patch_twin("dev1", {"tags": None})


# --- metadata


def test_metadata_of_desired_carries_time_and_version_at_every_level(stage):
    stage.device()
    stage.hub.patch_twin("dev1", desired({"a": {"b": 1, "c": 2}}))
    stage.run(1.25)
    twin = stage.hub.patch_twin("dev1", desired({"a": {"b": 3}, "list": [1, {"x": 1}]}))
    old = {"$lastUpdated": "2026-11-18T11:06:40Z", "$lastUpdatedVersion": 2}
    new = {"$lastUpdated": "2026-11-18T11:06:41.25Z", "$lastUpdatedVersion": 3}
    assert twin["properties"]["desired"] == {
        "a": {"b": 3, "c": 2},
        "list": [1, {"x": 1}],
        "$metadata": {**new, "a": {**new, "b": new, "c": old}, "list": new},
        "$version": 3,
    }


def test_metadata_of_reported_carries_the_time_only(stage):
    device = stage.connected()
    device.report({"maxTemp": 10.96})
    now = {"$lastUpdated": "2026-11-18T11:06:40Z"}
    assert stage.hub.get_twin("dev1")["properties"]["reported"] == {
        "maxTemp": 10.96,
        "$metadata": {**now, "maxTemp": now},
        "$version": 2,
    }


# --- the service's writes


def test_null_deletes_and_a_whole_section_can_be_emptied(stage):
    device = stage.connected()
    stage.hub.patch_twin(
        "dev1", desired({"patchId": "Init", "fanOn": "false", "components": {"system": {"id": "17"}}})
    )
    device.take()
    twin = stage.hub.patch_twin("dev1", {"properties": {"desired": None}})
    section = twin["properties"]["desired"]
    assert data(section) == {} and set(section["$metadata"]) == {"$lastUpdated", "$lastUpdatedVersion"}
    assert device.take() == [
        (
            "$iothub/twin/PATCH/properties/desired/?$version=3",
            {"patchId": None, "fanOn": None, "components": None, "$version": 3},
        )
    ]
    stage.hub.patch_twin("dev1", {"properties": {"desired": None}})
    assert device.take() == []


def test_a_replacement_is_told_with_nulls(stage):
    device = stage.connected()
    stage.hub.patch_twin("dev1", {"tags": {"t": 1}, **desired({"a": 1, "b": 2})})
    device.take()
    twin = stage.hub.replace_twin("dev1", desired({"a": 1, "c": 100}))
    assert data(twin["properties"]["desired"]) == {"a": 1, "c": 100}
    assert twin["tags"] == {"t": 1}, "a section that is not mentioned stays"
    assert device.take() == [
        ("$iothub/twin/PATCH/properties/desired/?$version=3", {"a": 1, "b": None, "c": 100, "$version": 3})
    ]
    assert stage.hub.replace_twin("dev1", {"tags": {"u": {"v": None}}})["tags"] == {"u": {}}


@pytest.mark.parametrize(
    "body",
    [
        {"desiredProperties": {"a": 1}},
        {"etag": "*", "desired": {"building": "43", "floor": 3}},
        {"properties": {"desired": {}, "desiredProperties": {"a": 1}}},
        {"tag": {"a": 1}, "properties": {"desired": {"a": 1}}},
    ],
)
def test_a_member_that_no_twin_has_is_refused_and_named(stage, body):
    """azure-iot-sdk-node issue 44: a patch with ``desired`` at its root is BadRequest, ArgumentInvalid."""
    stage.device()
    before = stage.hub.get_twin("dev1")
    for write in (stage.hub.patch_twin, stage.hub.replace_twin):
        with pytest.raises(HubError, match=r"'desiredProperties'|'desired'|'tag'") as refused:
            write("dev1", body)
        assert refused.value.code == 400004
    assert stage.hub.get_twin("dev1") == before


def test_read_only_members_that_clients_echo_are_ignored(stage):
    device = stage.connected()
    stage.hub.patch_twin("dev1", desired({"a": 1}))
    device.report({"r": 1})
    twin = stage.hub.get_twin("dev1")
    twin["properties"]["desired"]["a"] = 2
    twin.update(deviceId="other", version=99, modelId="dtmi:x;1", connectionState="Dancing")
    # What other twins may have, by the model Twin of azure-iot-hub 2.7.
    twin.update(moduleId=None, configurations={}, deviceScope="x", parentScopes=[], statusReason=None)
    after = stage.hub.patch_twin("dev1", twin, f'"{twin["etag"]}"')
    assert data(after["properties"]["desired"]) == {"a": 2}
    assert data(after["properties"]["reported"]) == {"r": 1}
    assert (after["deviceId"], after["version"]) == ("dev1", 5)
    assert "modelId" not in after


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {"tags": 1},
        {"tags": []},
        {"properties": []},
        {"properties": {"desired": 5}},
        {"properties": {"desired": [1]}},
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(stage, body):
    stage.device()
    before = stage.hub.get_twin("dev1")
    for write in (stage.hub.patch_twin, stage.hub.replace_twin):
        with pytest.raises(HubError) as refused:
            write("dev1", body)
        assert refused.value.code == 400004
    assert stage.hub.get_twin("dev1") == before


def test_a_stale_etag_is_412_and_nothing_happens(stage):
    device = stage.connected()
    etag = stage.hub.get_twin("dev1")["etag"]
    stage.hub.patch_twin("dev1", desired({"a": 1}), etag)
    device.take()
    before = stage.hub.get_twin("dev1")
    for spelling in (etag, f'"{etag}"'):
        with pytest.raises(HubError) as refused:
            stage.hub.patch_twin("dev1", desired({"a": 2}), spelling)
        assert (refused.value.status, refused.value.code) == (412, 412001)
    assert stage.hub.get_twin("dev1") == before and device.take() == []
    stage.hub.patch_twin("dev1", desired({"a": 2}), '"*"')


def test_reported_writes_do_not_move_the_etag(stage):
    device = stage.connected()
    etag = stage.hub.get_twin("dev1")["etag"]
    for number in range(5):
        device.report({"n": number})
        etag = stage.hub.patch_twin("dev1", desired({"n": number}), etag)["etag"]


def test_answers_and_arguments_are_not_shared_with_the_twin(stage):
    device = stage.connected()
    body = desired({"a": {"b": [1]}})
    answer = stage.hub.patch_twin("dev1", body)
    kept = json.dumps(stage.hub.get_twin("dev1"))
    body["properties"]["desired"]["a"]["b"].append(2)
    answer["properties"]["desired"]["a"]["b"].append(3)
    answer["properties"]["desired"]["$metadata"]["a"]["$lastUpdated"] = "never"
    for event in stage.events:
        event["body"].clear()
    assert json.dumps(stage.hub.get_twin("dev1")) == kept
    assert device.get()["desired"]["a"] == {"b": [1]}


def test_an_unknown_device_has_no_twin(stage):
    for call in (
        stage.hub.get_twin,
        lambda i: stage.hub.patch_twin(i, {}),
        lambda i: stage.hub.replace_twin(i, {}),
    ):
        with pytest.raises(HubError) as refused:
            call("dev1")
        assert refused.value.code == 404001


# --- the device's side


def test_the_device_reads_both_sections_without_metadata(stage):
    device = stage.connected()
    stage.hub.patch_twin("dev1", {"tags": {"secret": 1}, **desired({"a": {"b": 1}})})
    device.report({"r": "é"})
    assert device.get() == {"desired": {"a": {"b": 1}, "$version": 2}, "reported": {"r": "é", "$version": 2}}


def test_the_body_of_a_read_does_not_matter(stage):
    device = stage.connected()
    assert device.request("$iothub/twin/GET/?$rid={rid}", b" ")[0] == 200
    assert device.request("$iothub/twin/GET/?%24rid={rid}", b"{garbage")[0] == 200


def test_the_answer_carries_the_request_id_as_sent_and_first(stage):
    device = stage.connected()
    rid = "5b7aa1f2-6d3c-4a6f-9a53-0c1d2e3f4a5b"
    device.session.publish(f"$iothub/twin/PATCH/properties/reported/?$rid={rid}", b'{"a":1}', 1)
    assert device.wire.sent[-1] == (f"$iothub/twin/res/204/?$rid={rid}&$version=2", b"", 0)
    device.session.publish("$iothub/twin/GET/?$rid=a%20b", b"", 1)
    assert device.wire.sent[-1][0] == "$iothub/twin/res/200/?$rid=a%20b"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[1]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b'{"$x":1}', "key"),
        (b'{"a.b":1}', "key"),
        (b'{"a":4503599627370496}', "integer"),
    ],
)
def test_a_bad_report_is_400_with_the_documented_body_and_the_device_stays(stage, payload, words):
    device = stage.connected()
    status, topic, body = device.report(payload)
    assert status == 400 and "$version" not in topic
    assert set(body) == {"errorCode", "trackingId", "message", "timestampUtc"}
    assert body["errorCode"] == 400004 and words in body["message"]
    assert body["timestampUtc"] == "2026-11-18T11:06:40Z"
    assert len(body["trackingId"].partition("-")[0]) == 32
    assert device.wire.closed is None and counters(stage)[3] == 1
    assert any("twin write" in reason for reason in stage.told("requestRefused"))


def test_the_hubs_own_members_in_a_report_are_not_data(stage):
    device = stage.connected()
    assert device.report({"a": 1, "$version": 7, "$metadata": {"x": 1}})[0] == 204
    assert device.get()["reported"] == {"a": 1, "$version": 2}


def test_a_report_may_demand_a_version(stage):
    device = stage.connected()
    topic = "$iothub/twin/PATCH/properties/reported/?$rid={{rid}}&$version={}"
    assert device.request(topic.format(1), {"a": 1})[0] == 204
    status, _, body = device.request(topic.format(1), {"a": 2})
    assert (status, body["errorCode"]) == (412, 412001)
    assert device.get()["reported"] == {"a": 1, "$version": 2}


def test_answers_are_lost_without_the_subscription(stage):
    device = stage.device()
    device.connect(subscribe=(DESIRED, METHODS))
    device.session.publish("$iothub/twin/GET/?$rid=1", b"", 1)
    device.session.publish("$iothub/twin/PATCH/properties/reported/?$rid=2", b'{"a":1}', 1)
    assert device.wire.sent == []
    assert data(stage.hub.get_twin("dev1")["properties"]["reported"]) == {"a": 1}


def test_changes_while_the_device_is_away_or_not_listening_are_never_replayed(stage):
    device = stage.device()
    stage.hub.patch_twin("dev1", desired({"a": 1}))
    device.connect(subscribe=(TWIN,))
    stage.hub.patch_twin("dev1", desired({"a": 2}))
    device.session.subscribe([(DESIRED, 1)])
    assert device.take() == []
    stage.hub.patch_twin("dev1", desired({"a": 3}))
    assert device.take() == [("$iothub/twin/PATCH/properties/desired/?$version=4", {"a": 3, "$version": 4})]


def test_a_device_that_reports_inside_the_notification_sees_its_write_after_the_commit(stage):
    device = stage.connected()
    send = device.wire.send

    def answering(topic, payload, qos):
        send(topic, payload, qos)
        if "desired" in topic:
            device.session.publish("$iothub/twin/PATCH/properties/reported/?$rid=x", payload, 1)

    device.wire.send = answering
    answer = stage.hub.patch_twin("dev1", desired({"a": 1}))
    assert answer["properties"]["reported"]["$version"] == 1
    assert data(stage.hub.get_twin("dev1")["properties"]["reported"]) == {"a": 1}


def test_a_write_that_cannot_be_stored_did_not_happen(stage):
    device = stage.connected()
    before = stage.hub.get_twin("dev1")
    identity = stage.hub.get_device("dev1")
    save, stage.store.save = stage.store.save, _full_disk
    for write in (
        lambda: stage.hub.patch_twin("dev1", {"tags": {"t": 1}, **desired({"a": 1})}),
        lambda: stage.hub.update_device("dev1", {"statusReason": "x"}),
        lambda: stage.hub.create_device("dev2"),
    ):
        with pytest.raises(HubError, match="the disk is full") as refused:
            write()
        assert (refused.value.status, refused.value.code) == (500, 500001)
    status, _, body = device.report({"a": 1})
    assert (status, body["errorCode"]) == (500, 500001)
    assert stage.hub.get_twin("dev1") == before and stage.hub.get_device("dev1") == identity
    assert device.take() == []
    stage.store.save = save
    assert device.report({"a": 1})[0] == 204
    stage.hub.create_device("dev2")


def test_a_full_disk_does_not_break_a_live_connection_and_refuses_new_ones_for_now(stage):
    device = stage.connected(subscribe=(TWIN,))
    save, stage.store.save = stage.store.save, _full_disk
    assert device.session.subscribe([(DESIRED, 1)]) == [1]
    device.session.end(False)
    assert len(stage.told("storeFailed")) == 2
    with pytest.raises(ConnectRefused) as refused:
        device.connect()
    assert refused.value.code == 3 and "the disk is full" in refused.value.reason
    assert stage.hub.get_device("dev1")["connectionState"] == "Disconnected"
    stage.store.save = save
    device.connect(subscribe=())
    stage.hub.patch_twin("dev1", desired({"a": 1}))
    assert len(device.take()) == 1


def _full_disk(record):
    raise OSError("the disk is full")
