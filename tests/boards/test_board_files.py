"""Board files: those that come with Twinkle are right, and each mistake is named."""

import json
import re

import pytest
from click.testing import CliRunner
from gpiozero.pins.pi import PiBoardInfo
from support import ROOT

from twinkle_host.boards import boards, load, problems
from twinkle_host.failure import Failure
from twinkle_host.flash import image
from twinkle_host.flash.command import flash
from twinkle_host.run import run

BOARDS = sorted(path.stem for path in (ROOT / "boards").glob("*.json"))
REVISIONS = {"3B": 0xA02082, "4B": 0xA03111, "5B": 0xC04170}


def board(name="pico_w", **changes):
    settings = json.loads((ROOT / "boards" / f"{name}.json").read_text())
    return {**settings, **changes}


@pytest.mark.parametrize("name", BOARDS)
def test_the_boards_that_come_with_twinkle_have_no_mistake(name):
    assert load(name)["name"] == name


@pytest.mark.parametrize("model", REVISIONS)
def test_the_raspberry_pis_pins_are_those_that_gpiozero_knows(model):
    facts = json.loads((ROOT / "boards" / "hardware" / "raspberry_pi.json").read_text())
    header = PiBoardInfo.from_revision(REVISIONS[model]).headers["J8"]
    known = {int(pin.name[4:]): number for number, pin in header.pins.items() if pin.name.startswith("GPIO")}
    ours = {int(pin): about["header"] for pin, about in facts["pins"].items()}
    assert {pin: place for pin, place in known.items() if str(pin) not in facts["taken"]} == ours
    assert set(map(int, facts["taken"])) == set(known) - set(ours)


def test_the_picos_pins_are_the_rp2040s_and_each_has_its_place():
    facts = json.loads((ROOT / "boards" / "hardware" / "pico_w.json").read_text())
    pins = {int(pin): about for pin, about in facts["pins"].items() if pin != "LED"}
    assert sorted([*pins, *map(int, facts["taken"])]) == list(range(30))
    places = [about["header"] for about in pins.values()]
    assert len(set(places)) == 26
    grounds_and_supplies = {3, 8, 13, 18, 23, 28, 30, 33, 35, 36, 37, 38, 39, 40}
    assert set(places) == set(range(1, 41)) - grounds_and_supplies


def test_a_picos_storage_is_the_file_system_that_its_micropython_makes():
    facts = json.loads((ROOT / "boards" / "hardware" / "pico_w.json").read_text())
    source = (ROOT / "host" / "mock_gpio" / "board_flash.py").read_text()
    block, blocks = (
        int(re.search(rf"^{name} = (\d+)", source, re.MULTILINE)[1]) for name in ("BLOCK", "BLOCKS")
    )
    assert board()["information"]["totalStorage"] == facts["storage"]["kilobytes"] == block * blocks / 1024


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"led": {"pin": 16}, "sensor": {"model": "DHT22", "pin": 16}},
            "pin 16 of the sensor is already used",
        ),
        ({"sensor": {"model": "DHT22", "pin": 31}}, "pin 31 of the sensor does not exist"),
        ({"sensor": {"model": "DHT22", "pin": 24}}, "taken on a Raspberry Pi Pico W: data of the radio"),
        ({"sensor": {"model": "DHT22", "pin": "LED"}, "led": {"pin": 3}}, "is not on the header"),
        ({"led": {"pin": "LED", "pwm": True}}, "pin LED of the led cannot be dimmed"),
        ({"sensor": {"model": "DHT22"}}, "the sensor has no pin"),
        ({"sensor": {"model": "DHT33", "pin": 1}}, "sensor.model must be one of DHT11, DHT22, not 'DHT33'"),
        ({"sensor": {"model": "DHT22", "pin": 1.5}}, "sensor.pin has a value of the wrong kind"),
        ({"led": {"pin": True}}, "led.pin has a value of the wrong kind"),
        ({"led": {"pin": 3, "colour": "red"}}, "'led' has no member 'colour'"),
        ({"led": 3}, "'led' has a value of the wrong kind"),
        ({"lde": {}}, "'lde' is no member of a board file"),
        ({"watchdog": 9000}, "'watchdog' must be from 3000 to 8388"),
        ({"gpio": "pigpio"}, "'gpio' must be one of rpigpio, lgpio"),
        ({"hardware": "arduino"}, "the hardware 'arduino' is not known; there is pico_w, raspberry_pi"),
        ({"port": ""}, "it lacks 'port'"),
    ],
)
def test_a_mistake_is_named(changes, words):
    wrong = problems(board(**changes))
    assert any(words in sentence for sentence in wrong), wrong


def named(**parts):
    """A Pico W's board file with an output ``fan`` on pin 6, and these."""
    return board(**{"outputs": {"fan": {"pin": 6, "pwm": True}, **parts.pop("outputs", {})}, **parts})


