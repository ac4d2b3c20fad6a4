"""``twinkle console`` as a technician has it: a terminal, a board that restarts, a record of the session."""

import os
import re

import pytest
from screen import Screen

from twinkle_host.waiting import eventually

PASSWORD = "a secret of the house"


@pytest.fixture
def device(command, board, hub):
    """A board whose device is up."""
    command("flash", "pico_w", "--port", board.port)
    name = f"console-{os.path.basename(os.path.dirname(board.port))}-{id(board)}"
    done = command(
        *("provision", "pico_w", "--port", board.port, "--ca-file", hub.info["caFile"], "--wifi", "home"),
        TWINKLE_DEVICE_CONNECTION_STRING=f"{hub.add(name)};Port={hub.info['mqttPort']}",
        TWINKLE_WIFI_PASSWORD=PASSWORD,
    )
    assert done.status == 0, done
    return board


def test_a_session_completes_remembers_records_and_waits_for_the_board(device, tmp_path, home):
    log = tmp_path / "session.log"
    state = {"XDG_STATE_HOME": str(tmp_path)}
    with Screen(state, "console", "--port", device.port, "--log", log) as screen:
        screen.wait_for("help names the verbs")
        screen.wait_for(r"console-\S+>")  # the device's name
        screen.type("ver\t")
        screen.wait_for("version")
        screen.type("\r")
        screen.wait_for("twinkle: 0.1.0")
        screen.type("led brigh\t")
        screen.wait_for("led brightness")
        screen.type(" 0.5\r")
        screen.wait_for("cannot be dimmed")
        screen.type("call turnof\t")
        screen.wait_for("call turnoff")
        screen.type("\r")
        screen.wait_for("status: 200")
        screen.type('wifi set "home"\r')
        screen.wait_for("password")
        screen.type(PASSWORD + "\r")
        screen.wait_for("ok")
        screen.wait_for("ready: ")
        screen.type("reboot\r")
        screen.wait_for("reset: ")
        screen.wait_for("ready: ")
        device.unplug()
        screen.wait_for("waiting for it to come back")
        device.plug_in(lambda: screen.wait_for("it is back"))
        screen.wait_for("ready: ")
        screen.type("status\r")
        screen.wait_for("link: ready")
        assert screen.leave() == 0
    record = log.read_text()
    assert re.search(r"^20\d\d-\d\d-\d\dT[\d:.]+\+00:00 > led brightness 0.5$", record, re.MULTILINE), record
    assert "< twinkle: 0.1.0" in record and "- it is back" in record
    history = (tmp_path / "twinkle" / "console-history").read_text()
    assert "+version" in history
    for kept in (record, history):
        assert PASSWORD not in kept
    # The next session remembers: the arrow brings back the last line.
    with Screen(state, "console", "--port", device.port, "--log", log) as screen:
        screen.wait_for("help names the verbs")
        screen.wait_for(r"console-\S+>")
        screen.type("\x1b[A\r")
        screen.wait_for("link: ready")
        screen.type("hold\r")
        screen.wait_for("the device is held")
        screen.wait_for("Next: mpremote connect")
        assert screen.leave() == 0


def test_one_question_has_an_exit_status(device, command):
    ask = lambda *words: command("console", "--port", device.port, "-c", *words)  # noqa: E731
    assert ask("version").status == 0 and ask("version").out.endswith("ok\n")
    assert ask("nonsense").status == 3 and ask("led").status == 4
    assert ask("call turnon", "--json").document == {"ok": True, "result": {"status": 200, "payload": None}}
    for words in (["version --json"], [" version  --json "], ["version --json", "--json"]):
        assert ask(*words).document["result"]["twinkle"] == "0.1.0"
    assert ask("led --json").document["code"] == 400 and ask("led --json").status == 4
    before = len(device._said)
    assert ask("hold").status == 0
    # A question that comes while it starts would interrupt it before it has seen that it is to hold.
    eventually(lambda: b">>> " in device._said[before:])
    held = ask("status")
    assert held.status == 6 and "the device is held" in held.err and held.err.count("\n") == 1
    device.hang()
    silent = ask("version", "--timeout", "1")
    assert silent.status == 6 and "no answer" in silent.err and silent.err.count("\n") == 1


def test_a_session_with_a_bare_board_ends_with_what_comes_next(board, tmp_path):
    with Screen({"XDG_STATE_HOME": str(tmp_path)}, "console", "--port", board.port) as screen:
        text = screen.read_to_the_end().replace("\n", "")  # it is longer than the screen is wide
    assert f"no program of ours is on the board. Next: twinkle flash pico_w --port {board.port}" in text


def test_a_console_needs_somebody_or_a_question(command, board):
    assert "ask with -c" in command("console", "--port", board.port).err
    assert command("console", "--device", "nobody", "-c", "status").status == 3
    assert command("console", "--device", "nobody", "--port", "x", "-c", "status").status == 2
