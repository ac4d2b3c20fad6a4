"""Throttling: off unless asked for; then more than the rate is refused with 429."""

import pytest
from harness import Wire

from twinkle_host.hub.core import ConnectRefused, HubError

EVENTS = "devices/dev1/messages/events/"


def until_refused(work, limit=1000):
    """How often ``work`` may be done before it is refused; answers that and the refusal."""
    for count in range(limit):
        try:
            work()
        except HubError as refused:
            return count, refused
    raise AssertionError(f"not refused in {limit}")


def test_nothing_is_throttled_unless_asked_for(stage):
    stage.device()
    for _ in range(2000):
        stage.hub.get_twin("dev1")


def test_a_burst_is_absorbed_then_refused_and_time_fills_the_bucket(stage):
    stage.device()
    stage.hub.throttles.set(1.0)
    count, refused = until_refused(lambda: stage.hub.query("SELECT * FROM devices"))
    assert count == 20 and (refused.status, refused.code) == (429, 429001)
    assert "20 in 60 s" in refused.message and "again in 3.0 s" in refused.message
    stage.run(2.9)
    assert until_refused(lambda: stage.hub.query("SELECT * FROM devices"))[0] == 0
    stage.run(0.2)
    assert until_refused(lambda: stage.hub.query("SELECT * FROM devices"))[0] == 1
    stage.run(3600)
    assert until_refused(lambda: stage.hub.query("SELECT * FROM devices"))[0] == 20
    assert stage.hub.throttles.refused["queries"] == 4


def test_a_share_of_the_rates_still_lets_one_pass(stage):
    stage.device()
    stage.hub.throttles.set(0.001)
    assert until_refused(lambda: stage.hub.query("SELECT * FROM devices"))[0] == 1


@pytest.mark.parametrize(
    ("count", "work"),
    [
        (100, lambda hub: hub.get_twin("dev1")),
        (100, lambda hub: hub.get_digital_twin("dev1")),
        (50, lambda hub: hub.patch_twin("dev1", {"properties": {"desired": {"a": 1}}})),
        (100, lambda hub: hub.get_device("dev1")),
        (50, lambda hub: hub.send("dev1", b"x")),
    ],
)
def test_each_operation_has_its_own_rate(stage, count, work):
    stage.device()
    stage.hub.throttles.set(1.0)
    done, refused = until_refused(lambda: work(stage.hub))
    assert done == count and refused.status in (429, 403)  # 403: the device's own queue is full


def test_large_method_payloads_count_more(stage):
    stage.connected()
    stage.hub.throttles.set(1.0)
    large = "x" * 39 * 4096
    with pytest.raises(HubError, match="more than"):
        stage.invoke("dev1", "m", large)
    stage.invoke("dev1", "m", "x" * (31 * 4096))
    count, refused = until_refused(lambda: stage.invoke("dev1", "m"))
    assert count == 8 and refused.code == 429001


def test_twin_requests_of_a_device_are_answered_429_and_nothing_changes(stage):
    device = stage.connected()
    stage.hub.throttles.set(0.02)
    answers = [device.report({"n": number})[0] for number in range(3)]
    assert answers == [204, 429, 429]
    assert [device.request("$iothub/twin/GET/?$rid={rid}")[0] for _ in range(3)] == [200, 200, 429]
    stage.run(10)
    assert device.report({"n": 9})[0] == 204
    assert stage.hub.get_twin("dev1")["properties"]["reported"]["n"] == 9


def test_too_much_telemetry_ends_the_connection_without_taking_the_message(stage):
    device = stage.connected()
    stage.hub.throttles.set(0.03)
    for number in range(4):
        device.session.publish(EVENTS, b"%d" % number, 1)
    assert device.session.ended and "429001" in device.wire.closed
    assert [event["body"] for event in stage.events_of("Telemetry")] == [0, 1, 2]


def test_too_many_connections_are_told_to_come_again(stage):
    device = stage.device()
    again = device.hello()
    stage.hub.throttles.set(0.01)
    stage.hub.connect(again, Wire())
    with pytest.raises(ConnectRefused) as refused:
        stage.hub.connect(again, Wire())
    assert refused.value.code == 3 and "429001" in refused.value.reason
