"""The harness as an author of applications uses it: the examples of its own text, and some more."""

import ast
import json
import logging
import re
import sys
import textwrap

import pytest
from support import ROOT

from twinkle_host.failure import Failure
from twinkle_host.hub.core.errors import HubError
from twinkle_host.mock_gpio.board import ROOM, Board

DEPTHS = {
    "cpython": ("mock_board", {"interpreter": "cpython"}),
    "micropython": ("mock_board", {"interpreter": "micropython"}),
    "raspberry_pi": ("raspberry_pi", {}),
    "pico_w": ("pico_w", {}),
}
TEXT = ast.get_docstring(ast.parse((ROOT / "host" / "mock_gpio" / "fixtures.py").read_text()))
EXAMPLES = [textwrap.dedent(block) for block in re.findall(r"::\n\n((?:    .*\n|\n)+)", TEXT + "\n")]
APP = """
from twinkle import App

app = App(model_id="dtmi:com:example:Counter;1", config={"configId": 1, "sendFrequency": "1s"})
calls = []


@app.method("count")
def count(board, payload):
    calls.append(payload)
    print("called with", payload)
    board.led.on()
    return len(calls)


@app.telemetry
def sample(board):
    return {"temp": board.temperature}
"""


@pytest.fixture(params=DEPTHS)
def make(request):
    """What makes a board, at each depth and on each interpreter that it has."""
    fixture, more = DEPTHS[request.param]
    make = request.getfixturevalue(fixture)
    return lambda app, **members: make(app, **more, **members)


@pytest.fixture
def counter(tmp_path):
    """An application that counts how often it was called."""
    file = tmp_path / "counter.py"
    file.write_text(APP)
    return file


@pytest.mark.parametrize("depth", ["mock_board", "raspberry_pi", "pico_w"])
def test_the_example_for_all_depths_is_true_at_each(depth, request):
    space = {}
    exec(EXAMPLES[0].replace("@pytest.fixture", "@lambda function: function  # "), space)
    space["test_a_warm_room"](request.getfixturevalue(depth)("apps.environment"))


def test_the_example_for_ports_is_true(raspberry_pi_port):
    space = {}
    exec(EXAMPLES[1], space)
    space["test_a_port"](raspberry_pi_port)
    assert len(EXAMPLES) == 2


def test_every_depth_has_every_word(make):
    board = make("apps.environment")
    words = [name for name in vars(Board) if not name.startswith("_")]
    assert len(words) > 15 and isinstance(board, Board)
    for name in words:
        value = getattr(board, name)  # properties answer
        assert name in ROOM or not callable(value) or getattr(type(board), name) is not getattr(Board, name)


def test_a_board_has_a_fresh_application_and_so_it_has_after_a_restart(make, counter):
    for _ in range(2):
        board = make(counter)
        assert board.call("count").payload == 1
        assert board.call("count").payload == 2
    said = len(board.log)
    board.power_off()
    board.power_on()
    board.until(lambda: any(" info ready: " in line for line in board.log[said:]))
    assert board.call("count").payload == 1


def test_an_application_that_comes_with_twinkle_is_fresh_too(mock_board):
    mock_board("apps.climate")
    sys.modules["apps.climate"].app.marked = True
    mock_board("apps.climate")
    assert not hasattr(sys.modules["apps.climate"].app, "marked")


def test_an_application_may_print_and_its_words_are_no_answer(make, counter, capsys):
    board = make(counter)
    assert board.call("count", {"a": 1}).status == 200
    printed = capsys.readouterr().out
    board.until(lambda: "called with {" in printed + "\n".join(board.log))


def test_the_network_and_the_power_go_and_come_back(make):
    board = make("apps.environment")
    board.unplug()
    with pytest.raises(HubError, match="DeviceNotOnline"):
        board.call("turnon")
    board.plug()
    board.until(lambda: lit(board))
    assert board.outputs["led"].levels == [1.0] and board.restarts == 0
    assert board.call("rebootDevice").status == 200
    board.until(lambda: board.restarts == 1)
    board.until(lambda: "rebootTime" in board.reported)


def lit(board):
    try:
        return board.call("turnon").status == 200
    except HubError:
        return False


def test_what_it_logs_is_in_its_log_and_in_pytests(make, caplog):
    board = make("apps.environment")
    board.desired({"configId": 7, "sendFrequency": "1s"})
    board.until(lambda: board.reported.get("configId") == 7)

    def told():
        return [record for record in caplog.records if "applied configuration 7" in record.getMessage()]

    board.until(told)
    (record,) = told()
    assert record.levelno == logging.INFO and record.name.startswith("twinkle.")
    assert any(re.fullmatch(r"\d+\.\d{3} info applied configuration 7", line) for line in board.log)


def test_a_board_file_of_ones_own_names_pins_and_application(counter, tmp_path, pico_w):
    (tmp_path / "board.json").write_text(
        '{"port": "twinkle.ports.pico", "hardware": "pico_w", "app": "counter.py",'
        ' "led": {"pin": 16, "active": "low"}, "sensor": {"model": "DHT11", "pin": 15}}'
    )
    board = pico_w(board=tmp_path / "board.json")
    board.temperature = 30.4
    board.until(lambda: board.telemetry[-1:] == [{"temp": 30.4}])
    assert board.call("count").payload == 1
    board.until(lambda: board.outputs["led"].levels[-1:] == [1.0])


def slowly(board):
    """The board, which sends every ten seconds from now on."""
    board.desired({"configId": 2, "sendFrequency": "10s"})
    board.until(lambda: board.reported.get("configId") == 2)
    return board


