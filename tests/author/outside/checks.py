"""What attic promises, at each depth and on each interpreter."""

import pytest

DEPTHS = {
    "in memory": ("mock_board", {}),
    "in memory, MicroPython": ("mock_board", {"interpreter": "micropython"}),
    "on the port of a Raspberry Pi": ("raspberry_pi", {"board": "pi.json"}),
    "on the port of a Pico W": ("pico_w", {"board": "board.json"}),
}


@pytest.fixture(params=DEPTHS)
def board(request):
    fixture, more = DEPTHS[request.param]
    return request.getfixturevalue(fixture)("attic.py", **more)


def lamp(board):
    return board.outputs["led"].levels[-1:]


def test_it_lights_its_lamp_when_it_is_too_warm(board):
    board.until(lambda: board.telemetry)
    assert board.telemetry[-1]["tooWarm"] is False and lamp(board) in ([], [0.0])
    board.temperature = 35.0
    board.until(lambda: board.telemetry[-1] == {"temperature": 35.0, "tooWarm": True})
    board.until(lambda: lamp(board) == [1.0] and board.reported.get("alarms") == 1)
    board.desired({"limit": 40})
    board.until(lambda: board.reported.get("limit", {}).get("ac") == 200)
    assert board.call("quiet").payload == {"alarms": 1}
    board.until(lambda: lamp(board) == [0.0])


def test_a_limit_that_is_none_is_refused_and_nothing_is_left_of_another_test(board):
    board.desired({"limit": "warm"})
    board.until(lambda: board.reported.get("limit", {}).get("ac") == 400)
    assert board.call("quiet").payload == {"alarms": 0}
    assert any("ready: " in line for line in board.log)


def test_a_file_that_is_not_there_is_named(mock_board):
    with pytest.raises(FileNotFoundError, match=r"no application other\.py beside .*test_attic.py"):
        mock_board("other.py")
