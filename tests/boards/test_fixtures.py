"""The harness as an author of applications uses it: the examples of its own text, and some more."""

import ast
import re

import pytest
from support import ROOT

TEXT = ast.get_docstring(ast.parse((ROOT / "host" / "mock_gpio" / "fixtures.py").read_text()), clean=False)
EXAMPLES = {
    name: re.sub(r"^    ", "", "    " + text, flags=re.MULTILINE)
    for text, name in re.findall(r"    (def (\w+)\(.*?)(?=\n\n|\Z)", TEXT, re.DOTALL)
}


def test_each_depth_has_an_example_of_ten_lines_or_less():
    assert set(EXAMPLES) == {"test_it_blinks", "test_a_warm_room", "test_a_pi_lights_its_led", "test_a_pico"}
    assert all(len(text.strip().splitlines()) <= 10 for text in EXAMPLES.values())


@pytest.mark.parametrize(
    ("name", "fixture"),
    [
        ("test_it_blinks", "mock_board"),
        ("test_a_warm_room", "raspberry_pi"),
        ("test_a_pi_lights_its_led", "raspberry_pi"),
        ("test_a_pico", "pico_w"),
    ],
)
def test_the_examples_of_the_text_are_true(name, fixture, request):
    space = {}
    exec(EXAMPLES[name], space)
    space[name](request.getfixturevalue(fixture))


def test_a_mock_boards_sensor_fails_as_it_is_told(mock_board):
    board = mock_board("apps.environment", configId=1, sendFrequency="10s")
    for fault in ("absent", "bit", "cut"):
        sent = len(board.telemetry)
        board.fault = fault
        board.run(25)
        assert board.reported["sensor"]["status"] == "failing"
        assert len(board.telemetry) <= sent + 1
        board.fault = None
        board.run(25)
        assert board.reported["sensor"]["status"] == "ok"


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_humidity_that_cannot_be_is_said_and_leaves_the_temperature(mock_board, interpreter):
    board = mock_board("apps.environment", interpreter, configId=1, sendFrequency="10s")
    board.temperature, board.humidity = 25.5, 130
    board.run(25)
    assert board.telemetry[-1] == {"temp": 25.5}
    assert board.reported["sensor"]["status"] == "failing"
    assert "cannot measure 25.5 degrees and 130.0 %" in board.reported["sensor"]["reason"]
    board.humidity, board.temperature = 40.0, 120
    sent = len(board.telemetry)
    board.run(25)
    assert len(board.telemetry) == sent
    board.temperature = 20.0
    board.run(25)
    assert board.telemetry[-1] == {"temp": 20.0, "humid": 40.0} and board.reported["sensor"]["status"] == "ok"


def test_a_late_sensor_is_read_at_the_second_try_and_nobody_is_troubled(mock_board):
    board = mock_board("apps.environment", configId=1, sendFrequency="10s")
    board.fault = "late"
    board.run(60)
    assert len(board.telemetry) >= 5 and "sensor" not in board.reported


def test_a_slow_sensor_follows_the_room(mock_board):
    board = mock_board("apps.environment", configId=1, sendFrequency="10s")
    board.run(20)
    board.lag, board.temperature = 30, 40.0
    board.run(60)
    seen = [message["temp"] for message in board.telemetry]
    assert seen == sorted(seen) and 21.5 < seen[3] < 40


def test_the_same_on_micropython(mock_board):
    board = mock_board("apps.climate", interpreter="micropython")
    board.desire(patchId="Init", fanOn="true")
    board.run(2)
    assert board.reported["fanOn"] in ("true", "{unknown}")


def test_the_leds_history_tells_what_is_wrong(mock_board):
    board = mock_board("apps.environment")
    board.call("turnon")
    board.led.assert_levels(1.0)
    with pytest.raises(AssertionError, match=r"the LED showed \(1\.0,\)"):
        board.led.assert_levels(0.0)


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_board_in_memory_has_what_a_board_file_names(mock_board, interpreter):
    board = mock_board(
        *("device/twin_apps/wired.py", interpreter),
        outputs={"fan": {"pwm": True}, "lamp": {}},
        inputs={"door": {}},
        sensors={"attic": {"model": "DHT22"}},
    )
    board.rooms["attic"] = {"temperature": 33.5, "humidity": 20.0}
    board.run(4)
    assert {"attic": 33.5} in board.telemetry
    for active in (True, False, True):
        board.inputs["door"] = active
        board.run(0.004)
    board.run(1)
    assert board.reported["door"]["open"] is True
    board.outputs["lamp"].assert_levels(1.0)
    board.inputs["door"] = False
    board.run(1)
    board.outputs["lamp"].assert_levels(1.0, 0.0)
    assert [body["door"] for body in board.telemetry if "door" in body] == [True, False]
    board.rooms["attic"] = {"fault": "absent"}
    board.run(8)
    assert board.reported["sensors"]["attic"]["status"] == "failing"


def test_an_application_that_wants_what_a_board_in_memory_has_not_says_so(mock_board):
    board = mock_board("device/twin_apps/wired.py")
    assert board.reported["lastError"] == "the application wants an input door; the board file has: none"
    board.call("fan", 1.0)
    assert any(
        "the board file has no output fan: name it there; there are: none" in line for line in board.log
    )
