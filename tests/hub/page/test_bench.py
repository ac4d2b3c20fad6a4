"""The bench of a board, without a browser: what it refuses, and what it shows of a board that did not run well."""

import contextlib
import functools
import json
import socket
import subprocess
import threading
from types import SimpleNamespace

import pytest
from support import own_port
from windows import started

from twinkle.core.errors import HardwareError
from twinkle.ports.dht_facts import sample
from twinkle_host.device_directory import PICO
from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio import sensor
from twinkle_host.mock_gpio.sensor import DhtSensor, encode, is_whole
from twinkle_host.waiting import PATIENCE_S, eventually
from twinkle_host.workbench import notes
from twinkle_host.workbench.bench import Bench, Refused
from twinkle_host.workbench.control import AT_ONCE, LONGEST, NAME, Control, Spoken, by_its_folder
from twinkle_host.workbench.pins import Pins

A_WHILE_S = 0.3  # in which nothing is to come

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
    """said() to this bench."""
    control = Control(bench, tmp_path, None, None)
    control.start()
    yield functools.partial(said, tmp_path)
    control.stop()
    assert not (tmp_path / NAME).exists()


def said(folder, line):
    """Say a line to the socket of the bench in this folder; what is answered, or None when it hangs up."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE_S)
        with by_its_folder(folder / NAME) as path:
            client.connect(path)
        client.sendall((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        answer = client.makefile().readline()
    return json.loads(answer) if answer else None


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

    felt = DhtSensor("DHT22", told)
    bench.sensor(temperature=20.5, humidity=50)
    good = felt.frame(0)
    bench.sensor(fault="stale", temperature=30)
    assert felt.frame(10) == good
    bench.sensor(fault="absent")
    assert felt.frame(20) is None
    bench.sensor(fault="bit")
    assert not is_whole(felt.frame(30))
    bench.sensor(fault=None)
    assert is_whole(felt.frame(40)) and felt.frame(40) != good
    bench.day()
    assert told() is None


def test_each_sensor_with_a_name_has_a_room_of_its_own(tmp_path):
    sensors = {"temperature": {"model": "DHT22", "pin": 4}, "own": {"model": "own"}}
    bench = Bench(tmp_path, {**SETTINGS, "sensors": sensors}, "cpython", has_cable=False)
    bench.sensor(temperature=10, humidity=50)
    bench.sensor("temperature", temperature=30, fault="absent")
    seen = bench.seen()
    assert list(seen["sensors"]) == ["temperature"]
    assert (seen["sensor"]["temperature"], seen["sensors"]["temperature"]["temperature"]) == (10, 30)
    bench.day()
    assert bench.seen()["sensors"]["temperature"]["fault"] == "absent", "the other room is as it was"
    bench.day("temperature")
    assert not (tmp_path / "sensor.json").exists()
    for name in ("own", "attic"):
        with pytest.raises(Refused):
            bench.sensor(name, temperature=20)


@pytest.mark.parametrize(
    "room",
    [{"temperature": 81}, {"temperature": True}, {"humidity": "much"}, {"fault": "fire"}, {"light": 1}],
)
def test_a_room_that_no_sensor_can_be_in_is_refused(bench, room):
    with pytest.raises(Refused):
        bench.sensor(**room)


def test_the_limits_of_a_room_are_those_of_the_sensor_in_it(tmp_path):
    dht11 = {"model": "DHT11", "pin": 4}
    settings = {**SETTINGS, "sensor": dht11, "sensors": {"attic": dht11, "cellar": {"model": "DHT22"}}}
    bench = Bench(tmp_path, settings, "cpython", has_cable=False)
    for name in (None, "attic"):
        bench.sensor(name, temperature=-20, humidity=95)
        with pytest.raises(Refused, match="from -20 to 60"):
            bench.sensor(name, temperature=61)
        with pytest.raises(Refused, match="from 5 to 95"):
            bench.sensor(name, humidity=96)
    bench.sensor("cellar", temperature=61, humidity=100)
    seen = bench.seen()
    assert seen["sensor"]["ranges"] == {"temperature": (-20.0, 60.0), "humidity": (5.0, 95.0)}
    assert seen["sensors"]["cellar"]["ranges"] == {"temperature": (-40.0, 80.0), "humidity": (0.0, 100.0)}


@pytest.mark.parametrize("model", sorted(sensor.RANGES))
def test_a_simulated_sensor_has_the_limits_by_which_a_device_judges_a_real_one(model):
    (cold, hot), (dry, wet) = sensor.RANGES[model]["temperature"], sensor.RANGES[model]["humidity"]
    for temperature, humidity in ((cold, dry), (hot, wet)):
        assert sample(model, encode(model, temperature, humidity)) == (temperature, humidity)
    for temperature, humidity in ((cold - 0.1, 50), (hot + 0.1, 50), (20, wet + 1)):
        with pytest.raises(HardwareError):
            sample(model, encode(model, temperature, humidity))


def test_a_board_without_sensor_and_led_shows_none(tmp_path):
    """A Pico W and a Raspberry Pi go without; the desktop's port always has both."""
    bench = Bench(tmp_path, {"port": PICO, "outputs": {"fan": {"pin": 5}}}, "micropython", has_cable=False)
    seen = bench.seen()
    assert seen["sensor"] is None
    assert [line["name"] for line in seen["lines"]] == ["fan"]
    with pytest.raises(Refused, match="no sensor"):
        bench.sensor(temperature=20)
    desktop = Bench(tmp_path, {"port": "mock_gpio.port"}, "cpython", has_cable=False).seen()
    assert desktop["sensor"]["model"] == "DHT22"
    assert [line["name"] for line in desktop["lines"]] == ["LED"]


