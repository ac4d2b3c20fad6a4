"""Configurations: content that the hub gives to each twin that fulfils a condition, and takes away again.

The right answers: azure-docs, iot-hub-automatic-device-management-portal.md and -cli.md (here "the guide") and
iot-hub-devguide-quotas-throttling.md; troubleshoot-error-codes.md for numbers; the models of azure-iot-hub 2.7.
"""

import re

import pytest
from harness import Device, Stage, refused
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.core.fleet.placing import difference
from twinkle_host.hub.core.jsontext import encode
from twinkle_host.hub.core.times import iso
from twinkle_host.hub.core.twins.merge import merge, strip

WINTER = {"deviceContent": {"properties.desired.chiller": {"temperature": 38, "pressure": 78}}}


def create(stage, name="winter", condition="tags.env = 'test'", content=WINTER, **changes):
    body = {"id": name, "content": content, "targetCondition": condition, "priority": 10, **changes}
    return stage.hub.configurations.create(name, body)


def content(**places):
    """A content for devices: paths with two underscores for each dot, below properties.desired."""
    return {
        "deviceContent": {
            f"properties.desired.{path.replace('__', '.')}": value for path, value in places.items()
        }
    }


def desired(stage, device_id="d0", module_id=None):
    section = stage.hub.get_twin(device_id, module_id)["properties"]["desired"]
    return {name: value for name, value in section.items() if not name.startswith("$")}


def states(stage, device_id="d0"):
    found = stage.hub.get_twin(device_id).get("configurations", {})
    return {name: told["status"] for name, told in found.items()}


def tag(stage, *device_ids, **tags):
    for device_id in device_ids:
        stage.hub.patch_twin(device_id, {"tags": tags})
    stage.run(1)


def counts(stage, name="winter"):
    view = stage.hub.configurations.get(name)
    return {**view["systemMetrics"]["results"], **view["metrics"]["results"]}


@pytest.fixture
def fleet(stage):
    """Five devices, of which the first two are in the test environment."""
    for number in range(5):
        stage.device(f"d{number}")
    tag(stage, "d0", "d1", env="test")
    return stage


# --- what is asked for


def test_a_configuration_is_answered_with_the_members_of_the_model(fleet):
    """Model Configuration; the system's metrics and their queries are the hub's own."""
    queries = {"Compliant": "select deviceId from devices where properties.reported.chiller.status='current'"}
    made = create(fleet, labels={"season": "winter"}, metrics={"queries": queries})
    assert set(made) == {
        *("id", "schemaVersion", "labels", "content", "targetCondition", "createdTimeUtc"),
        *("lastUpdatedTimeUtc", "priority", "systemMetrics", "metrics", "etag"),
    }
    assert made["content"] == WINTER and made["labels"] == {"season": "winter"} and made["priority"] == 10
    assert made["metrics"] == {"results": {}, "queries": queries}
    # As azure-iot-cli-extension has it, test_iot_config_int.py, of one that is created without any.
    assert create(fleet, "bare")["labels"] is None
    fleet.hub.configurations.delete("bare")
    assert set(made["systemMetrics"]["queries"]) == {"targetedCount", "appliedCount"}
    fleet.run(1)
    for name, query in made["systemMetrics"]["queries"].items():
        assert len(fleet.hub.query(query)[0]) == counts(fleet)[name] == 2, query
    assert fleet.hub.configurations.list() == [fleet.hub.configurations.get("winter")]


