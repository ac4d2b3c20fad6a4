"""Direct methods, with every time-out in virtual time."""

import pytest
from harness import DESIRED, METHODS, TWIN

from twinkle_host.hub.core import HubError, MethodResult


def refused(stage, *arguments, **options):
    with pytest.raises(HubError) as error:
        stage.invoke(*arguments, **options)
    return error.value


def test_a_call_goes_to_the_device_and_its_answer_back(stage):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "blink", {"interval": 5})
    ((topic, payload, qos),) = device.wire.sent
    assert topic.startswith("$iothub/methods/POST/blink/?$rid=") and payload == b'{"interval":5}' and qos == 0
    rid = topic.partition("$rid=")[2]
    assert outcomes == []
    stage.run(29)
    device.answer(rid, 200, {"description": "Blinking LED every 5 seconds"})
    assert outcomes == [MethodResult(200, {"description": "Blinking LED every 5 seconds"})]
    stage.run(600)
    assert len(outcomes) == 1


@pytest.mark.parametrize("status", [0, 202, 404, 500, -1, 2147483647])
def test_the_device_chooses_any_integer_status(stage, status):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "x")
    device.answer(device.calls()[0][1], status)
    assert outcomes[0].status == status


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"null", None),
        (b"", None),
        (b'"x"', "x"),
        (b"[1]", [1]),
        (b"0", 0),
        (b"oops", "oops"),
        (b"\xff", "\ufffd"),
    ],
)
def test_an_answer_is_json_or_else_text(stage, sent, received):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "x")
    device.answer(device.calls()[0][1], 200, sent)
    assert outcomes[0].payload == received
    assert len(stage.told("requestRefused")) == (received in ("oops", "\ufffd"))


@pytest.mark.parametrize(
    ("payload", "wire"),
    [
        (None, b"null"),
        ("", b'""'),
        ('{"method_number":"42"}', b'"{\\"method_number\\":\\"42\\"}"'),
        ({"é": [1, 2.5, True]}, '{"é":[1,2.5,true]}'.encode()),
    ],
)
def test_any_json_value_is_a_payload(stage, payload, wire):
    device = stage.connected()
    stage.invoke("dev1", "x", payload)
    assert device.wire.sent[0][1] == wire


def test_component_commands_keep_their_star(stage):
    device = stage.connected()
    stage.invoke("dev1", "thermostat1*getMaxMinReport")
    assert device.calls()[0][0] == "thermostat1*getMaxMinReport"


def test_a_device_that_does_not_answer_in_time_is_504101_and_its_late_answer_is_dropped(stage):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "rebootDevice")
    rid = device.calls()[0][1]
    stage.run(29.9)
    assert outcomes == []
    stage.run(0.2)
    (error,) = outcomes
    assert (error.status, error.code) == (504, 504101)
    assert error.message == "Timed out waiting for the response from device."
    assert error.info == {"timeout": "00:00:30"}
    device.answer(rid, 200)
    assert len(outcomes) == 1 and device.wire.closed is None
    assert len(stage.told("answerDropped")) == 1


def test_the_caller_chooses_the_response_timeout(stage):
    stage.connected()
    short, long = (
        stage.invoke("dev1", "a", response_timeout=5),
        stage.invoke("dev1", "b", response_timeout=300),
    )
    stage.run(5)
    assert short and not long
    stage.run(295)
    assert long[0].info == {"timeout": "00:05:00"}


def test_an_absent_device_is_404103_at_once(stage):
    stage.device()
    error = refused(stage, "dev1", "blink")
    assert (error.status, error.code) == (404, 404103) and "not connected" in error.message
    assert error.info == {"timeout": "00:00:00"}


def test_a_device_that_does_not_listen_is_404103_at_once(stage):
    device = stage.device()
    device.connect(subscribe=(TWIN, DESIRED))
    error = refused(stage, "dev1", "blink")
    assert error.code == 404103 and "has not subscribed" in error.message
    device.session.subscribe([("$iothub/methods/POST/blink/#", 1)])
    stage.invoke("dev1", "blink")
    assert refused(stage, "dev1", "other").code == 404103
    assert [name for name, _, _ in device.calls()] == ["blink"]


def test_a_device_that_does_not_come_within_the_connect_timeout_is_404103(stage):
    stage.device()
    outcomes = stage.invoke("dev1", "blink", connect_timeout=3)
    stage.run(2.9)
    assert outcomes == []
    stage.run(0.2)
    assert (outcomes[0].status, outcomes[0].code) == (404, 404103)
    assert outcomes[0].info == {"timeout": "00:00:03"}
    assert "it did not connect within 3 s" in outcomes[0].message
    assert "or give connectTimeoutInSeconds" not in outcomes[0].message  # which was given


def test_a_device_that_connects_in_time_gets_the_call_and_the_full_response_time(stage):
    device = stage.device()
    outcomes = stage.invoke("dev1", "blink", 1, response_timeout=10, connect_timeout=20)
    stage.run(19)
    device.connect()
    ((name, rid, payload),) = device.calls()
    assert (name, payload) == ("blink", 1)
    stage.run(9)
    device.answer(rid, 200)
    assert outcomes == [MethodResult(200, None)]