def on_a_pi(**parts):
    return board("raspberry_pi", **parts)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (named(outputs={"x": {"pin": 6}}), "pin 6 of the output x is already used by the output fan"),
        (named(outputs={"x": {"pin": 15}}), "pin 15 of the output x is already used by the sensor"),
        (named(inputs={"x": {"pin": 6}}), "pin 6 of the input x is already used by the output fan"),
        (named(inputs={"x": {"pin": 22}}), "pin 22 of the input x is already used by the hold"),
        (named(sensors={"x": {"model": "DHT11", "pin": 6}}), "pin 6 of the sensor x is already used"),
        (named(outputs={"x": {"pin": 23}}), "taken on a Raspberry Pi Pico W: power of the radio"),
        (named(inputs={"x": {"pin": 29}}), "taken on a Raspberry Pi Pico W: clock of the radio"),
        (named(inputs={"x": {"pin": 31}}), "pin 31 of the input x does not exist"),
        (named(outputs={"x": {"pin": -1}}), "pin -1 of the output x does not exist"),
        (named(outputs={"x": {}}), "the output x has no pin"),
        (named(sensors={"x": {"model": "DHT22"}}), "the sensor x has no pin"),
        (named(sensors={"x": {"pin": 3}}), "sensors.x lacks 'model'"),
        (
            named(sensors={"x": {"model": "BME280", "pin": 3}}),
            "sensors.x.model must be one of DHT11, DHT22, own",
        ),
        (named(sensors={"x": {"model": "own", "pin": 3}}), "sensors.x is the board's own temperature"),
        (named(outputs={"x": {"pin": "LED"}}), "outputs.x.pin has a value of the wrong kind"),
        (named(outputs={"x": {"pin": True}}), "outputs.x.pin has a value of the wrong kind"),
        (named(outputs={"x": {"pin": 7, "pwm": 1}}), "outputs.x.pwm has a value of the wrong kind"),
        (named(outputs={"x": 7}), "outputs.x must be an object"),
        (
            named(outputs={"x": {"pin": 7, "pull": "up"}}),
            "outputs.x has no member 'pull'; there are pin, pwm",
        ),
        (
            named(outputs={"x": {"pin": 7, "active": "on"}}),
            "outputs.x.active must be one of high, low, not 'on'",
        ),
        (named(outputs={"two words": {"pin": 7}}), "outputs.two words: a name is a letter and up to 31"),
        (named(outputs={"": {"pin": 7}}), "outputs.: a name is a letter"),
        (named(outputs={"$x": {"pin": 7}}), "outputs.$x: a name is a letter"),
        (named(outputs={"x": {"pin": 7, "frequency": 50}}), "outputs.x.frequency is for an output with pwm"),
        (named(outputs={"x": {"pin": 8, "pwm": True, "frequency": 7}}), "must be from 8 to 100000 Hz"),
        (named(outputs={"x": {"pin": 8, "pwm": True, "frequency": 100001}}), "must be from 8 to 100000 Hz"),
        (
            named(outputs={"x": {"pin": 7, "pwm": True, "frequency": 50}}),
            "pin 7 of the output x has the PWM frequency of pin 6 of the output fan, which is 1000 Hz",
        ),
        (
            named(outputs={"a": {"pin": 4, "pwm": True}, "b": {"pin": 20, "pwm": True}}),
            "pin 20 of the output b has the PWM channel of pin 4 of the output a",
        ),
        (
            named(led={"pin": 16, "pwm": True}, outputs={"x": {"pin": 0, "pwm": True}}),
            "pin 0 of the output x has the PWM channel of pin 16 of the led",
        ),
        (
            named(inputs={"x": {"pin": 7, "debounce": 1001}}),
            "inputs.x.debounce must be from 0 to 1000 milliseconds",
        ),
        (
            named(inputs={"x": {"pin": 7, "debounce": -1}}),
            "inputs.x.debounce must be from 0 to 1000 milliseconds",
        ),
        (
            named(inputs={"x": {"pin": 7, "pull": "left"}}),
            "inputs.x.pull must be one of up, down, none, not 'left'",
        ),
        (
            named(inputs={"x": {"pin": 7, "event": "edge"}}),
            "inputs.x.event must be one of change, on, off, level",
        ),
        (board(outputs=[]), "'outputs' has a value of the wrong kind"),
        (board(inputs="door"), "'inputs' has a value of the wrong kind"),
        (
            on_a_pi(outputs={"x": {"pin": 0}}),
            "taken on a Raspberry Pi with a header of 40 pins: identification",
        ),
        (on_a_pi(outputs={"x": {"pin": 5, "pwm": True, "frequency": 20000}}), "must be from 1 to 10000 Hz"),
        (on_a_pi(inputs={"x": {"pin": 3, "pull": "down"}}), "has a resistor on the board that pulls it up"),
        (on_a_pi(inputs={"x": {"pin": 2, "pull": "none"}}), "has a resistor on the board that pulls it up"),
        (on_a_pi(outputs={"x": {"pin": 17}}), "pin 17 of the output x is already used by the led"),
    ],
)
def test_a_mistake_in_what_is_named_is_named(settings, words):
    wrong = problems(settings)
    assert any(words in sentence for sentence in wrong), wrong


