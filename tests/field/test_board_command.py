"""``twinkle board``: tools take it for a Pico W, and the console says what it has met and what comes next."""

import json
import os
import signal
import subprocess

import pytest
from support import MPREMOTE, TWINKLE

from twinkle_host.console.dialogue import Dialogue
from twinkle_host.console.line import SerialLine
from twinkle_host.failure import Failure
from twinkle_host.mock_gpio.command import SWITCHES, Switches
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S, eventually


@pytest.fixture
def start(tmp_path):
    """Start ``twinkle board``; the process, whose input are its switches, and what it says first."""
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [TWINKLE, "board", *arguments, "--json"],
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)


def test_each_thing_that_can_be_met_is_named_with_what_comes_next(start, command, tmp_path):
    process, about = start()
    port = about["port"]

    def turn(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def met(words):
        """Wait until who asks there meets this."""
        eventually(lambda: words in asked(), told=asked)

    def asked():
        try:
            line = SerialLine(port)
        except Failure as failure:
            return failure.message
        try:
            return str(Dialogue(line).ask("status", 1).document)
        except Failure as failure:
            return failure.message
        finally:
            line.close()

    bare = subprocess.run(
        [MPREMOTE, "connect", port, "exec", "print(6 * 7)"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert bare.stdout.strip() == "42", bare
    met(f"no program of ours is on the board. Next: twinkle flash pico_w --port {port}")
    turn("stall")
    met("it said nothing")
    turn("flow")
    turn("speed 9600")
    met("what comes is no text, as from a line at another speed than 115200 baud")
    turn("speed none")
    turn("unplug")
    met("it is not there; is the board plugged in?")
    turn("plug")
    second = subprocess.run(
        [TWINKLE, "board"],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1 and "boards/board runs already" in second.stderr
    assert command("flash", "pico_w", "--port", port).status == 0
    met(f"no credentials yet. Next: twinkle provision pico_w --port {port}")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    start("--erase", "--do", "room temperature=31")
    assert json.loads((tmp_path / "twinkle/boards/board/bench/sensor.json").read_text())["temperature"] == 31
    met("no program of ours")


class Cable:
    """A board of which only is known what was done to it."""

    tell = SerialBoard.tell

    def __init__(self, folder):
        self.bench, self.stalled, self.speed, self.done = folder, False, None, []

    def __getattr__(self, name):
        return lambda: self.done.append(name)


def test_switches_do_what_they_say_and_nothing_twice(tmp_path):
    cable = Cable(tmp_path)
    switches = Switches(cable)
    for line in ("unplug", "unplug", "hang", "", "plug", "plug", "hang", "stall", "speed 9600"):
        switches.turn(line)
    assert cable.done == ["unplug", "plug_in", "hang"] and cable.stalled and cable.speed == 9600
    for line in ("hold", "wifi gone", "room temperature=-3 fault=absent"):
        switches.turn(line)
    told = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    assert told == {
        "inputs": {"22": 0},
        "air": {"wifi": "gone"},
        "sensor": {"temperature": -3.0, "humidity": 40.0, "fault": "absent"},
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("jump", "there is no jump; there are " + ", ".join(SWITCHES)),
        ("unplug now", "unplug: take the cable"),
        ("speed 300", "a speed is none, 9600, 115200"),
        ("hold maybe", "on or off"),
        ("wifi bad", "there, gone, refused or deaf"),
        ("room temperature=warm", "could not convert"),
        ("room door=open", "a room has temperature, humidity, lag, fault"),
        ('room "', "No closing quotation"),
    ],
)
def test_what_is_no_switch_is_refused(tmp_path, line, words):
    with pytest.raises(Failure, match=words):
        Switches(Cable(tmp_path)).turn(line)


def test_a_board_needs_a_name_that_is_one(command):
    assert command("board", "a/b").status == 2
