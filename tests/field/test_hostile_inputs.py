"""Whatever a board says, or a person types or names on this computer: an answer, or a Failure in one line."""

import json
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import ROOT

from twinkle_host import boards
from twinkle_host.console.dialogue import LONGEST_LINE, Dialogue
from twinkle_host.console.line import Gone
from twinkle_host.failure import Failure
from twinkle_host.flash import uf2
from twinkle_host.provision import credentials
from twinkle_host.service import finding

HARDWARE = json.loads((ROOT / "boards" / "hardware" / "pico_w.json").read_text())
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
scraps = st.text(max_size=6) | st.sampled_from(["²", "\ud800", "é", "\n", "\x00", "x" * 300, "../desktop"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | scraps,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(scraps, inner, max_size=2),
    max_leaves=6,
)
plain = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def refused(call, *arguments):
    """What it answers, or None when it refuses in one line that holds no key."""
    try:
        return call(*arguments)
    except Failure as failure:
        text = str(failure)
        assert "\n" not in text and KEY not in text, text
        return None


class Board:
    """A line on which a board says ``pieces``, and is gone."""

    name, attention = "/dev/ttyACM0", "\x03"

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def read(self):
        if not self.pieces:
            raise Gone
        return self.pieces.pop(0)

    def write(self, data):
        assert data.endswith(b"\r")


answers = st.one_of(
    st.binary(max_size=40),
    values.map(lambda value: json.dumps(value).encode() + b"\n"),
    st.dictionaries(st.sampled_from(["ok", "code", "error", "result"]), values, max_size=4).map(
        lambda answer: json.dumps(answer).encode() + b"\r\n"
    ),
    st.sampled_from([b"[" * 5000 + b"\n", b'{"ok":' * 3000 + b"\n", b"err 409 somebody else is there\n"]),
)


@plain
@given(st.lists(answers, max_size=4))
def test_any_answer_of_a_board(pieces):
    answer = refused(Dialogue(Board(pieces)).ask, "status")
    if answer:
        assert isinstance(answer.exit_code, int) and "\n" not in answer.last_line()
        assert all(isinstance(line, str) for line in answer.lines())


def test_a_board_that_never_ends_a_line_fills_no_memory():
    dialogue = Dialogue(Board([b"x" * 4096] * 1000))
    refused(dialogue.ask, "status")
    assert len(dialogue._rest) <= LONGEST_LINE


board_files = st.dictionaries(
    st.sampled_from([*boards.MEMBERS, "x"]),
    values | st.dictionaries(st.sampled_from(["pin", "model", "active"]), values),
)


@plain
@given(values | board_files.map(lambda members: {"port": "p", "app": "a", **members}))
def test_any_board_file(tmp_path, content):
    assert all(isinstance(sentence, str) for sentence in boards.problems(content))
    file = tmp_path / "board.json"
    file.write_text(json.dumps(content))
    refused(boards.load, str(file))


@plain
@given(st.binary(max_size=30) | st.sampled_from([b"[" * 5000, b"9" * 5000, b"\xff"]))
def test_any_bytes_as_a_board_file(tmp_path, content):
    file = tmp_path / "board.json"
    file.write_bytes(content)
    refused(boards.load, str(file))


@given(scraps)
def test_any_name_of_a_board(name):
    refused(boards.find, name)


words = st.integers(0, 2**32 - 1) | st.sampled_from(
    [*uf2.MAGIC, uf2.HAS_FAMILY, 0xE48BFF56, 0x10000000, 256, 0, 1]
)
blocks = st.lists(words, min_size=8, max_size=8).map(
    lambda head: struct.pack("<8I", *head) + bytes(476) + struct.pack("<I", uf2.END_MAGIC)
)


@given(st.binary(max_size=40) | st.lists(blocks, max_size=2).map(b"".join) | st.just(bytes(1024)))
def test_any_image(content):
    refused(uf2.check, content, HARDWARE)


FIELDS = "x509 HostName DeviceId SharedAccessKey SharedAccessKeyName IdScope RegistrationId Port".split()
strings = scraps | st.lists(
    st.builds("{}{}={}".format, st.sampled_from(["", "X"]), st.sampled_from(FIELDS), scraps), max_size=6
).map(";".join)


@plain
@given(strings, st.binary(max_size=20), st.none() | scraps, scraps)
def test_any_credentials(tmp_path, text, authorities, ssid, password):
    file = tmp_path / "ca.pem"
    file.write_bytes(authorities)
    refused(credentials.check, text, file, None, ssid, password)
    good = f"HostName=h;DeviceId=d;SharedAccessKey={KEY}"
    refused(credentials.check, good, file, None, ssid, password)


@plain
@given(strings)
def test_any_connection_string_of_a_service(tmp_path, text):
    found = refused(finding.find, text, str(tmp_path), None)
    assert found is None or found.host is not None


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"serviceConnectionString": 5}', b"[" * 5000])
def test_any_state_of_a_local_hub(tmp_path, content):
    (tmp_path / "hub.json").write_bytes(content)
    found = refused(finding.local_hub, str(tmp_path))
    assert found is None