def test_the_metadata_tells_which_configuration_gave_a_value(fleet):
    """As recorded in azure-sdk-for-net, Azure.Iot.Hub.Service, SessionRecords, DevicesClient_Query_GetTwins."""
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"own": 1}}})
    create(fleet, content=content(level=3, heating={"on": True}))
    fleet.run(1)
    revision = str(fleet.hub.configurations._known["winter"].revision)
    assert re.fullmatch(r"\d{18}", revision), "the moment, in .NET's ticks"
    signature = {"$lastUpdatedBy": "winter", "$lastUpdatedByDigest": revision}

    def signatures():
        metadata = fleet.hub.get_twin("d0")["properties"]["desired"]["$metadata"]
        nodes = [metadata, metadata["own"], metadata["level"], metadata["heating"], metadata["heating"]["on"]]
        return [{name: node[name] for name in signature if name in node} for node in nodes]

    assert signatures() == [{}, {}, signature, signature, signature]
    assert fleet.hub.get_twin("d1")["properties"]["desired"]["$metadata"]["level"] == {
        "$lastUpdated": iso(fleet.clock.utc() - 1),
        "$lastUpdatedVersion": 2,
        **signature,
    }
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"level": 4}}})
    assert signatures() == [{}, {}, {}, signature, signature], "it is a service's now"


