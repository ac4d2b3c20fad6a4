"""The bench of a board, without a browser: what it refuses, and what it shows of a board that did not run well."""

import json
import socket
import subprocess

import pytest

from twinkle_host.mock_gpio.sensor import DhtSensor, is_whole
from twinkle_host.waiting import PATIENCE_S, eventually
from twinkle_host.workbench import notes
from twinkle_host.workbench.bench import Bench, Refused
from twinkle_host.workbench.control import LONGEST, NAME, Control
from twinkle_host.workbench.pins import Pins

SETTINGS = {
    "name": "bench",
    "port": "mock_gpio.port",
    "led": {"pin": 17},
    "outputs": {"pump": {"pin": 5}},
    "inputs": {"door": {"pin": 6}},
}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, SETTINGS, "cpython", has_cable=False)


@pytest.fixture
def ask(bench, tmp_path):
    """Say a line to the socket; what is answered, or None when it hangs up."""
    control = Control(bench, tmp_path, None, None)
    control.start()

    def ask(line):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(tmp_path / NAME))
            client.sendall((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
            answer = client.makefile().readline()
        return json.loads(answer) if answer else None

    yield ask
    control.stop()
    assert not (tmp_path / NAME).exists()


def level(pins, name):
    (found,) = (line["level"] for line in pins.lines({}) if line["name"] == name)
    return found


def test_pins_show_what_was_recorded_from_them_since_the_power_came(tmp_path):
    file = tmp_path / "pins.jsonl"
    file.write_text('{"ms": 1, "led": 1.0}\n')
    pins = Pins(file, SETTINGS)
    pins.look()
    assert level(pins, "LED") == 0.0, "that was another life"
    with open(file, "a") as record:
        record.write(
            '{"ms": 1, "led": 0.5}\n{"ms": 2, "pin": 5, "level": 1}\n{"ms": 3, "pin": 99, "level": 1}\n{"ms"'
        )
        record.flush()
        pins.look()
        assert (level(pins, "LED"), level(pins, "pump")) == (0.5, 1.0)
        record.write(': 4, "led": 0.2}\n')
    pins.look()
    assert level(pins, "LED") == 0.2
    pins.go_dark()
    assert (level(pins, "LED"), level(pins, "pump")) == (0.0, 0.0)


def test_an_led_that_is_lit_by_a_low_level_is_told_by_its_light(tmp_path):
    file = tmp_path / "pins.jsonl"
    pins = Pins(file, {"led": {"pin": 4, "active": "low"}})
    file.write_text('{"ms": 1, "pin": 4, "level": 0}\n')
    pins.look()
    assert level(pins, "LED") == 1.0


def test_each_fault_of_the_page_is_one_of_the_sensor(bench, tmp_path):
    def told():
        file = tmp_path / "sensor.json"
        return json.loads(file.read_text()) if file.exists() else None

    sensor = DhtSensor("DHT22", told)
    bench.sensor(temperature=20.5, humidity=50)
    good = sensor.frame(0)
    bench.sensor(fault="stale", temperature=30)
    assert sensor.frame(10) == good
    bench.sensor(fault="absent")
    assert sensor.frame(20) is None
    bench.sensor(fault="bit")
    assert not is_whole(sensor.frame(30))
    bench.sensor(fault=None)
    assert is_whole(sensor.frame(40)) and sensor.frame(40) != good
    bench.day()
    assert told() is None


@pytest.mark.parametrize(
    "room",
    [{"temperature": 81}, {"temperature": True}, {"humidity": "much"}, {"fault": "fire"}, {"light": 1}],
)
def test_a_room_that_no_sensor_can_be_in_is_refused(bench, room):
    with pytest.raises(Refused):
        bench.sensor(**room)


def test_an_input_is_pressed_by_its_name(bench, ask, tmp_path):
    assert ask({"do": "press", "name": "door", "active": True}) == {"done": True}
    assert json.loads((tmp_path / "inputs.json").read_text()) == {"door": True}
    assert "no input" in ask({"do": "press", "name": "window", "active": True})["error"]
    assert [line["level"] for line in bench.seen()["lines"]] == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "asked",
    [
        {"do": "burn"},
        {"do": ["watch"]},
        {},
        {"do": "power"},
        {"do": "day", "self": 1},
        {"do": "network", "on": True},
    ],
)
def test_what_cannot_be_done_is_said(ask, asked):
    assert list(ask(asked)) == ["error"]


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b'{"do": "' + b"x" * LONGEST + b'"}'])
def test_who_does_not_speak_its_language_is_hung_up_on(ask, line):
    assert ask(line) is None
    assert ask({"do": "day"}) == {"done": True}, "others are served as before"


def test_a_board_whose_process_was_killed_is_not_here(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as other:
        file = notes.leave(tmp_path, "desk", tmp_path)
        told = json.loads(file.read_text())
        file.write_text(json.dumps({**told, "pid": other.pid}))
        assert notes.find(tmp_path, "desk").folder == tmp_path
        other.kill()
    assert notes.find(tmp_path, "desk") is None
    eventually(lambda: not file.exists())
    file.write_text("{")
    assert notes.find(tmp_path, "desk") is None
    assert notes.find(tmp_path, "nobody") is None
