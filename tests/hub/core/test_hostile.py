"""Nothing a peer can send makes the core raise what is not its own refusal."""

import contextlib
import json

import pytest
from harness import HOST, Device, Stage, Wire
from hypothesis import example, given, settings
from hypothesis import strategies as st

from twinkle_host.hub.core import ConnectRefused, Hello, HubError
from twinkle_host.hub.core.queries.tree import parse_condition

pieces = st.sampled_from(
    [
        *("devices/dev1/messages/events/", "$iothub/twin/GET/", "$iothub/twin/PATCH/properties/reported/"),
        *("$iothub/methods/res/", "200/", "?$rid=1", "&$version=1", "%24rid=2", "a=b", "&", "=", "%", "%ff"),
        *("$.ct=application%2Fjson", "/", "#", "+", "\x00", "é", "\ud800"),
    ]
)
topics = st.lists(pieces | st.text(max_size=3), max_size=6).map("".join)
payloads = st.binary(max_size=20) | st.sampled_from(
    [
        b"",
        b"{",
        b"null",
        b'{"a":1}',
        b'{"a":{"b":null}}',
        b"[" * 2000,
        b'{"a":[[null]]}',
        b'{"a":1e999}',
        b'"\\ud800"',
    ]
)


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(st.tuples(topics, payloads, st.integers(0, 2), st.booleans()), max_size=8))
def test_no_publish_makes_the_hub_raise(publishes):
    stage = Stage()
    device = stage.connected()
    stage.invoke("dev1", "blink")
    for topic, payload, qos, retain in publishes:
        device.session.publish(topic, payload, qos, retain)
        if device.session.ended:
            assert device.wire.closed
            device.connect()
    stage.run(1000)


@given(st.lists(st.tuples(topics, st.integers(0, 2)), max_size=8))
def test_no_subscription_makes_the_hub_raise(filters):
    session = Stage().device().connect(subscribe=())
    granted = session.subscribe(filters)
    assert len(granted) == len(filters) and set(granted) <= {0, 1, 0x80}
    session.unsubscribe([topic_filter for topic_filter, _ in filters])
    assert session.subscriptions == {}


@given(
    st.text(max_size=8) | st.just("dev1"),
    st.none() | st.text(max_size=40) | st.text(max_size=40).map(f"{HOST}/dev1/?".__add__),
    st.none() | st.text(max_size=60) | st.text(max_size=40).map("SharedAccessSignature sr=".__add__),
)
def test_no_connect_makes_the_hub_raise(client_id, username, password):
    stage = Stage()
    Device(stage, stage.hub.create_device("dev1")["deviceId"])
    with pytest.raises(ConnectRefused):
        stage.hub.connect(Hello(client_id, username, password), Wire())


WORDS = (
    "SELECT * FROM devices WHERE deviceId = 'a' AND OR NOT ( ) [ ] , . IN NIN TOP "
    "1 2.5 1e308 9999999999999999999 - + * / % is_defined tags x < != true null count avg min AS GROUP BY"
)
words = st.sampled_from(WORDS.split())


@settings(max_examples=4 * settings().max_examples)
@given(st.lists(words, max_size=14).map(" ".join), st.text(max_size=10))
@example("TOP 9999999999999999999 devices", "")
def test_no_query_makes_the_hub_raise(tail, rest):
    for text in (
        tail,
        f"SELECT * FROM devices WHERE {tail}{rest}",
        f"SELECT {tail} AS a FROM devices",
        f"SELECT x, count({tail}) FROM devices GROUP BY {tail}",
        f"SELECT * FROM devices.modules AS m WHERE {tail}",
        f"SELECT * FROM devices.jobs WHERE {tail}",
    ):
        try:
            rows, _, kind = _FLEET.hub.query(text)
        except HubError as refused:
            assert refused.code == 400004
        else:
            json.dumps(rows, allow_nan=False)
            assert kind == "Raw" or all(row["deviceId"] == "dev1" for row in rows)
    with contextlib.suppress(HubError):
        parse_condition(tail)


sums = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
    max_leaves=8,
)


@given(st.lists(sums, min_size=1, max_size=4), st.sampled_from("+-*"))
def test_arithmetic_agrees_with_python(parts, sign):
    text = f" {sign} ".join(parts)
    ((row,), _, _) = _FLEET.hub.query(f"SELECT {text} AS v FROM devices")
    assert row["v"] == pytest.approx(eval(text))


_FLEET = Stage()
_FLEET.connected().report({"x": 1})
_FLEET.hub.create_device("dev1", module_id="m")
_FLEET.hub.jobs.create(
    "j", {"type": "scheduleUpdateTwin", "updateTwin": {"tags": {"a": 1}}, "queryCondition": "*"}
)
_FLEET.run(1)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "tags": values,
        "properties": values | st.fixed_dictionaries({"desired": values}),
        "status": values,
    },
)


@settings(max_examples=2 * settings().max_examples)
@given(values | bodies, values)
def test_no_body_makes_the_hub_raise_and_what_is_refused_changes_nothing(body, other):
    stage = Stage()
    stage.connected()
    for call in (stage.hub.patch_twin, stage.hub.replace_twin, stage.hub.update_device):
        before = stage.hub.get_twin("dev1")
        try:
            call("dev1", body)
        except HubError as refused:
            assert refused.status == 400 or refused.code == 403100
            assert stage.hub.get_twin("dev1") == before
    try:
        stage.hub.create_device(
            "dev2", {"authentication": other, "statusReason": other, "capabilities": body}
        )
    except HubError as refused:
        assert refused.code == 400004
