"""The emulated Raspberry Pi's own parts: a verdict is what was seen, and the page says it."""

import socket
import threading

import pytest
from raspberry_pi_rig import checks, gpio, machine, page
from raspberry_pi_rig.judge import Judge, Wrong, expect, gate, until
from raspberry_pi_rig.steps import StepFailed, Steps
from support import ROOT

from twinkle_host.waiting import PATIENCE_S

ABOUT = {"date": "2026-01-01", "board": "raspberry_pi", "seconds": 900, "made": 0}
FIGURES = dict.fromkeys(("kernel", "systemd", "python", "gpio"), "1.0")


def is_true(world):
    """It is true."""
    return "seen"


def is_false(world):
    """It is false."""
    expect(False, "something else")


@gate
def is_shut(world):
    """It opens."""
    raise OSError("no way")


@pytest.fixture
def judge(tmp_path):
    return Judge(Steps(tmp_path, "here"))


def test_what_is_not_as_it_should_be_fails_with_what_was_seen_instead(judge, capsys):
    assert judge.chapter(None, [is_true, is_false])
    assert [verdict.passed for verdict in judge.verdicts] == [True, False]
    assert "FAIL  It is false. (0 s): something else" in capsys.readouterr().out


def test_what_cannot_be_tried_counts_as_failed(judge, capsys):
    assert not judge.chapter(None, [is_shut, is_true, is_true])
    assert [verdict.passed for verdict in judge.verdicts] == [False, False, False]
    assert "OSError: no way" in judge.verdicts[0].seen
    assert "not tried, for this failed: It opens." in judge.verdicts[2].seen
    assert "FAIL  2 further checks cannot be tried" in capsys.readouterr().out


def test_a_wait_ends_with_what_was_seen_last():
    answers = iter([False, False, True])
    assert until(lambda: next(answers), 10, str, 0)
    with pytest.raises(Wrong, match="not within 0 s: nothing"):
        until(lambda: False, 0, lambda: "nothing", 0)


def test_a_program_that_fails_is_named_with_the_end_of_its_log(tmp_path):
    steps = Steps(tmp_path, "here")
    with pytest.raises(StepFailed, match=r"sh ended with 3;(.|\n)*too bad"):
        steps.run("sh", "-c", "echo too bad; exit 3")
    with pytest.raises(StepFailed, match=r"took more than 0 s"):
        steps.run("sleep", "5", limit=0)


def test_pins_are_read_from_the_registers_that_the_monitor_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    # Pin 17 is an output (function select 1, bits 21 to 23) and high (level register, bit 17).
    registers = {gpio.BLOCK + 4: 1 << 21, gpio.LEVELS: 1 << 17}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("monitor")
    listener.listen()

    def answer():
        line, _ = listener.accept()
        with line, line.makefile("rw") as words:
            line.sendall(b"QEMU 7.2 monitor\r\n(qemu) ")
            for question in words:
                address = int(question.split()[-1], 16)
                line.sendall(b"%016x: 0x%08x\r\n(qemu) " % (address, registers.get(address, 0)))

    monitor = threading.Thread(target=answer, daemon=True)
    monitor.start()
    with gpio.Gpio("monitor") as pins:
        assert (pins.function(17), pins.level(17), pins.function(4), pins.level(4)) == (
            "output",
            1,
            "input",
            0,
        )
    monitor.join(PATIENCE_S)
    listener.close()


def test_edges_and_the_share_of_light_are_those_of_the_samples():
    seen = [(0.0, 0), (0.1, 1), (0.2, 1), (0.3, 0)]
    assert gpio.edges(seen) == [0.1, 0.3] and gpio.high_share(seen) == 0.5


def test_the_page_tells_what_passed_and_what_did_not():
    check = {"sentence": "It runs.", "passed": True, "seconds": 3.4, "seen": "a | b"}
    only = {**check, "sentence": "It also runs."}
    failed = {**check, "passed": False, "seen": "it\nstops"}
    records = {
        "bookworm": {**ABOUT, "facts": FIGURES, "checks": [check, only]},
        "trixie": {**ABOUT, "made": 60, "facts": FIGURES | {"python": "2.0"}, "checks": [failed]},
    }
    text = page.render(records)
    assert "| It runs. | ✓ 3 s; a / b | **no**: it stops |" in text
    assert "| It also runs. | ✓ 3 s; a / b | not tried |" in text
    assert (
        "bookworm: 2026-01-01, board file `raspberry_pi` first; 900 s, its parts were in the cache." in text
    )
    assert "first; 900 s, 60 s of them for what later runs find made." in text
    assert "bookworm 1.0, in the virtual environment" in text and "<br>trixie 2.0, in the" in text


def test_the_page_of_boards_names_every_check():
    """`tools/raspberry_pi --record` writes it from a run; this only notices that it was not run."""
    text = (ROOT / "docs/boards.md").read_text()
    sentences = {" ".join(check.__doc__.split()) for chapter, _ in checks.STARTS for check in chapter}
    assert [sentence for sentence in sentences if f"| {sentence} |" not in text] == []


def test_a_start_whose_network_the_emulator_lost_is_done_again_and_no_more_than_twice(tmp_path, monkeypatch):
    computer = machine.Machine(tmp_path, tmp_path / "card", tmp_path, tmp_path / "key", "ssh-ed25519 AAAA")
    started = []

    def start(number, knows_time):
        started.append((number, knows_time))
        computer._started = number, knows_time
        computer.console.write_text(f"[   47.9] {machine.LOST_NETWORK}\n")

    monkeypatch.setattr(computer, "start", start)
    computer.console.write_text("[    1.0] usb0: register\n")
    assert not computer.start_again_if_lost()
    computer.start(4, False)
    assert [computer.start_again_if_lost() for _ in range(3)] == [True, True, False]
    assert started == [(4, False)] * 3
    assert len(list(tmp_path.glob("*.lost-*.log"))) == 2  # what they said is kept
    computer.close()