def test_what_a_console_says_faster_than_it_is_read_loses_its_oldest_and_that_is_said():
    spoken = Spoken()
    for number in range(AT_ONCE + 3):
        spoken.add(f"{number} ")
    gone, *pieces = spoken.taken()
    assert "3 pieces" in gone and pieces == [f"{number} " for number in range(3, AT_ONCE + 3)]
    assert spoken.taken() == []


def test_an_input_is_pressed_by_its_name(bench, ask, tmp_path):
    assert ask({"do": "press", "name": "door", "active": True}) == {"done": 1}
    assert json.loads((tmp_path / "inputs.json").read_text()) == {"door": True}
    assert "no input" in ask({"do": "press", "name": "window", "active": True})["error"]
    seen = bench.seen()
    assert ([line["level"] for line in seen["lines"]], seen["deeds"]) == ([0.0, 0.0, 1.0], 1)


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
    assert ask({"do": "day"}) == {"done": 1}, "others are served as before"


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


class Hub:
    """Somebody who listens at a port and says back what is said; for a while he does not."""

    def __init__(self, port):
        self.port = port
        self.begin()

    def begin(self):
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()

    def end(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self, server):
        with contextlib.suppress(OSError):
            while True:
                guest, _ = server.accept()
                threading.Thread(target=self._echo, args=(guest,), daemon=True).start()

    def _echo(self, guest):
        with contextlib.suppress(OSError), guest:
            while data := guest.recv(1024):
                guest.sendall(data)


@pytest.fixture
def line(tmp_path):
    """A hub, and a function that dials it through the cable of a bench; ``plug`` puts that in or out."""

    def plug(on):
        assert list(said(tmp_path, {"do": "network", "on": on})) == ["done"]

    def dial(limit=PATIENCE_S):
        port = json.loads((tmp_path / "cable.json").read_text())["port"]
        return socket.create_connection(("127.0.0.1", port), limit)

    with own_port() as port:
        hub = Hub(port)
        control = Control(Bench(tmp_path, SETTINGS, "cpython", has_cable=True), tmp_path, None, port)
        control.start()
        yield SimpleNamespace(hub=hub, plug=plug, dial=dial)
        control.stop()
    assert not (tmp_path / "cable.json").exists()


def test_a_cable_that_is_in_is_as_if_it_were_not_there(line):
    with line.dial() as device:
        device.sendall(b"hello")
        assert device.recv(5) == b"hello"
    line.hub.end()
    eventually(lambda: refused(line))
    line.hub.begin()
    eventually(lambda: not refused(line))


def refused(line):
    """Also who waits in the queue of a listener that closes, whom Linux resets."""
    try:
        line.dial().close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def test_a_cable_that_is_out_lets_nothing_pass_and_nobody_is_told(line):
    with line.dial() as device:
        device.sendall(b"before")
        assert device.recv(6) == b"before"
        line.plug(False)
        device.sendall(b"after")
        device.settimeout(A_WHILE_S)
        with pytest.raises(TimeoutError):
            device.recv(5)
        with pytest.raises(TimeoutError):
            line.dial(A_WHILE_S)
        line.plug(True)
        device.settimeout(PATIENCE_S)
        assert device.recv(5) == b"after", "a connection that has lasted goes on"
    eventually(lambda: not refused(line))


def test_a_device_names_the_hubs_own_port_and_is_refused_where_the_hub_is_gone(tmp_path):
    with LiveHub(tmp_path, page_port=0) as hub, started(hub, "own") as process:
        hub.stop()
        said = next(line for line in process.stdout if "cannot be reached" in line)
    assert f"localhost:{hub.info['mqttPort']} cannot be reached" in said


def test_a_board_that_is_given_power_has_forgotten_what_its_watchdog_knew(bench, tmp_path):
    for name in ("scratch.json", "cause"):
        (tmp_path / name).write_text("{}")
    with subprocess.Popen(["sleep", "60"]) as process:
        bench.starts()
        bench.started(process)
        assert (tmp_path / "scratch.json").exists(), "a reset does not take it"
        bench.power(False)
    bench.power(True)
    assert bench.was_cut_off(process)
    bench.starts()
    assert not (tmp_path / "scratch.json").exists() and not (tmp_path / "cause").exists()
