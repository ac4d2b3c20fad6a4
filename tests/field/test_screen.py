"""The screen that other tests read is what a person would see."""

import pyte
import pytest
from screen import LINES, Terminal

# What prompt_toolkit and the console make of a line that is typed while the device speaks: the prompt
# is drawn, completed, wiped out, said over, and drawn again below.
DRAWN = (
    b"twinkle> ver\x1b[3Dver\x1b[1msion\x1b[0m\x1b[16D\x1b[J"
    b"0.531 info ready: shed-7\r\n"
    b"\x1b[?25ltwinkle> ver\x1b[32msion\x1b[0m\x1b[?25h\x1b[6n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(DRAWN)])
def test_it_is_the_same_in_whatever_pieces_it_comes(size):
    answers = []
    terminal = Terminal(answers.append)
    stream = pyte.ByteStream(terminal)
    stream.feed(b"an old line\r\n")
    for at in range(0, len(DRAWN), size):
        stream.feed(DRAWN[at : at + size])
    assert terminal.all_lines[:4] == [
        "an old line",
        "0.531 info ready: shed-7",
        "twinkle> version",
        "",
    ]
    assert answers == ["\x1b[3;17R"], "it was asked where its cursor is"


def test_what_has_left_it_is_kept_in_its_order():
    terminal = Terminal(print)
    pyte.ByteStream(terminal).feed(b"".join(b"line %d\r\n" % number for number in range(3 * LINES)))
    assert terminal.all_lines[:-1] == [f"line {number}" for number in range(3 * LINES)]