@pytest.mark.parametrize("name", ["", "Upper", "a b", "a.b", "a/b", "x" * 129, "a&b", "a[b"])
def test_an_id_is_of_lowercase_letters_and_a_few_signs(stage, name):
    """The guide: "up to 128 characters ... lowercase letters and the following special characters: -+%_*!'"."""
    assert refused(create, stage, name) == "ArgumentInvalid"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"priority": -1}, "ArgumentInvalid"),
        ({"priority": 1.5}, "ArgumentInvalid"),
        ({"labels": {"a": 1}}, "ArgumentInvalid"),
        ({"id": "other"}, "ArgumentInvalid"),
        ({"metrics": []}, "ArgumentInvalid"),
        ({"metrics": {"queries": {f"m{n}": "select deviceId from devices" for n in range(6)}}}, "ArgumentInvalid"),
        ({"metrics": {"queries": {"m": "nonsense"}}}, "InvalidConfigurationCustomMetricsQuery"),
        ({"metrics": {"queries": {"m": "select count() as n from devices"}}}, "InvalidConfigurationCustomMetricsQuery"),
        ({"metrics": {"queries": {"m": "select * from devices.jobs"}}}, "InvalidConfigurationCustomMetricsQuery"),
        ({"condition": "tags.env ="}, "InvalidConfigurationTargetCondition"),
        ({"condition": "from devices.modules where tags.a = 1"}, "InvalidConfigurationTargetCondition"),
        ({"condition": "from devices.jobs"}, "InvalidConfigurationTargetCondition"),
        ({"content": {"moduleContent": {"properties.desired.a": 1}}}, "InvalidConfigurationTargetCondition"),
        ({"content": {"deviceContent": {"tags.a": 1}}}, "InvalidConfigurationContent"),
        ({"content": {"deviceContent": {"properties.reported.a": 1}}}, "InvalidConfigurationContent"),
        ({"content": {"deviceContent": {"properties.desired.a b": 1}}}, "InvalidConfigurationContent"),
        ({"content": {"deviceContent": {"properties.desired": 1}}}, "InvalidConfigurationContent"),
        ({"content": content(a=1, a__b=2)}, "InvalidConfigurationContent"),
        ({"content": {"deviceContent": []}}, "InvalidConfigurationContent"),
        ({"content": {"banana": {"a": 1}}}, "InvalidConfigurationContent"),
        ({"content": {"modulesContent": {"$edgeAgent": {}}}}, "FeatureNotSupported"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_refused_and_not_kept(stage, changes, code):
    """Numbers 400401 to 400404; the guide: "Up to five custom metrics"; edge deployments are not of this hub."""
    assert refused(create, stage, **changes) == code
    assert stage.hub.configurations.list() == []


def test_an_id_is_given_once_and_a_hundred_are_the_most(stage):
    """ConfigurationAlreadyExists 409401; quotas: "100 configurations per paid SKU hub", 413101."""
    create(stage)
    assert refused(create, stage) == "ConfigurationAlreadyExists"
    for number in range(99):
        create(stage, f"c{number}")
    assert refused(create, stage, "one-more") == "ConfigurationCountLimitExceeded"
    assert len(stage.hub.configurations.list()) == 100 and len(stage.hub.configurations.list(20)) == 20


def test_everything_but_the_content_can_be_changed_with_the_etag(fleet):
    """The guide: "priority, metrics, target condition, and labels"; CannotModifyImmutableConfigurationContent is
    400403."""
    made = create(fleet)
    update, get = fleet.hub.configurations.update, fleet.hub.configurations.get
    changed = update("winter", {**made, "priority": 5, "labels": {"a": "b"}}, made["etag"])
    assert changed["priority"] == 5 and changed["etag"] != made["etag"] and changed["labels"] == {"a": "b"}
    assert refused(update, "winter", {**made, "priority": 6}, made["etag"]) == "PreconditionFailed"
    other = {**made, "content": content(a=1)}
    assert refused(update, "winter", other, None) == "CannotModifyImmutableConfigurationContent"
    bad = {**made, "priority": 7, "targetCondition": "("}
    assert refused(update, "winter", bad, None) == "InvalidConfigurationTargetCondition"
    assert get("winter")["priority"] == 5
    assert refused(update, "nobody", made) == refused(get, "nobody") == "ConfigurationNotFound"
    assert refused(fleet.hub.configurations.delete, "winter", made["etag"]) == "PreconditionFailed"


def test_queries_are_tested_without_a_configuration(stage):
    """Models ConfigurationQueriesTestInput and ConfigurationQueriesTestResponse."""
    queries = {"good": "select deviceId from devices", "bad": "select deviceId fro devices"}
    told = stage.hub.configurations.test("tags.a =", queries)
    assert "position" in told["targetConditionError"]
    assert list(told["customMetricQueryErrors"]) == ["bad"]
    assert stage.hub.configurations.test("*", None) == {
        "targetConditionError": None,
        "customMetricQueryErrors": {},
    }


# --- what it does


def test_twins_that_match_get_the_content_and_say_whose_it_is(fleet):
    create(fleet)
    fleet.run(1)
    assert desired(fleet, "d0") == desired(fleet, "d1") == {"chiller": {"temperature": 38, "pressure": 78}}
    assert desired(fleet, "d2") == {} and states(fleet, "d2") == {}
    assert states(fleet) == {"winter": "Applied"}
    rows, _, _ = fleet.hub.query(
        "SELECT deviceId FROM devices WHERE configurations.[[winter]].status = 'Applied'"
    )
    assert [row["deviceId"] for row in rows] == ["d0", "d1"]


@pytest.mark.parametrize(
    ("condition", "targeted"),
    [
        ("*", 5),
        ("", 0),
        (None, 0),
        ("deviceId = 'd3'", 1),
        ("tags.env='test' and deviceId != 'd0'", 1),
        ("from devices where tags.env='test'", 2),
        ("not is_defined(tags.env)", 3),
    ],
)
def test_conditions_as_the_guide_has_them(fleet, condition, targeted):
    """ "You can specify * to target all devices"."""
    create(fleet, condition=condition)
    fleet.run(1)
    assert counts(fleet) == {"targetedCount": targeted, "appliedCount": targeted}


def test_a_connected_device_is_told_what_changed_and_nothing_else(stage):
    device = stage.connected()
    stage.hub.patch_twin(
        "dev1", {"properties": {"desired": {"other": 1, "chiller": {"pressure": 78, "old": 1}}}}
    )
    device.take()
    create(stage, condition="*")
    stage.run(1)
    ((_, body),) = device.take()
    assert body == {"chiller": {"temperature": 38, "old": None}, "$version": 3}, (
        "the section is as the content says"
    )
    assert stage.events_of("twinChangeEvents")[-1]["applicationProperties"]["opType"] == "updateTwin"


def test_a_twin_that_comes_to_match_gets_it_and_one_that_no_longer_does_loses_it(fleet):
    """ "the settings from the configuration are removed and no other changes are made on the twin"."""
    create(fleet)
    fleet.run(1)
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"own": 1}}})
    tag(fleet, "d2", env="test")
    tag(fleet, "d0", env="production")
    assert desired(fleet, "d2") == {"chiller": {"temperature": 38, "pressure": 78}}
    assert desired(fleet, "d0") == {"own": 1} and states(fleet, "d0") == {}
    assert counts(fleet) == {"targetedCount": 2, "appliedCount": 2}