@pytest.mark.parametrize(
    "settings",
    [
        named(
            outputs={"pump": {"pin": 7, "pwm": True}, "relay": {"pin": 22, "active": "low"}},
            hold={"pin": 21},
            inputs={"door": {"pin": 18, "debounce": 0}, "bell": {"pin": 19, "pull": "down", "event": "on"}},
            sensors={"attic": {"model": "DHT11", "pin": 14}, "board": {"model": "own"}},
        ),
        named(outputs={"x": {"pin": 22}}, hold={"pin": 21}),  # pin 6's channel, but no PWM
        named(outputs={"x": {"pin": 8, "pwm": True, "frequency": 25000}}),
        on_a_pi(outputs={"x": {"pin": 5, "pwm": True}, "y": {"pin": 21, "pwm": True, "frequency": 50}}),
        on_a_pi(inputs={"x": {"pin": 3}, "y": {"pin": 2, "active": "high"}}),
        {"port": "mock_gpio.port", "app": "apps.environment", "outputs": {"x": {}}, "inputs": {"y": {}}},
    ],
)
def test_what_can_be_is_no_mistake(settings):
    assert problems(settings) == []


def test_a_pis_pins_that_are_pulled_are_those_that_gpiozero_knows():
    facts = json.loads((ROOT / "boards" / "hardware" / "raspberry_pi.json").read_text())
    for model in REVISIONS.values():
        pins = PiBoardInfo.from_revision(model).headers["J8"].pins.values()
        pulled = {pin.name[4:]: pin.pull for pin in pins if pin.pull and pin.name[4:] in facts["pins"]}
        assert pulled == facts["pulled"]


def test_what_is_no_mistake_and_worth_knowing_is_a_note(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(on_a_pi(inputs={"door": {"pin": 14}})))
    done = CliRunner().invoke(boards, ["check", str(file)])
    assert done.exit_code == 0, done.output
    assert "is fine" in done.output
    assert "note: pin 14 of the input door is also the serial console's transmitter (UART)" in done.output
    told = json.loads(CliRunner().invoke(boards, ["check", str(file), "--json"]).output)
    assert told["problems"] == [] and len(told["notes"]) == 1


APP = """
from twinkle import App

app = App()


@app.input("door")
def door(board, active):
    board.outputs["fan"].on()
    return {"attic": board.sensors["attic"].temperature, "bell": board.inputs["bell"].value}
"""
WANTED = (
    "app.py:7: it wants the input 'door'; the board file has none",
    "app.py:9: it wants the output 'fan'; the board file has pump",
    "app.py:10: it wants the sensor 'attic'; the board file has none",
    "app.py:10: it wants the input 'bell'; the board file has none",
)


def test_what_an_application_wants_and_the_board_file_has_not_is_named(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    settings = board(app="app.py", outputs={"pump": {"pin": 6}})
    assert sorted(problems(settings, tmp_path)) == sorted(WANTED)
    settings.update(
        outputs={"fan": {"pin": 6}},
        inputs={"door": {"pin": 7}, "bell": {"pin": 8}},
        sensors={"attic": {"model": "own"}},
    )
    assert problems(settings, tmp_path) == []


STRING = "HostName=hub.example;DeviceId=desk;SharedAccessKey=c2VjcmV0"


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (flash, ["pico_w"]),
        (flash, ["raspberry_pi"]),
        (run, ["--board", "pico_w", "--mock", "--connection-string", STRING]),
        (run, ["--connection-string", STRING]),
    ],
)
def test_flash_and_run_refuse_it_too(tmp_path, verb, words):
    (tmp_path / "app.py").write_text(APP)
    result = CliRunner().invoke(verb, [*words, "--app", str(tmp_path / "app.py")])
    assert "wants the input 'door'; the board file has none" in result.output


def test_an_output_cannot_have_the_name_of_the_led():
    assert "the name of the board's LED" in problems(board(outputs={"led": {"pin": 6}}))[0]


def test_a_raspberry_pi_has_them_anyhow_since_its_board_file_may_be_edited_there():
    found, _ = image.sources(on_a_pi())
    assert {"twinkle/ports/rpi_wiring.py", "twinkle/core/inputs.py"} <= set(found)


def test_a_board_is_given_the_files_of_what_its_board_file_names():
    plain, _ = image.sources(board())
    assert not any("wir" in path or "inputs" in path for path in plain)
    wired, _ = image.sources(named())
    assert set(wired) - set(plain) == {
        "twinkle/ports/wiring.py",
        "twinkle/ports/pico_wiring.py",
        *(f"twinkle/core/{name}.py" for name in ("wiring", "wired_verbs", "outputs", "inputs", "sensors")),
    }


@pytest.mark.parametrize("content", ["{", "[]", '"pico_w"', ""])
def test_a_file_that_is_no_board_file_is_refused(tmp_path, content):
    file = tmp_path / "mine.json"
    file.write_text(content)
    with pytest.raises(Failure, match="the board file"):
        load(str(file))


def test_a_users_own_board_file_is_taken_by_its_path(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(board(sensor={"model": "DHT11", "pin": 2})))
    assert load(str(file))["sensor"]["model"] == "DHT11"
    with pytest.raises(Failure, match="known are desktop, pico_w"):
        load("nowhere")
