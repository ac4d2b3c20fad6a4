"""Named outputs: what handlers and the console do with them, and what the runtime is asked for."""

import json

from driver import Session
from wired import PARTS, Bench, app_with

from twinkle.core.errors import BadRequest, SetupError


def test_an_output_does_what_an_led_does_and_each_wish_is_one_action():
    d = Bench()
    d.step()
    d.board.outputs["fan"].on()
    d.board.outputs["valve"].on()
    d.board.outputs["valve"].on()
    d.step()
    assert d.shown == [("fan", 1.0), ("valve", 1.0)]
    d.board.outputs["fan"].dim(0.4)
    d.board.outputs["valve"].off()
    d.step()
    assert d.shown[2:] == [("fan", 0.4), ("valve", 0.0)] and d.board.outputs["fan"].level == 0.4
    assert d.board.led.level == 0.0, "the LED is another one"


def test_outputs_blink_each_in_its_own_time_and_the_device_is_awake_for_it():
    d = Bench(parts={"outputs": PARTS["outputs"]})
    d.board.outputs["fan"].blink(2)
    d.board.outputs["valve"].blink(3)
    d.wait(6000)
    assert [level for name, level in d.shown if name == "fan"] == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    assert [level for name, level in d.shown if name == "valve"] == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_an_output_without_pwm_refuses_what_lies_between():
    d = Bench()
    try:
        d.board.outputs["valve"].dim(0.5)
        raise AssertionError("it took it")
    except BadRequest as error:
        assert "valve is on or off" in str(error)


def test_a_name_that_the_board_file_has_not_is_answered_with_those_it_has():
    d = Bench()
    for parts, words in (
        (d.board.outputs, "no output pump; there are: fan, valve"),
        (d.board.inputs, "no input pump; there are: bell, door"),
        (d.board.sensors, "no sensor pump; there are: attic, board"),
    ):
        try:
            parts["pump"]
            raise AssertionError("there is one")
        except SetupError as error:
            assert words in str(error), str(error)
        assert "pump" not in parts and len(parts) == len(list(parts)) == 2


def test_a_method_that_wants_such_a_name_is_answered_500_and_says_so():
    app = app_with()
    app.method("pump")(lambda board, payload: board.outputs["pump"].on())
    d = Bench(app)
    d.connect()
    status, body = d.call("pump")
    assert status == 500 and "there are: fan, valve" in body["error"]


def test_an_output_that_cannot_be_driven_is_named_in_the_log():
    d = Bench(parts={"outputs": PARTS["outputs"]})
    d.failing = "GPIO 6: no permission"
    d.board.outputs["fan"].on()
    d.step()
    d.step()
    assert d.said("output fan: GPIO 6: no permission")


def test_outputs_are_shown_and_switched_at_the_console():
    d = Bench()
    session = Session(d.device)
    assert session.type("outputs") == ["fan: 0.0", "valve: 0.0", "ok"]
    assert session.type("outputs fan brightness 0.5", "outputs fan on") == [
        "level: 0.0",
        "ok",
        "level: 0.5",
        "ok",
    ]
    d.step()
    assert d.shown == [("fan", 0.5)]
    usage = "err 400 it is outputs [NAME on | off | blink SECONDS | brightness 0..1]"
    assert session.type("outputs fan sideways") == session.type("outputs fan") == [usage]
    assert session.type("outputs pump on") == ["err 404 there is no pump; there are: fan, valve"]
    assert session.type("outputs valve brightness 0.5")[0].startswith("err 400 the output valve is on or off")
    (line,) = session.type("outputs --json")
    assert json.loads(line) == {"ok": True, "result": {"fan": 0.5, "valve": 0.0}}


def test_help_has_these_verbs_where_they_are():
    lines = Session(Bench().device).type("help")
    assert len([line for line in lines if line[:10] in ("- outputs ", "- inputs  ", "- sensors ")]) == 3
    plain = Session().type("help")
    assert len(plain) == len(lines) - 3
    assert Session().type("outputs") == ["err 404 there is no such verb; type help"]
