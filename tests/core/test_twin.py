"""The local twin: read on every connect, patched in order, reported until acknowledged."""

import json

from driver import Driver

from twinkle import App


def test_the_twin_is_read_on_every_connect():
    d = Driver()
    d.connect()
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.step()
    assert len(d.published("twin/GET")) == 2


def test_a_patch_with_the_next_version_is_merged():
    d = Driver()
    d.connect({"a": {"b": 1, "c": 2}}, 4)
    d.notify({"a": {"b": 9}}, 5)
    assert d.device.twin.desired == {"a": {"b": 9, "c": 2}}
    assert d.device.twin.version == 5


def test_null_deletes_a_member():
    d = Driver()
    d.connect({"a": 1, "b": {"c": 2, "d": 3}}, 4)
    d.notify({"a": None, "b": {"c": None}}, 5)
    assert d.device.twin.desired == {"b": {"d": 3}}


def test_an_old_patch_is_ignored():
    d = Driver()
    d.connect({"a": 1}, 4)
    d.notify({"a": 0}, 4)
    d.notify({"a": 0}, 3)
    assert d.device.twin.desired == {"a": 1}


def test_a_gap_in_the_versions_reads_the_twin_again():
    d = Driver()
    d.connect({"a": 1}, 4)
    d.notify({"a": 0}, 6)
    assert d.device.twin.desired == {"a": 1}
    d.answer_twin({"a": 0, "b": 2}, 6)
    assert d.device.twin.desired == {"a": 0, "b": 2}


def test_a_patch_during_a_read_is_not_lost():
    d = Driver()
    d.step()
    d.connected()
    d.step()
    rid = d.rid("GET")
    d.notify({"a": 7}, 3)
    d.hear("$iothub/twin/res/200/?$rid=" + rid, '{"desired":{"$version":2},"reported":{"$version":1}}')
    d.answer_twin({"a": 7}, 3)
    assert d.device.twin.desired == {"a": 7}
    assert d.device.link.state == "ready"


def test_a_twin_request_without_answer_is_repeated_with_a_new_id():
    d = Driver()
    d.step()
    d.connected()
    d.step()
    first = d.rid("GET")
    d.wait(31000)
    assert d.rid("GET") != first
    d.hear("$iothub/twin/res/200/?$rid=" + first, '{"desired":{"a":1,"$version":9},"reported":{}}')
    assert d.device.twin.desired == {}


def test_a_throttled_twin_request_is_repeated_later():
    d = Driver()
    d.step()
    d.connected()
    d.step()
    d.hear("$iothub/twin/res/429/?$rid=" + d.rid("GET"))
    assert not [a for a in d.step() if a[0] == "publish"]
    d.wait(1000)
    assert len(d.published("twin/GET")) == 2


def test_reports_are_gathered_into_one_message():
    d = Driver()
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.device.board.report({"a": 1, "b": {"c": 1}})
    d.device.board.report({"a": 2, "b": {"d": 2}})
    d.step()
    assert d.reports() == [{"a": 2, "b": {"c": 1, "d": 2}}]


def test_an_unacknowledged_report_is_sent_again_below_what_came_later():
    d = Driver()
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.device.board.report({"a": 1, "b": 1})
    d.step()
    d.device.board.report({"a": 2})
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.answer_twin(reported={"configId": 1, "sendFrequency": "24h"})
    assert d.reports()[-1] == {"a": 2, "b": 1}


def test_a_refused_report_is_dropped_and_counted():
    d = Driver()
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.device.board.report({"a": 1})
    d.step()
    d.acknowledge(400)
    d.acknowledge()
    d.wait(60000)
    assert d.device.context.refused == 1
    assert d.reports()[1:] == [{"lastError": "a cannot be reported: status 400"}]


def test_handlers_get_the_delta_and_the_merged_value():
    seen = []
    app = App()

    @app.desired("components.climate")
    def climate(board, delta, merged):
        seen.append((delta, merged))

    d = Driver(app)
    d.connect({"components": {"climate": {"min": "68", "max": "76"}}}, 2)
    d.notify({"components": {"climate": {"max": "92"}}}, 3)
    d.notify({"other": 1}, 4)
    d.notify({"components": {"climate": None}}, 5)
    assert seen == [
        ({"min": "68", "max": "76"}, {"min": "68", "max": "76"}),
        ({"max": "92"}, {"min": "68", "max": "92"}),
        (None, None),
    ]


def test_a_read_after_a_reconnect_calls_handlers_only_for_what_changed():
    seen = []
    app = App()

    @app.desired("a")
    def a(board, delta, merged):
        seen.append(("a", delta))

    @app.desired("b")
    def b(board, delta, merged):
        seen.append(("b", delta))

    d = Driver(app)
    d.connect({"a": 1, "b": 1}, 2)
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.answer_twin({"a": 1, "b": 2}, 3)
    assert seen == [("a", 1), ("b", 1), ("b", 2)]


def test_a_handler_that_fails_is_reported_and_the_device_goes_on():
    app = App()

    @app.desired("a")
    def a(board, delta, merged):
        raise KeyError("oops")

    d = Driver(app)
    d.connect({"a": 1}, 2)
    assert d.said("desired a failed: KeyError")
    d.acknowledge()
    assert "failed" in d.reports()[-1]["lastError"]
    assert d.device.link.state == "ready"


def test_unusable_desired_changes_are_reported_and_change_nothing():
    deep = {}
    for _ in range(11):
        deep = {"x": deep}
    for payload, words in (
        ("not json", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        (json.dumps(deep), "nested too deep"),
        ('{"b": [1e999]}', "not finite"),
        ("{1: 2}", "not JSON"),
        (None, "too large"),
    ):
        d = Driver()
        d.connect({"a": 1}, 2, {"configId": 1, "sendFrequency": "24h"})
        d.hear("$iothub/twin/PATCH/properties/desired/?$version=3", payload)
        d.step()
        assert d.said(words), words
        assert words in d.reports()[-1]["lastError"]
        assert d.device.twin.desired == {"a": 1}
        # The next good change shows the gap, and the twin is read.
        d.notify({"b": 1}, 4)
        d.answer_twin({"a": 1, "b": 1}, 4)
        assert d.device.twin.desired == {"a": 1, "b": 1}


def test_ten_levels_are_not_too_deep():
    deep = 1
    for _ in range(10):
        deep = {"x": deep}
    d = Driver()
    d.connect(deep, 2)
    assert d.device.twin.desired == deep


def test_a_twin_that_cannot_be_used_leaves_what_was_known():
    for body in (
        None,  # it was too large to take
        '{"desired": 5}',
        '{"reported": []}',
        '{"desired": {"$version": "9"}}',
        '{"desired": null}',
        "[]",
    ):
        d = Driver()
        d.connect({"a": 1}, 2)
        d.notify({"a": 5}, 9)
        d.step()
        d.hear("$iothub/twin/res/200/?$rid=" + d.rid("GET"), body)
        d.step()
        assert d.device.twin.desired == {"a": 1}, body
        assert d.device.link.state == "ready", body
        assert d.said("the twin cannot be used"), body


def test_a_property_that_was_deleted_on_both_sides_is_not_made_up_again():
    app = App()
    app.writable("target", initial=20)(lambda board, value: None)
    d = Driver(app)
    d.connect({"target": 21}, 2)
    d.notify({"target": None}, 3)
    d.lost("gone")
    d.wait(2000)
    d.connected()
    d.answer_twin({}, 3)
    assert d.device.link.state == "ready"
    assert "target" not in d.reports()[-1] or d.reports()[-1]["target"] is None
