"""What attic promises, at each depth and on each interpreter."""

import pytest

DEPTHS = {
    "in memory": ("mock_board", {"board": "desk.json"}),
    "in memory, MicroPython": ("mock_board", {"board": "desk.json", "interpreter": "micropython"}),
    "on the port of a Raspberry Pi": ("raspberry_pi", {"board": "pi.json"}),
    "on the port of a Pico W": ("pico_w", {"board": "board.json"}),
}


@pytest.fixture(params=DEPTHS)
def board(request):
    fixture, more = DEPTHS[request.param]
    return request.getfixturevalue(fixture)("attic.py", **more)


def shows(board, name, level):
    """Wait until an output shows this; what has never been switched is dark."""
    board.until(lambda: (board.outputs[name].levels or [0.0])[-1] == level)


def test_the_fan_cools_it_while_the_hatch_is_shut_and_the_lamp_is_lit_while_it_is_open(board):
    board.until(lambda: board.telemetry)
    shows(board, "fan", 0.0)
    board.temperature = 35.0
    shows(board, "fan", 1.0)
    board.inputs["hatch"] = True
    shows(board, "lamp", 1.0)
    shows(board, "fan", 0.0)
    board.until(lambda: board.reported.get("opened") == 1)
    board.inputs["hatch"] = False
    shows(board, "lamp", 0.0)
    shows(board, "fan", 1.0)
    assert board.call("limit", 40).payload == {"opened": 1}
    shows(board, "fan", 0.0)
    assert board.telemetry[-1] == {"temperature": 35.0}


def test_a_limit_that_is_none_is_refused_and_nothing_is_left_of_another_test(board):
    assert board.call("limit", "warm").status == 400
    assert board.call("limit", 20).payload == {"opened": 0}
    assert any("ready: " in line for line in board.log)


def test_a_file_that_is_not_there_is_named(mock_board):
    with pytest.raises(FileNotFoundError, match=r"no application other\.py beside .*test_attic.py"):
        mock_board("other.py")