def test_a_report_can_make_a_twin_match(stage):
    """ "The condition is based on twin tags or twin reported properties"."""
    device = stage.connected()
    create(stage, condition="properties.reported.model = '4000x'")
    stage.run(1)
    assert desired(stage, "dev1") == {}
    device.report({"model": "4000x"})
    stage.run(1)
    assert desired(stage, "dev1") == {"chiller": {"temperature": 38, "pressure": 78}}


def test_a_new_device_is_looked_at(stage):
    create(stage, condition="*")
    stage.run(1)
    stage.device("new")
    stage.run(1)
    assert states(stage, "new") == {"winter": "Applied"}


def test_a_deleted_configuration_takes_its_settings_with_it(fleet):
    """ "When you delete a configuration, any device twins take on their next highest priority configuration"."""
    create(fleet, "low", content=content(chiller={"temperature": 20}, light="on"), priority=1)
    create(fleet, "high")
    fleet.run(1)
    assert desired(fleet) == {"chiller": {"temperature": 38, "pressure": 78}, "light": "on"}
    fleet.hub.configurations.delete("high")
    fleet.run(1)
    assert desired(fleet) == {"chiller": {"temperature": 20}, "light": "on"}
    fleet.hub.configurations.delete("low")
    fleet.run(1)
    assert desired(fleet) == {} and states(fleet) == {}


def test_the_highest_priority_gives_a_path_its_value_and_others_what_is_left(fleet):
    """ "If two or more configurations target the same twin path, the content from the highest priority configuration
    applies"; applied "can include partial modifications"."""
    create(fleet, "low", content=content(a=1, b=1), priority=1)
    create(fleet, "high", content=content(b=2, c=2), priority=2)
    create(fleet, "hidden", content=content(b=3), priority=0)
    fleet.run(1)
    assert desired(fleet) == {"a": 1, "b": 2, "c": 2}
    assert states(fleet) == {"low": "Applied", "high": "Applied", "hidden": "Targeted"}
    assert counts(fleet, "hidden") == {"targetedCount": 2, "appliedCount": 0}
    view = fleet.hub.configurations.get("low")
    fleet.hub.configurations.update("low", {**view, "priority": 3})
    fleet.run(1)
    assert desired(fleet) == {"a": 1, "b": 1, "c": 2}


def test_a_path_within_another_is_the_same_path(fleet):
    create(fleet, "low", content=content(chiller__temperature=20), priority=1)
    fleet.run(1)
    assert desired(fleet) == {"chiller": {"temperature": 20}}
    create(fleet, "high")
    fleet.run(1)
    assert desired(fleet) == {"chiller": {"temperature": 38, "pressure": 78}}
    assert states(fleet)["low"] == "Targeted"
    fleet.hub.configurations.delete("high")
    fleet.run(1)
    assert desired(fleet) == {"chiller": {"temperature": 20}}


def test_of_equal_priorities_the_later_wins(fleet):
    """ "If two configurations have the same priority number, the one created most recently wins"."""
    for name in ("zz", "aa"):
        create(fleet, name, content=content(who=name))
    fleet.run(1)
    assert desired(fleet) == {"who": "aa"}


def test_null_removes_a_property_and_brings_nothing_back(fleet):
    """ "If you wish to remove an existing property, specify the property value to null"."""
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"old": 1, "keep": 2}}})
    create(fleet, content=content(old=None, none__of__these=None))
    fleet.run(1)
    assert desired(fleet) == {"keep": 2} and states(fleet) == {"winter": "Applied"}


def test_the_whole_section_may_be_the_path(fleet):
    create(fleet, content={"deviceContent": {"properties.desired": {"a": 1, "b": {"c": 2}}}})
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"own": 1}}})
    fleet.run(1)
    assert desired(fleet) == {"own": 1, "a": 1, "b": {"c": 2}}


def test_what_a_service_writes_over_it_stays(fleet):
    create(fleet)
    fleet.run(1)
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"chiller": {"temperature": 1}}}})
    fleet.run(10)
    assert desired(fleet)["chiller"] == {"temperature": 1, "pressure": 78}


