"""What NAME promises, on boards in memory and on the ports of real ones: run it with ``pytest``.

A board has the same words at all depths; ``python -m pydoc twinkle_host.mock_gpio.board`` names them.
"""

import json
from pathlib import Path

import pytest

MODEL = json.loads(Path(__file__).with_name("NAME.json").read_text())


@pytest.fixture(params=["cpython", "micropython"])
def board(request, mock_board):
    """A board with NAME on it, connected to a hub, in virtual time."""
    return mock_board("NAME.py", interpreter=request.param)


def test_it_sends_what_the_sensor_measures(board):
    board.temperature, board.humidity = 31.0, 40.0
    board.run(5)  # virtual seconds
    assert board.telemetry[-1] == {"temperature": 31.0, "humidity": 40.0}


def test_it_sends_nothing_when_the_sensor_does_not_answer(board):
    board.fault = "absent"
    sent = len(board.telemetry)
    board.run(5)
    assert len(board.telemetry) <= sent + 1  # one that was measured before
    assert board.reported["sensor"]["status"] == "failing"


def test_it_blinks_three_times(board):
    assert board.call("blink").status == 202
    board.run(2)
    board.outputs["led"].assert_levels(1.0, 0.0, 1.0, 0.0, 1.0, 0.0)


def test_brightness_is_acknowledged_and_what_is_no_brightness_is_refused(board):
    board.desired({"brightness": 50})
    board.run(1)
    assert board.reported["brightness"]["value"] == 50 and board.reported["brightness"]["ac"] == 200
    board.call("blink")
    board.run(0.1)
    board.outputs["led"].assert_levels(0.5)
    board.desired({"brightness": "bright"})
    board.run(1)
    assert board.reported["brightness"]["ac"] == 400


def test_the_model_names_what_there_is(board):
    named = {entry["name"] for entry in MODEL["contents"]}
    board.run(5)
    assert set(board.telemetry[-1]) | {"blink", "brightness"} == named


@pytest.mark.parametrize("port", ["raspberry_pi", "pico_w"])
def test_on_the_ports_of_real_boards(request, port):
    board = request.getfixturevalue(port)("NAME.py")
    board.temperature, board.humidity = 31.0, 40.0
    board.until(lambda: board.telemetry[-1:] == [{"temperature": 31.0, "humidity": 40.0}])
    assert board.call("blink").status == 202
    board.until(lambda: board.outputs["led"].levels == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
