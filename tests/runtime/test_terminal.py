"""The technician's line: whole lines in, slices out, and a bound on what waits."""

from twinkle.runtime.terminal import LOG_QUEUE, LONGEST, QUEUE, Terminal


class Port:
    """Somebody types ``keys``; the screen takes ``room`` bytes at a time."""

    def __init__(self, keys=b"", room=64):
        self.keys, self.room = keys, room
        self.screen = b""
        self.now = 0

    def typed(self):
        keys, self.keys = self.keys[:1024], self.keys[1024:]
        return keys

    def show(self, data):
        taken = data[: self.room]
        self.screen += taken
        return len(taken)

    def ticks(self):
        self.now += 1
        return self.now

    def sleep(self, ms):
        self.now += ms


def test_a_line_may_come_in_pieces_and_be_corrected():
    port = Port(b"sta")
    terminal = Terminal(port)
    assert terminal.lines() == []
    port.keys = b"tuz\x08s\r\nhelp\n\nnever\x03version\r"
    assert terminal.lines() == ["status", "help", "version"]


def test_a_long_line_is_cut():
    port = Port(b"x" * 5000 + b"\r")
    terminal, lines = Terminal(port), []
    while not lines:
        lines = terminal.lines()
        assert terminal.more or not port.keys
    assert lines == ["x" * LONGEST]


def test_a_screen_is_served_in_slices():
    port = Port(room=10)
    terminal = Terminal(port)
    terminal.show("one")
    terminal.show("a second line")
    while terminal.flush():
        assert len(port.screen) <= 20
    assert port.screen == b"one\r\na second line\r\n"


def test_a_screen_that_nobody_reads_bounds_what_waits_and_is_told_what_was_lost():
    port = Port(room=0)
    terminal = Terminal(port)
    for number in range(1000):
        terminal.show(f"line {number}, which is of some length")
    assert not terminal.flush() and terminal.lost > 700
    lost, port.room = terminal.lost, 1000
    while terminal.flush():
        assert len(port.screen) <= QUEUE
    terminal.show("and one more")
    terminal.flush()
    assert port.screen.endswith(b"(%d lines were lost)\r\nand one more\r\n" % lost)


def test_the_log_takes_little_room_where_nobody_is():
    port = Port(room=0)
    terminal = Terminal(port)
    for number in range(100):
        terminal.note(f"{number}.000 info a line of the log")
    terminal.show("an answer")
    port.room = 10_000
    terminal.flush()
    assert len(port.screen) <= LOG_QUEUE + 200 and terminal.lost > 50


def test_the_end_does_not_wait_for_a_screen_that_nobody_reads():
    port = Port(room=0)
    terminal = Terminal(port)
    terminal.show("good-bye")
    terminal.drain()
    assert 400 < port.now < 700
