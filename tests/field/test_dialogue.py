"""Asking on a console: the answer is one line among others, and none of the others is lost."""

import json

import pytest

from twinkle_host.console.dialogue import Dialogue
from twinkle_host.console.line import Gone
from twinkle_host.console.session import Record, Session
from twinkle_host.failure import FAILED, Failure

ANSWER = b'{"ok": true, "result": ["- help   this list"]}'


class Board:
    """A line on which these pieces come, one a read, and that is then gone."""

    name, attention = "/dev/ttyACM0", "\x03"

    def __init__(self, *pieces):
        self.pieces, self.typed = list(pieces), []

    def read(self):
        if not self.pieces:
            raise Gone
        return self.pieces.pop(0)

    def write(self, data):
        self.typed.append(data)

    def close(self):
        pass


def all_heard(talk):
    heard = []
    while True:
        try:
            line = talk.hear()
        except Gone:
            return heard
        if line is not None:
            heard.append(line)


SAID = b"1.000 info one\r\n" + ANSWER + b"\r\n2.000 info two\r\n3.000 info three\r\n4.0"


@pytest.mark.parametrize("size", [1, 2, 7, 60, 1000])
def test_what_is_said_before_and_after_an_answer_is_heard_however_it_comes(size):
    pieces = [SAID[at : at + size] for at in range(0, len(SAID), size)]
    before, talk = [], Dialogue(Board(*pieces, b"00 info four\r\n"))
    assert talk.ask("help", other=before.append).document == json.loads(ANSWER)
    assert before == ["1.000 info one"]
    assert all_heard(talk) == ["2.000 info two", "3.000 info three", "4.000 info four"]


def test_a_second_question_may_be_answered_in_the_same_breath():
    talk = Dialogue(Board(ANSWER + b'\r\n{"ok": false, "code": 404, "error": "no"}\r\n'))
    assert talk.ask("help").ok and talk.ask("nonsense").exit_code == 3


def test_a_device_without_memory_for_an_answer_has_answered():
    answer = Dialogue(Board(b"err 507 there is not enough memory for that now\r\n")).ask("selftest")
    assert answer.last_line() == "err 507 there is not enough memory for that now"
    assert answer.exit_code == FAILED


def test_what_is_typed_is_sent_as_utf_8_and_what_is_none_stays_none():
    board = Board(ANSWER + b"\n")
    talk = Dialogue(board)
    talk.say('wifi set "Küche"')
    talk.ask("call x " + b"\xfc".decode(errors="surrogateescape"))
    assert board.typed[0] == 'wifi set "Küche"\r'.encode()
    with pytest.raises(UnicodeDecodeError):
        board.typed[1].decode()


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_what_is_no_json_is_no_answer(number):
    with pytest.raises(Failure):
        Dialogue(Board(b'{"ok": true, "result": {"a": ' + number + b"}}\n")).ask("read")


def test_a_session_shows_and_records_what_is_said_while_it_asks_for_the_verbs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    session = Session(Board(SAID + b"00 info four\r\n"), None, Record(tmp_path / "log"))
    session._learn()
    assert session._words
    monkeypatch.setattr(session, "_wait", lambda: False)
    session._listen()
    shown = capsys.readouterr().out
    for number in ("one", "two", "three", "four"):
        assert f"info {number}\n" in shown and f"info {number}\n" in session._record.file.read_text()