def test_a_condition_that_its_own_content_breaks_does_not_go_round_and_round(fleet):
    create(fleet, condition="not is_defined(properties.desired.chiller)")
    fleet.run(60)
    assert fleet.hub.get_twin("d3")["properties"]["desired"]["$version"] == 2


def test_a_twin_without_room_is_targeted_and_the_reason_told(fleet):
    """Error 403100: a twin's section has a limit, whoever writes."""
    for name in range(8):
        fleet.hub.patch_twin("d0", {"properties": {"desired": {f"k{name}": "x" * 4000}}})
    create(fleet, content=content(more="x" * 4000))
    fleet.run(1)
    assert states(fleet, "d0") == {"winter": "Targeted"} and states(fleet, "d1") == {"winter": "Applied"}
    assert counts(fleet) == {"targetedCount": 2, "appliedCount": 1}
    assert "winter" in fleet.told("requestRefused")[0] and "403100" in fleet.told("requestRefused")[0]
    fleet.hub.patch_twin("d0", {"properties": {"desired": {"k0": None}}})
    fleet.run(1)
    assert states(fleet, "d0") == {"winter": "Applied"}


def test_modules_have_configurations_of_their_own(fleet):
    """ "from devices.modules where ...", ``moduleContent``, and metrics that select from devices.modules."""
    for device_id in ("d0", "d1"):
        fleet.hub.create_device(device_id, module_id="m")
    fleet.hub.patch_twin("d0", {"tags": {"env": "test"}}, module_id="m")
    metric = "SELECT deviceId, moduleId FROM devices.modules WHERE configurations.[[mod]].status = 'Applied'"
    create(
        fleet,
        "mod",
        "from devices.modules where tags.env='test'",
        {"moduleContent": {"properties.desired.a": 1}},
        metrics={"queries": {"mine": metric}},
    )
    fleet.run(1)
    assert desired(fleet, "d0", "m") == {"a": 1} and desired(fleet, "d1", "m") == desired(fleet, "d0") == {}
    assert counts(fleet, "mod") == {"targetedCount": 1, "appliedCount": 1, "mine": 1}
    queries = fleet.hub.configurations.get("mod")["systemMetrics"]["queries"]
    assert [len(fleet.hub.query(query)[0]) for query in queries.values()] == [1, 1]
    fleet.hub.delete_device("d0", module_id="m")
    fleet.run(1)
    assert counts(fleet, "mod") == {"targetedCount": 0, "appliedCount": 0, "mine": 0}


def test_metrics_follow_what_devices_report(stage):
    """The guide: "The metric represents the number of rows returned by the query"."""
    device = stage.connected()
    other = stage.connected("dev2")
    queries = {
        name: "select deviceId from devices where configurations.[[winter]].status = 'Applied' "
        f"AND properties.reported.chiller.status='{name}'"
        for name in ("current", "pending")
    }
    create(stage, condition="*", metrics={"queries": queries})
    stage.run(1)
    assert counts(stage)["current"] == 0
    for each in (device, other):
        each.report({"chiller": {"status": "pending"}})
    stage.run(1)
    device.report({"chiller": {"status": "current"}})
    stage.run(1)
    assert (counts(stage)["current"], counts(stage)["pending"]) == (1, 1)
    stage.hub.delete_device("dev2")
    stage.run(1)
    assert counts(stage) == {"targetedCount": 1, "appliedCount": 1, "current": 1, "pending": 0}


def test_metrics_can_be_changed(fleet):
    create(fleet, metrics={"queries": {"a": "select deviceId from devices"}})
    fleet.run(1)
    view = fleet.hub.configurations.get("winter")
    fleet.hub.configurations.update(
        "winter", {**view, "metrics": {"queries": {"b": "select * from devices"}}}
    )
    fleet.run(1)
    assert counts(fleet) == {"targetedCount": 2, "appliedCount": 2, "b": 5}


