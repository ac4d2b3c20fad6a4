"""What is typed, byte by byte, and what is shown: text in UTF-8, and what is none. For both interpreters."""

from silent_line import World

from twinkle.runtime.log import Log, plain
from twinkle.runtime.terminal import LONGEST, Terminal

SIGNS = ("u", "\u00fc", "\u65e5", "\U0001f600")  # of one to four bytes
# What a serial line, a terminal with other settings or a key without a character brings; the
# last but one is half a surrogate pair, the last a zero in two bytes, both of which MicroPython decodes.
NO_TEXT = (b"\xff", b"\xfc", b"\xc3", b"\x1b[A", b"\t", b"\x00", b"\xed\xa0\xbd", b"\xc0\x80")


class Keys:
    """A port on which these bytes are typed, ``burst`` at a time."""

    def __init__(self, keys, burst):
        self._keys, self._burst = keys, burst

    def typed(self):
        typed, self._keys = self._keys[: self._burst], self._keys[self._burst :]
        return typed


def lines(keys, burst=100):
    """The lines of these bytes."""
    terminal, found = Terminal(Keys(keys, burst)), []
    for _ in range(0, len(keys), burst):
        found += terminal.lines()
    return found


def test_what_is_typed_is_utf_8_and_may_come_in_pieces():
    text = 'wifi set "K\\' + "".join(SIGNS) + 'che" secret'
    for burst in (1, 2, 3, 100):
        assert lines((text + "\r" + text + "\n").encode(), burst) == [text, text]


def test_backspace_takes_a_whole_character():
    for sign in SIGNS:
        for key in (b"\x08", b"\x7f"):
            assert lines(b"K" + sign.encode() + key + b"a\r") == ["Ka"]
            assert lines(sign.encode() + key + key + b"a\r") == ["a"]


def test_what_is_no_text_is_marked_and_never_becomes_something_else():
    for wrong in NO_TEXT:
        asked = b"wifi set K" + wrong + b"che secret1"
        assert lines(asked + b"\rhelp\r") == ["\ufffd", "help"], wrong
        assert lines(asked + b" --json\r") == ["\ufffd --json"], wrong


def test_a_line_that_is_cut_within_a_character_is_no_text():
    assert lines(b"aa" + b"\xe6\x97\xa5" * LONGEST + b"\r") == ["\ufffd"]


def test_a_network_is_stored_as_it_was_typed_or_not_at_all():
    with World() as world:
        joined, stored = [], []
        world.port.join = lambda name, password, wait: joined.append((name, password))
        world.runner.store.save = lambda name, record: stored.append((name, record))
        typed = []
        world.port.typed = lambda: typed.pop(0) if typed else b""
        world.until(world.ready)
        world.run(1000)
        for wrong in NO_TEXT:
            world.port.answers.clear()
            typed.append(b'wifi set "K' + wrong + b'che" "secret1234"\r')
            world.run(1000)
            shown = [text for _, text in world.port.answers]
            assert shown == ["err 400 the line is not UTF-8, or has a control character"], (wrong, shown)
        assert joined == [] and stored == []
        typed.append('wifi set "K\u00fcche" "Schl\u00fcssel"\r'.encode())
        world.run(1000)
        assert joined == [("K\u00fcche", "Schl\u00fcssel")]
        assert stored == [("wifi", {"ssid": "K\u00fcche", "password": "Schl\u00fcssel"})]


def test_what_a_screen_cannot_take_is_shown_as_a_question_mark():
    assert plain("21.5 °C é ok") == "21.5 °C é ok"
    assert plain("a\r\nok\x1b[2J\ud800\x7f\x9b") == "a??ok?[2J???"
    for sign in "\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ufeff\udfff":
        assert plain("a" + sign + "b") == "a?b", repr(sign)
    for sign in "\u00a0\u061b\u200d\u2010\u2027\u202f\u2065\u206a\ue000\ufefe\U0001f600":
        assert plain("a" + sign + "b") == "a" + sign + "b", repr(sign)
    shown = []
    log = Log(shown.append, lambda: 0)
    log.say("info", "configuration \ud800\r is pending")
    assert shown == ["0.000 info configuration ?? is pending"]
