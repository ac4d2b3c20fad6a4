"""What a hub or a device has put into a text never reaches a terminal as more than text."""

import ast
import io
import json
import logging
import signal
import sys
import unicodedata

import pytest
from rich.console import Console
from support import ROOT

from twinkle_host.console.dialogue import Answer
from twinkle_host.console.session import Record
from twinkle_host.failure import Failure
from twinkle_host.flash.report import Report
from twinkle_host.hub import command as hub_command
from twinkle_host.provision.command import label
from twinkle_host.run import as_record, supervise
from twinkle_host.screen import plain, show, show_json
from twinkle_host.service import monitor, verbs
from twinkle_host.service.hub import explain

# A title, the screen cleared, a line of its own, C1's CSI, right to left, a paragraph, half a pair, rich's markup.
FOREIGN = (
    "\x1b]0;x\x07\x1b[2J\r\ntwinkle: ok\x7f\x9b2J"
    "\u202egnp.\u2066\u2069\u200f\u061c\u2028\u2029\ufeff\ud800[red]x[/]"
)
HARMLESS = "Küche 日本 \U0001f600 \u200d"


def text_alone(text, lines=1):
    """``text`` ends with a line break and is so many lines, of nothing but characters that are shown."""
    assert text.endswith("\n") and text.count("\n") == lines, ascii(text)
    wrong = [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    wrong += [
        c for c in text if unicodedata.bidirectional(c) in DIRECTIONS or c in "\u061c\u200e\u200f\ufeff"
    ]
    assert not wrong, ascii(text)


DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
EVENT = {"source": "Telemetry", "deviceId": FOREIGN, "enqueuedTime": FOREIGN, "body": {FOREIGN: FOREIGN}}


def test_a_text_is_one_line_and_what_is_shown_as_it_is_stays():
    assert plain(HARMLESS) == HARMLESS
    text_alone(plain(FOREIGN) + "\n")
    for number in range(0x11000):
        text_alone(plain(chr(number)) + "\n")


def test_json_stays_json():
    document = {FOREIGN: [FOREIGN, HARMLESS]}
    assert json.loads(plain(json.dumps(document, ensure_ascii=False))) == document


@pytest.mark.parametrize(
    "shown",
    [
        lambda: show(FOREIGN),
        lambda: show(FOREIGN, err=True),
        lambda: show_json({FOREIGN: FOREIGN}),
        lambda: Failure(FOREIGN).show(),
        lambda: explain(400, json.dumps({"Message": FOREIGN}), FOREIGN).show(),
        lambda: verbs._say(False, None, f"{FOREIGN:<32} enabled"),
        lambda: verbs._say(True, {FOREIGN: FOREIGN}, FOREIGN),
        lambda: verbs._say(False, EVENT, monitor.line(EVENT)),
        lambda: Report(False).say("  " + FOREIGN),
        lambda: show_json(as_record(FOREIGN)),
    ],
)
def test_whoever_shows_it(shown, capsys):
    shown()
    out, err = capsys.readouterr()
    text_alone(out + err)


def test_an_answer_of_a_device(capsys, tmp_path):
    answer = Answer(
        {"ok": False, "code": 400, "error": FOREIGN, "result": {FOREIGN: FOREIGN, "a": [FOREIGN]}}
    )
    for line in [*answer.lines(), answer.last_line()]:
        show(line)
    text_alone(capsys.readouterr().out, 3)
    record = Record(tmp_path / "log")
    record.note("<", FOREIGN + HARMLESS)
    text_alone(record.file.read_text(encoding="utf-8"))
    assert HARMLESS in record.file.read_text(encoding="utf-8")


def test_a_label_has_its_frame():
    lines = label({"device": FOREIGN, "board": "Pico W"})
    assert len({len(line) for line in lines}) == 1 and len(lines) == 4
    for line in lines:
        text_alone(line + "\n")


def test_the_table_of_the_monitor():
    row = monitor.Row()
    row.take(EVENT, 0)
    row.take({**EVENT, "source": FOREIGN}, 0)
    console = Console(width=400, record=True, file=io.StringIO(), force_terminal=False)
    console.print(monitor.render({FOREIGN: row, "[bold": monitor.Row()}, 0))
    text = console.export_text()
    text_alone(text, text.count("\n"))
    assert "[red]x" in text and "[bold" in text


def test_the_output_of_a_device_process(capsys, tmp_path):
    program = (
        "import sys; sys.stdout.buffer.write(b'1.000 info \\x1b[2J\\xff\\xe2\\x80\\xae\\nnan info x\\n')"
    )
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for as_json in (False, True):
        assert supervise([sys.executable, "-c", program], {}, tmp_path / "stop", as_json) == 0
        out = capsys.readouterr().out
        text_alone(out, 2)
        if as_json:
            first, second = map(json.loads, out.splitlines())
            assert first == {"seconds": 1.0, "level": "info", "text": "\x1b[2J\ufffd\u202e"}
            assert second == {"text": "nan info x"}
    assert handlers == {number: signal.getsignal(number) for number in handlers}


def test_the_log_of_the_hub():
    record = logging.LogRecord("twinkle.hub", logging.INFO, "", 0, "%s closed: %s", (FOREIGN, FOREIGN), None)
    text_alone(hub_command._Plain("%(message)s").format(record) + "\n")


def test_nothing_is_shown_in_any_other_way():
    """Of the host's own modules only ``screen`` prints."""
    found = []
    for file in sorted((ROOT / "host").rglob("*.py")):
        place = file.relative_to(ROOT / "host").as_posix()
        # What stands in for a board, and what is run on one, are no commands of this computer.
        if place == "screen.py" or place.startswith(
            ("mock_gpio/", "flash/raspberry_pi_files/", "try_application.py")
        ):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                if name in ("print", "click.echo", "click.secho") or name.endswith(
                    ("stdout.write", "stderr.write")
                ):
                    found.append(f"{place}:{node.lineno} {name}")
    assert found == []
