"""The seam under umqtt.simple, with a line that is simulated and a time that is counted."""

import pytest

from twinkle import compat
from twinkle.core.errors import WireError
from twinkle.runtime import stream


class Endless:
    """A line on which ``data`` comes again and again, a millisecond a call."""

    def __init__(self, data):
        self.data, self.now, self.fed, self.asked = data, 0, [], 0

    def ticks(self):
        return self.now

    def idle(self):
        self.fed.append(self.now)

    def holds(self):
        return True

    def receive(self, size):
        self.now += 1
        self.asked += 1
        return self.data[:size]

    def transmit(self, data):
        self.now += 1
        return 1


@pytest.fixture
def line(monkeypatch):
    def make(data=b"\x50"):
        endless = Endless(data)
        monkeypatch.setattr(compat, "Connection", lambda *_: endless)
        network = stream.Network(None, endless.ticks, endless.idle, lambda host, port: [(2, 1, 0, "", None)])
        made = network.socket()
        made.connect(("hub", 8883))
        return endless, made

    return make


def test_bytes_that_keep_coming_feed_the_watchdog_and_come_to_an_end(line):
    endless, made = line()
    with pytest.raises(WireError, match="come to its end"):
        while True:  # as umqtt.simple does while it waits for an acknowledgement
            made.setblocking(True)
            made.read(1)
    assert endless.now == pytest.approx(stream.EXCHANGE_MS, abs=stream.PACE)
    assert (
        max(b - a for a, b in zip([0, *endless.fed], endless.fed, strict=False))
        <= compat.SLICE_MS + stream.PACE
    )


def test_a_peer_that_takes_a_byte_at_a_time_feeds_the_watchdog_and_comes_to_an_end(line):
    endless, made = line()
    with pytest.raises(WireError, match="come to its end"):
        made.write(b"x" * 2 * stream.EXCHANGE_MS)
    assert len(endless.fed) >= stream.EXCHANGE_MS // (compat.SLICE_MS + stream.PACE) - 1


def test_each_exchange_has_its_own_time(line):
    endless, made = line()
    for _ in range(3):
        made.begin()
        endless.now += stream.EXCHANGE_MS - 10
        assert made.read(2) == b"\x50\x50"


@pytest.mark.parametrize("size", [-1, -2, -65536])
def test_a_packet_whose_fields_are_longer_than_itself_is_refused(line, size):
    _, made = line()
    with pytest.raises(WireError, match="length is wrong"):
        made.read(size)


def test_a_length_has_four_bytes_at_most(line):
    _, made = line(b"\xff")
    made.setblocking(True)
    for _ in range(4):
        made.read(1)
    with pytest.raises(WireError, match="length is wrong"):
        made.read(1)


def test_tls_is_asked_once_for_what_a_short_packet_is_read_in(line):
    endless, made = line(b"\x40\x02\x00\x07")
    made.setblocking(False)
    assert made.read(1) == b"\x40"
    made.setblocking(True)
    assert made.read(1) == b"\x02" and made.wait(0) and made.read(2) == b"\x00\x07"
    assert endless.asked == 1 and made.heard == 4


def test_pieces_of_what_came_at_once_feed_the_watchdog_like_others(line):
    endless, made = line(b"\x50" * stream.AHEAD)
    for _ in range(stream.AHEAD):
        made.setblocking(True)
        made.read(1)
        endless.now += 10
    assert endless.asked == 1
    gaps = [b - a for a, b in zip([0, *endless.fed], endless.fed, strict=False)]
    assert len(gaps) > 10 and max(gaps) <= compat.SLICE_MS + 10 * stream.PACE
