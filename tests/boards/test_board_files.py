"""Board files: those that come with Twinkle are right, and each mistake is named."""

import json
import re

import pytest
from gpiozero.pins.pi import PiBoardInfo
from support import ROOT

from twinkle_host.boards import load, problems
from twinkle_host.failure import Failure

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
    source = (ROOT / "host" / "mock_gpio" / "board_repl.py").read_text()
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
