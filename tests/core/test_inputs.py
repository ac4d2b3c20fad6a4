"""Named inputs: from the edges of a line to one event for each change."""

from driver import Session
from wired import Bench, app_with

from twinkle import App


def told_of(*names):
    """An application whose inputs' events are noted, and the notes."""
    events = []

    def noted(name):
        return lambda board, active: events.append((name, active, board.inputs[name].value))

    return app_with(**{name: noted(name) for name in names}), events


def test_a_button_that_bounces_is_pressed_once():
    app, events = told_of("door")
    d = Bench(app)
    d.wait(200)
    assert d.board.inputs["door"].value is False and d.board.inputs["bell"].value is False
    assert events == [], "what it is at the start is no event"
    d.line("door", 0, 1, 0, 1, 0)
    d.wait(200)
    assert events == [("door", True, True)]
    d.line("door", 1, 0, 1)
    d.wait(200)
    assert events[1:] == [("door", False, False)]


def test_what_is_over_before_the_debounce_time_was_nothing():
    app, events = told_of("door", "bell")
    d = Bench(app)
    d.wait(200)
    d.edges += [("bell", 1, d.now), ("bell", 0, d.now + 49), ("door", 0, d.now), ("door", 1, d.now + 19)]
    d.wait(500)
    assert events == []
    d.edges += [("bell", 1, d.now), ("bell", 0, d.now + 50), ("door", 0, d.now), ("door", 1, d.now + 20)]
    d.wait(500)
    assert sorted(events) == [("bell", True, True), ("door", False, False), ("door", True, True)]


def test_two_presses_during_a_long_wait_are_two_with_their_own_times():
    app, _ = told_of()
    app.input("door")(lambda board, active: {"open": active})
    d = Bench(app)
    d.connect()
    d.step(100)
    begun = d.now
    # Nothing was asked of the device for four seconds.
    d.edges = [("door", level, begun + at) for level, at in ((0, 1000), (1, 1100), (0, 2500), (1, 2700))]
    d.step(4000)
    while d.device.telemetry.queue or d.device.telemetry.under_way:
        d.step(10)
        d.sent()
    sent = [(action[1].split("ctime=")[1], action[2]) for action in d.published("messages/events")]
    assert [body for _, body in sent] == [b'{"open": true}', b'{"open": false}'] * 2
    assert [time[-3:-1] for time, _ in sent] == ["21", "21", "22", "22"], sent


def test_an_event_is_a_change_or_one_side_of_it_or_the_level_from_the_start():
    for event, expected in (
        ("change", [True, False]),
        ("on", [True]),
        ("off", [False]),
        ("level", [False, True, False]),
    ):
        app, events = told_of("door")
        d = Bench(app, {"inputs": {"door": {"pin": 20, "event": event}}})
        d.wait(200)
        for level in (0, 1):
            d.line("door", level)
            d.wait(200)
        assert [active for _, active, _ in events] == expected, event


def test_what_is_active_follows_the_pull_unless_it_is_said():
    for about, active in (
        ({}, 0),
        ({"pull": "up"}, 0),
        ({"pull": "down"}, 1),
        ({"pull": "none"}, 1),
        ({"pull": "up", "active": "high"}, 1),
        ({"pull": "none", "active": "low"}, 0),
    ):
        d = Bench(parts={"inputs": {"door": dict(about, pin=20)}})
        for level in (0, 1):
            d.edges = [("door", level, d.now)]
            d.wait(200)
            assert d.board.inputs["door"].value is (level == active), (about, level)


def test_the_value_is_unknown_until_the_line_was_looked_at():
    d = Bench()
    assert d.board.inputs["door"].value is None
    d.failing = "the input door on GPIO 20: DeviceClosed"
    d.wait(1000)
    assert d.board.inputs["door"].value is None
    assert len([a for a in d.done if a[0] == "say" and "GPIO 20: DeviceClosed" in a[2]]) == 1, "once"
    d.failing = None
    d.wait(200)
    assert d.board.inputs["door"].value is False


def test_a_handler_that_fails_is_named_and_reported_and_the_next_event_is_told_again():
    app, events = told_of("bell")

    def door(board, active):
        events.append(active)
        raise ValueError("no such door")

    app.input("door")(door)
    d = Bench(app)
    d.connect()
    d.acknowledge()
    d.wait(200)
    for level in (0, 1):
        d.line("door", level)
        d.wait(200)
    assert events == [True, False]
    words = d.reports()[-1]["lastError"]
    assert words.startswith("input door failed: ValueError('no such door'") and d.said(words)


def test_what_a_handler_returns_is_telemetry_or_named_as_none():
    app = app_with(door=lambda board, active: {"open": active}, bell=lambda board, active: 7)
    d = Bench(app)
    d.connect()
    d.wait(200)
    d.line("door", 0)
    d.line("bell", 1)
    d.wait(300)
    assert [action[2] for action in d.published("messages/events")] == [b'{"open": true}']
    assert d.said("input bell failed: ValueError('it returned a int, and no dict'")


def test_an_application_that_wants_an_input_which_is_not_there_is_told_so_and_lives_without():
    app, events = told_of("gate", "door")
    d = Bench(app)
    d.connect()
    words = "the board file has no input gate"
    assert d.said(words) and d.reports()[0]["lastError"] == words
    d.wait(200)
    d.line("door", 0)
    d.wait(200)
    assert events == [("door", True, True)]


def test_a_handler_may_take_its_time():
    app = App(config={"configId": 1, "sendFrequency": "24h"})

    @app.input("bell")
    def bell(board, active):
        board.outputs["valve"].on()
        yield 2
        board.outputs["valve"].off()

    d = Bench(app)
    d.wait(200)
    d.line("bell", 1)
    d.wait(1500)
    assert d.shown == [("valve", 1.0)]
    d.wait(1000)
    assert d.shown == [("valve", 1.0), ("valve", 0.0)]


def test_edges_that_were_not_kept_are_counted():
    d = Bench()
    d.lost = 17
    d.wait(100)
    assert d.device.lost == 17
    assert Session(d.device).type("inputs") == ["bell: false", "door: false", "lostEdges: 17", "ok"]