def test_a_connected_device_that_begins_to_listen_gets_what_waits(stage):
    device = stage.device()
    device.connect(subscribe=(TWIN,))
    stage.invoke("dev1", "one", connect_timeout=20)
    stage.invoke("dev1", "two", connect_timeout=20)
    device.session.subscribe([(METHODS, 1)])
    assert [name for name, _, _ in device.calls()] == ["one", "two"]
    device.session.subscribe([(METHODS, 1)])
    assert device.calls() == [], "delivered once"


def test_a_lost_connection_is_404104_and_old_request_ids_are_dead(stage):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "blink")
    rid = device.calls()[0][1]
    device.session.end(False)
    assert (outcomes[0].status, outcomes[0].code) == (404, 404104)
    device.connect()
    again = stage.invoke("dev1", "blink")
    device.answer(rid, 200)
    assert len(outcomes) == 1 and again == []
    device.answer(device.calls()[0][1], 200)
    assert again == [MethodResult(200, None)]


def test_an_evicted_connection_fails_its_calls_too(stage):
    device = stage.connected()
    outcomes = stage.invoke("dev1", "blink")
    device.connect(subscribe=())
    assert outcomes[0].code == 404104


def test_one_device_cannot_answer_for_another(stage):
    first, second = stage.connected("dev1"), stage.connected("dev2")
    outcomes = stage.invoke("dev1", "blink")
    second.answer(first.calls()[0][1], 200)
    assert outcomes == [] and len(stage.told("answerDropped")) == 1


def test_answers_may_come_in_any_order(stage):
    device = stage.connected()
    calls = [stage.invoke("dev1", f"m{number}") for number in range(3)]
    rids = [rid for _, rid, _ in device.calls()]
    for number in (2, 0, 1):
        device.answer(rids[number], 200 + number)
    assert [outcomes[0].status for outcomes in calls] == [200, 201, 202]


def test_ten_calls_may_be_under_way_and_an_eleventh_is_403800(stage):
    device = stage.connected()
    for _ in range(10):
        stage.invoke("dev1", "blink")
    error = refused(stage, "dev1", "blink")
    assert (error.status, error.code) == (403, 403800)
    device.answer(device.calls()[0][1], 200)
    stage.invoke("dev1", "blink")
    stage.connected("dev2")
    stage.invoke("dev2", "blink")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"response_timeout": 4}, "responseTimeoutInSeconds must be within [5; 300]."),
        ({"response_timeout": 301}, "responseTimeoutInSeconds must be within [5; 300]."),
        ({"response_timeout": "30"}, "responseTimeoutInSeconds must be within [5; 300]."),
        ({"response_timeout": True}, "responseTimeoutInSeconds must be within [5; 300]."),
        ({"response_timeout": None}, "responseTimeoutInSeconds must be within [5; 300]."),
        ({"connect_timeout": -1}, "connectTimeoutInSeconds must be within [0; 300]."),
        ({"connect_timeout": 301}, "connectTimeoutInSeconds must be within [0; 300]."),
    ],
)
def test_times_out_of_range_are_400004(stage, options, message):
    stage.connected()
    error = refused(stage, "dev1", "blink", **options)
    assert (error.status, error.code, error.message) == (400, 400004, message)


@pytest.mark.parametrize("name", ["", None, 5, "a b", "a/b", "a#" + "b" * 300, "é", "a\n", "{x}"])
def test_names_that_cannot_be_methods_are_400004(stage, name):
    stage.connected()
    assert refused(stage, "dev1", name).code == 400004


def test_payloads_are_limited_both_ways(stage):
    device = stage.connected()
    assert refused(stage, "dev1", "x", "x" * (131072 - 1)).code == 413001
    outcomes = stage.invoke("dev1", "x", "x" * (131072 - 2))
    rid = device.calls()[0][1]
    device.answer(rid, 200, b'"' + b"x" * 131071 + b'"')
    assert outcomes[0].code == 413001 and device.wire.closed is None


@pytest.mark.parametrize("payload", [float("nan"), {"a": object()}, "\ud800"])
def test_what_is_not_json_is_no_payload(stage, payload):
    stage.connected()
    assert refused(stage, "dev1", "x", payload).code == 400004


def test_an_unknown_device_is_404001(stage):
    assert refused(stage, "ghost", "blink").code == 404001


def test_a_device_may_answer_while_it_is_being_called(stage):
    device = stage.connected()
    device.wire.send = lambda topic, payload, qos: device.answer(topic.partition("$rid=")[2], 200)
    assert stage.invoke("dev1", "blink") == [MethodResult(200, None)]


def test_a_caller_may_call_again_from_its_own_answer(stage):
    device = stage.connected()
    outcomes = []

    def again(outcome):
        outcomes.append(outcome)
        if len(outcomes) < 3:
            stage.hub.invoke("dev1", "blink", None, 5, 0, done=again)

    again(None)
    stage.run(20)
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [None, 504101, 504101]
    assert device.wire.closed is None
