"""A board on which something runs, and host commands that come at a bad moment or are broken off."""

import os
import signal
import subprocess

import pytest
from lines import heard
from support import MPREMOTE, TWINKLE
from test_pico_path import provision

from twinkle_host.console.line import SerialLine
from twinkle_host.failure import NOT_ONLINE, Failure
from twinkle_host.flash import serial_link
from twinkle_host.flash.conversation import Conversation
from twinkle_host.flash.serial_link import SerialLink, ask_running
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S, eventually

NAME_SERVER_S = 8  # how long the device asks one that does not answer
# Says what the console of a device says, and comes to its prompt when it is asked for it once more, or never.
SLOW = """
import sys, time, micropython
micropython.kbd_intr(-1)
print("slow: started")
while True:
    line = b""
    while line[-1:] != b"\\r":
        line += sys.stdin.buffer.read(1)
    if b"version" in line:
        print('{{"ok": true, "result": {{"twinkle": "0.0.1"}}}}')
    elif b"hold" in line:
        print("slow: asked to hold")
        {holds}
        print('{{"ok": true, "result": []}}')
        break
"""
LATE = 'while sys.stdin.buffer.read(1) != b"\\x03": pass'
NEVER = "while True: time.sleep(1)"


class Broken:
    """A command that is ended with Ctrl-C."""

    def __init__(self, home, *arguments):
        self._process = subprocess.Popen(
            [TWINKLE, *map(str, arguments)],
            env={**os.environ, "XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def off(self):
        """Press it; what the command says then."""
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=PATIENCE_S)
        assert self._process.returncode == 1 and "Traceback" not in said, said
        return said


@pytest.fixture(scope="module")
def device(command, hub, tmp_path_factory):
    """A board whose device is up."""
    with SerialBoard(tmp_path_factory.mktemp("harmless")) as board:
        command("flash", "pico_w", "--port", board.port)
        assert provision(command, board, hub, "harmless").document["ready"]
        yield board


@pytest.fixture
def waiting(device, command):
    """The same, in the middle of a wait in which it does not read its console."""
    device.tell("air", {"dns": NAME_SERVER_S})
    asking = device.bench / "asking"
    asking.unlink(missing_ok=True)  # of a device that was ended while it asked
    line = SerialLine(device.port)
    line.write(b"\x03reboot\r")
    heard(line, "started by a reset")
    line.close()
    # The first look-up of this start: after one in vain the device rests, and what it says is heard when it is over.
    eventually(asking.exists)
    yield device
    (device.bench / "air.json").unlink()
    assert command("console", "--port", device.port, "-c", "version").status == 0, "it runs as before"
    # It would be connected by itself when its back-off is over, which may be minutes.
    line = SerialLine(device.port)
    line.write(b"reboot\r")
    heard(line, "started by a reset")
    heard(line, "ready: harmless")
    line.close()


def test_a_device_that_waits_for_a_name_server_is_flashed_and_runs_again(waiting, command):
    done = command("flash", "pico_w", "--port", waiting.port, "--no-wait")
    assert done.status == 0, done


def broken_off(*_):
    """Ctrl-C."""
    raise KeyboardInterrupt


def test_a_command_that_is_broken_off_in_the_wait_leaves_the_device_alone(waiting, command, monkeypatch):
    starts = waiting.starts
    monkeypatch.setattr(Conversation, "listen", broken_off)
    with pytest.raises(KeyboardInterrupt):
        SerialLink(waiting.port).__enter__()
    assert command("console", "--port", waiting.port, "-c", "version").status == 0
    assert waiting.starts == starts


def test_a_command_that_gives_up_leaves_the_device_alone(waiting, command):
    starts = waiting.starts
    with pytest.raises(Failure, match="does not give its prompt"):
        SerialLink(waiting.port, patience=0.5).__enter__()
    assert command("console", "--port", waiting.port, "-c", "version").status == 0
    assert waiting.starts == starts


def test_a_dry_run_asks_a_device_that_runs_and_leaves_it_alone(device, command, hub):
    eventually(lambda: hub.call("get_device", "harmless")["connectionState"] == "Connected")
    starts = device.starts
    line = SerialLine(device.port)
    line.write(b"half a li")  # what somebody else has typed is not carried out
    line.close()
    shown = command("flash", "pico_w", "--port", device.port, "--dry-run")
    assert shown.status == 0 and "release 0.1.0 runs there and goes on running" in shown.out, shown
    asked = command("flash", "pico_w", "--port", device.port, "--dry-run", "--json").document
    assert asked["running"] and asked["release"] == asked["new"] == "0.1.0" and "copied" not in asked
    assert device.starts == starts
    assert hub.call("get_device", "harmless")["connectionState"] == "Connected"


def slow(board, command, tmp_path, holds=LATE):
    """A board on which SLOW runs."""
    (tmp_path / "main.py").write_text(SLOW.format(holds=holds))
    command("connect", board.port, "fs", "cp", tmp_path / "main.py", ":main.py", program=MPREMOTE)
    line = SerialLine(board.port)
    line.write(b"\x02\x04")
    heard(line, "slow: started")
    return line


def test_a_device_that_has_been_asked_to_hold_runs_again_when_the_command_is_broken_off(
    board, command, home, tmp_path
):
    slow(board, command, tmp_path).close()
    received = board.received
    flash = Broken(home, "flash", "pico_w", "--port", board.port)
    eventually(lambda: board.received >= received + len(b"\x03\x02\x03\rversion --json\rhold --json\r"))
    assert "keeps to its prompt" not in flash.off()
    assert ask_running(board.port) == {"twinkle": "0.0.1"}


@pytest.fixture
def gives_up(monkeypatch):
    """A command waits for the answer to its question, and then gives up at once."""
    listen = Conversation.listen

    def listen_to_one(talk, shown=b""):
        talk._patience = PATIENCE_S if shown else 0
        return listen(talk, shown)

    monkeypatch.setattr(Conversation, "listen", listen_to_one)


def test_a_device_that_holds_too_late_is_waited_for_and_started(board, command, tmp_path, gives_up):
    slow(board, command, tmp_path).close()
    starts = board.starts
    with pytest.raises(Failure) as raised:
        SerialLink(board.port, patience=PATIENCE_S).__enter__()
    assert raised.value.exit_code == NOT_ONLINE and "keeps to its prompt" not in str(raised.value)
    # This process starts the board's, too: until that runs, it has a copy of the line, and of its lock.
    eventually(lambda: board.starts > starts)
    assert ask_running(board.port) == {"twinkle": "0.0.1"}


def test_a_board_that_cannot_be_started_again_is_said_to_be_held_and_how_to_start_it(
    board, command, tmp_path, gives_up
):
    slow(board, command, tmp_path, NEVER).close()
    with pytest.raises(Failure) as raised:
        SerialLink(board.port, patience=0.4).__enter__()
    assert "mpremote connect" in str(raised.value) and "unplug the board" in str(raised.value)


def test_what_a_board_is_doing_is_let_end_when_a_command_is_broken_off(board, monkeypatch):
    """Ctrl-C in the middle of an operation of its file system would leave that unusable until the next start."""
    for name in ("STILL_S", "REPLY_S"):  # a simulated board may be silent for longer, on a busy computer
        monkeypatch.setattr(serial_link, name, PATIENCE_S)
    with pytest.raises(KeyboardInterrupt), SerialLink(board.port) as link:
        starts = board.starts  # it runs: who has just been plugged in is yet to start
        link._transport.follow = broken_off
        link.run("import time\ntime.sleep(0.5)\nopen('/done', 'w').close()")
    eventually(lambda: board.starts > starts)  # see above
    with SerialLink(board.port) as link:
        assert link.read("/done") == b""


def test_a_copy_that_is_broken_off_says_that_the_board_is_held_and_the_next_one_starts_it(
    board, command, home
):
    flash = Broken(home, "flash", "pico_w", "--port", board.port)
    eventually(lambda: board.received > 20_000)
    assert "until its files are whole: run the same again" in flash.off()
    assert ask_running(board.port) is None
    starts = board.starts
    assert command("flash", "pico_w", "--port", board.port).status == 0
    assert board.starts > starts
