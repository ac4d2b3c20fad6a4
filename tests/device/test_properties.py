"""Random inputs: the device's reading and writing of topics and documents, against others' of the same.

The device's core runs on CPython here; what differs on MicroPython is in tests/core.
"""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinkle.core import document, topics
from twinkle.core.errors import BadRequest
from twinkle_host.hub.core.errors import HubError
from twinkle_host.hub.core.messages import topics as hub_topics
from twinkle_host.hub.core.messages.cloud_to_device import _topic
from twinkle_host.hub.core.twins import limits
from twinkle_host.hub.core.twins import merge as hub_merge

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = text.filter(bool)
bags = st.dictionaries(names, text, max_size=5)


def bag_of(properties):
    """A bag as the device writes one."""
    return "&".join(topics.quote(name) + "=" + topics.quote(value) for name, value in properties.items())


@given(bags)
def test_a_property_bag_survives_building_and_parsing(properties):
    assert topics.parse_bag(bag_of(properties)) == properties


@given(bags)
def test_the_hub_reads_the_bag_that_the_device_builds(properties):
    request = hub_topics.parse_publish(topics.TELEMETRY % ("dev1", bag_of(properties)), "dev1")
    assert hub_topics.parse_bag(request.bag) == properties


@given(st.dictionaries(names, st.none() | text, max_size=5))
def test_the_device_reads_the_bag_that_the_hub_builds(properties):
    kind, bag = topics.classify(_topic("dev1", {"properties": properties, "id": "m1"}))
    assert kind == "message"
    assert {name: bag[name] for name in properties} == properties


@given(st.integers(0, 999), st.integers(1, 10**9), st.integers(1, 65535).map(str))
def test_each_side_understands_the_others_topics(status, version, rid):
    assert topics.classify(hub_topics.twin_response(rid, status, version)) == ("twin", status, rid, version)
    assert topics.classify(hub_topics.twin_response(rid, status)) == ("twin", status, rid, None)
    assert topics.classify(hub_topics.desired_change(version)) == ("desired", version)
    assert topics.classify(hub_topics.method_request("comp*cmd", rid)) == ("method", "comp*cmd", rid)
    assert hub_topics.parse_publish(topics.TWIN_GET % rid, "dev1") == hub_topics.TwinGet(rid)
    assert hub_topics.parse_publish(topics.TWIN_REPORT % rid, "dev1") == hub_topics.TwinPatch(rid, None)
    assert hub_topics.parse_publish(
        topics.METHOD_ANSWER % (status, rid), "dev1"
    ) == hub_topics.MethodResponse(rid, status)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | text.map("$iothub/twin/res/".__add__))
def test_no_topic_surprises_the_device(topic):
    try:
        about = topics.classify(topic)
    except ValueError:
        return  # bytes that are no UTF-8, which the device calls a topic that is not its own
    assert about is None or about[0] in ("twin", "desired", "method", "message")


keys = st.sampled_from(["a", "b", "c", "d"])
patches = st.dictionaries(
    keys,
    st.recursive(
        st.none() | st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2),
        lambda inner: st.dictionaries(keys, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
documents = patches.map(lambda patch: hub_merge.merge({}, patch))


@given(documents, patches)
def test_the_devices_copy_becomes_what_the_hub_has(before, patch):
    mine = copy.deepcopy(before)
    document.merge(mine, patch)
    assert mine == hub_merge.merge(before, patch)


@given(documents, documents)
def test_the_difference_of_two_documents_leads_from_one_to_the_other(before, after):
    mine = copy.deepcopy(before)
    document.merge(mine, document.difference(before, after))
    assert mine == after


@given(st.binary(max_size=40) | st.text(max_size=30).map(lambda value: json.dumps(value)[:-1].encode()))
def test_what_is_not_json_is_the_callers_fault_and_nothing_worse(payload):
    try:
        value = document.decode(payload)
    except BadRequest:
        return
    assert value == json.loads(payload)


@given(
    st.recursive(st.none(), lambda inner: st.lists(inner, max_size=1) | st.fixed_dictionaries({"a": inner}))
)
def test_a_section_that_is_checked_is_an_object(value):
    if isinstance(value, dict):
        assert document.check(value) is value
    else:
        with pytest.raises(BadRequest):
            document.check(value)


anything = st.text(max_size=3) | st.text(" .$a_\x00\x1f\x7f\x80\x9f\xa0\ud7ff\ud800\ue000", max_size=2)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.sampled_from([-(2**52) - 1, -(2**52), 2**52 - 1, 2**52, "x" * 4096, "x" * 4097, (), b"", {1}])
    | anything,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(anything | st.just("k" * 1025), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(anything | st.just("k" * 1024), values)
def test_a_report_is_refused_on_the_device_if_and_only_if_the_hub_would(name, value):
    try:
        limits.check_members({name: value}, "reported")
    except HubError:
        assert document.refused(name, value)
    else:
        assert document.refused(name, value) is None


@given(values)
def test_what_can_be_written_is_json_of_the_same_value(value):
    try:
        written = document.encode(value)
    except BadRequest:
        return
    assert json.loads(written.decode()) == document.decode(written) == value