_KEYS = st.sampled_from("abc")
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["x", 1.0]),
    lambda inner: st.dictionaries(_KEYS, inner, max_size=3) | st.lists(st.integers(0, 1), max_size=2),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _DOCUMENTS, max_size=3), st.dictionaries(_KEYS, _DOCUMENTS, max_size=3))
def test_a_difference_leads_from_one_document_to_the_other(old, new):
    """RFC 7386 with objects that stay when emptied, as module merge has it."""
    old, new = strip(old), strip(new)
    assert encode(merge(old, difference(old, new))) == encode(sorted_as(new, old))
    assert difference(old, old) == {}


def sorted_as(new, old):
    """``new`` in the order that merging into ``old`` keeps."""
    order = [name for name in old if name in new] + [name for name in new if name not in old]
    return {
        name: sorted_as(new[name], old[name])
        if isinstance(new[name], dict) and isinstance(old.get(name), dict)
        else new[name]
        for name in order
    }


# --- many, and restarts


def test_a_thousand_twins_are_moved_within_five_seconds_in_small_portions():
    """No step writes more than a few twins, so that what devices send is served between any two."""
    stage = Stage()
    for number in range(1000):
        stage.device(f"d{number:04}")
    stage.run(1)
    create(stage, condition="*")
    begin, most = stage.clock.seconds, 0
    while (done := counts(stage)["appliedCount"]) < 1000:
        stage.clock.seconds += stage.hub.step()
        stage.hub.step()
        most = max(most, counts(stage)["appliedCount"] - done)
    assert stage.clock.seconds - begin < 5 and 0 < most <= 20


def test_a_hub_without_configurations_looks_at_nothing(fleet):
    fleet.run(1)
    tag(fleet, "d0", x=1)
    assert fleet.hub.step() is None


def test_configurations_states_and_metrics_survive_a_restart(fleet):
    create(fleet, labels={"a": "b"}, metrics={"queries": {"m": "select deviceId from devices"}})
    create(fleet, "other", content=content(chiller=None), priority=1)
    fleet.run(1)
    before = fleet.hub.configurations.list(), [fleet.hub.get_twin(f"d{n}") for n in range(5)]
    fleet.start()
    assert states(fleet) == {"winter": "Applied", "other": "Targeted"}
    fleet.run(1)
    assert (
        fleet.hub.configurations.list(),
        [fleet.hub.get_twin(f"d{n}") for n in range(5)],
    ) == before, "and no twin was written again"
    fleet.hub.configurations.delete("winter")
    fleet.hub.configurations.delete("other")
    fleet.start()
    fleet.run(1)
    assert desired(fleet) == {} and states(fleet) == {}


def test_a_configuration_made_again_is_another(fleet):
    create(fleet)
    fleet.run(1)
    fleet.hub.configurations.delete("winter")
    create(fleet, content=content(chiller={"temperature": 1}))
    fleet.run(1)
    assert desired(fleet) == {"chiller": {"temperature": 1}}


def test_a_store_that_fails_changes_nothing(fleet):
    made = create(fleet)
    fleet.run(1)

    def full(record):
        raise OSError("disk full")

    save, fleet.store.save = fleet.store.save, full
    assert refused(create, fleet, "other") == "ServerError"
    assert refused(fleet.hub.configurations.update, "winter", {**made, "priority": 9}) == "ServerError"
    fleet.store.save = save
    assert [c["id"] for c in fleet.hub.configurations.list()] == ["winter"]
    assert fleet.hub.configurations.get("winter")["priority"] == 10


def test_a_device_that_answers_inside_the_notification_is_counted(stage):
    device = stage.connected()
    send = device.wire.send

    def answering(topic, payload, qos):
        send(topic, payload, qos)
        if "desired" in topic:
            device.session.publish("$iothub/twin/PATCH/properties/reported/?$rid=x", b'{"ok":true}', 1)

    device.wire.send = answering
    metric = "select deviceId from devices where properties.reported.ok = true"
    create(stage, condition="*", metrics={"queries": {"ok": metric}})
    stage.run(1)
    assert counts(stage)["ok"] == 1 and isinstance(device, Device)