def test_a_mock_boards_sensor_fails_as_it_is_told(mock_board):
    board = slowly(mock_board("apps.environment"))
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
    board = slowly(mock_board("apps.environment", interpreter))
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
    board = slowly(mock_board("apps.environment"))
    board.fault = "late"
    board.run(60)
    assert len(board.telemetry) >= 5 and "sensor" not in board.reported


def test_a_slow_sensor_follows_the_room(mock_board):
    board = slowly(mock_board("apps.environment"))
    board.run(20)
    board.lag, board.temperature = 30, 40.0
    board.run(60)
    seen = [message["temp"] for message in board.telemetry]
    assert seen == sorted(seen) and 21.5 < seen[3] < 40


def test_the_history_of_an_output_tells_what_is_wrong(mock_board):
    board = mock_board("apps.environment")
    board.call("blink", 2)
    board.run(3)
    led = board.outputs["led"]
    led.assert_levels(1.0, 0.0, 1.0, 0.0)
    led.assert_levels_and_times((0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0))
    with pytest.raises(AssertionError, match=r"it showed \(1\.0, 0\.0, 1\.0, 0\.0\)"):
        led.assert_levels(0.0)


NAMED = {
    "outputs": {"fan": {"pin": 6, "pwm": True}, "lamp": {"pin": 7, "active": "low"}},
    "inputs": {"door": {"pin": 20}},
    "sensors": {"attic": {"model": "DHT22", "pin": 12}},
}


def test_what_a_board_file_names_is_seen_and_moved_in_the_same_words_at_every_depth(make):
    board = make("device/twin_apps/wired.py", **NAMED)
    fan, lamp = (lambda name=name: board.outputs[name].levels for name in ("fan", "lamp"))
    board.rooms["attic"] = {"temperature": 33.5}
    board.until(lambda: {"attic": 33.5} in board.telemetry)
    assert (lamp(), fan(), board.inputs) == ([], [], {"door": False})
    board.inputs["door"] = True
    board.until(lambda: board.reported.get("door") == {"open": True, "opened": 1})
    board.until(lambda: lamp() == [1.0])
    assert board.call("fan", 0.25).payload == 0.25
    board.until(lambda: [round(level, 2) for level in fan()] == [0.25])
    board.inputs["door"] = False
    board.until(lambda: board.reported["door"]["open"] is False and lamp() == [1.0, 0.0])
    board.until(lambda: [body["door"] for body in board.telemetry if "door" in body] == [True, False])
    board.rooms["attic"] = {"fault": "absent"}
    board.until(lambda: board.reported.get("sensors", {}).get("attic", {}).get("status") == "failing")
    with pytest.raises(KeyError, match="the board file has no input window; there are: door"):
        board.inputs["window"] = True
    with pytest.raises(KeyError, match="the board file has no sensor cellar; there are: attic"):
        board.rooms["cellar"] = {}


def test_outputs_go_out_with_the_power_and_inputs_are_as_they_are_when_it_comes_back(make, tmp_path):
    file = tmp_path / "level.py"
    file.write_text(LEVEL)
    board = make(file, outputs={"fan": {"pin": 6}}, inputs={"door": {"pin": 20, "event": "level"}})
    board.until(lambda: board.reported.get("open") is False)
    board.inputs["door"] = True
    board.until(lambda: board.outputs["fan"].levels == [1.0] and board.reported["open"])
    board.power_off()
    board.inputs["door"] = False
    board.power_on()
    board.until(lambda: board.reported["open"] is False)
    board.until(lambda: board.outputs["fan"].levels == [1.0, 0.0])


LEVEL = """
from twinkle import App

app = App()


@app.input("door")
def door(board, active):
    board.report({"open": active})
    if active:
        board.outputs["fan"].on()
"""


def test_a_board_file_brings_its_names_along(tmp_path, mock_board):
    (tmp_path / "level.py").write_text(LEVEL)
    settings = {"port": "mock_gpio.port", "app": "level.py", "outputs": {"fan": {}}, "inputs": {"door": {}}}
    file = tmp_path / "board.json"
    file.write_text(json.dumps(settings))
    board = mock_board(board=file)
    board.inputs["door"] = True
    board.run(1)
    board.outputs["fan"].assert_levels(1.0)


def test_an_application_that_wants_what_the_board_file_has_not_is_refused_before_it_starts(make):
    with pytest.raises(Failure, match=r"wired.py:\d+: it wants the input 'door'; the board file has none"):
        make("device/twin_apps/wired.py", outputs=NAMED["outputs"], sensors=NAMED["sensors"])


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_door_that_bounces_in_memory_is_one_event(mock_board, interpreter):
    board = mock_board("device/twin_apps/wired.py", interpreter, **NAMED)
    for active in (True, False, True):
        board.inputs["door"] = active
        board.run(0.004)
    board.run(1)
    assert board.reported["door"] == {"open": True, "opened": 1}


HIDDEN = """
from twinkle import App

app = App()
door = "door"


@app.input(door)
def moved(board, active):
    pass


@app.method("fan")
def fan(board, payload):
    fan = "fan"
    board.outputs[fan].on()
"""


def test_an_application_that_wants_what_a_board_in_memory_has_not_says_so(tmp_path, mock_board):
    """Where no check of the source sees it."""
    (tmp_path / "hidden.py").write_text(HIDDEN)
    board = mock_board(tmp_path / "hidden.py")
    assert board.reported["lastError"] == "the board file has no input door"
    assert board.call("fan").status == 500
    assert any("'Board' object has no attribute 'outputs'" in line for line in board.log), "as on a real one"
