"""How soon a device notices that its hub is back, what it costs the hub, and what of its back-off it keeps to."""

import random
from types import SimpleNamespace

import pytest

from twinkle import compat
from twinkle.core.errors import Unreachable, WireError
from twinkle.core.link import LONGEST_MS, Link
from twinkle.runtime import reachability, stream

STEP_MS = 50  # the runtime's loop turns at least that often
HERD = 500
AT_95_MS = (
    1500  # of a herd, from the hub's return to the next try; TLS, the subscriptions and the twin follow
)
MOST_AT_ONCE = 0.9  # of the herd, in one second
SECOND_MS = 2000  # the same after a second outage at once
ADDRESS = (2, 1, 0, "", ("10.0.0.9", 8883))


class Bench:
    """A device on a port whose time is a number. The hub is away from ``gone`` to ``back``, and silent or refusing."""

    def __init__(self, monkeypatch, chance, silent=False):
        self.now, self.looks, self.look_ups = 0, [], 0
        self.gone = self.back = 0
        self.silent = silent
        self.chance = chance
        self.link = Link(chance, 0)
        self.identity = SimpleNamespace(dial="hub", port=8883)
        port = SimpleNamespace(network=lambda attempts: None, random=chance, ticks=lambda: self.now)
        self.network = stream.Network(None, port.ticks, lambda: None, self.look_up)
        self.parts = port, self, SimpleNamespace(say=lambda *_: None), self.network
        monkeypatch.setattr(compat, "answers", self.answers)
        self.connect()

    def look_up(self, host, port):
        self.look_ups += 1
        return [ADDRESS]

    def answers(self, address, limit, idle):
        assert address == ADDRESS
        self.looks.append(self.now)
        there = not self.gone <= self.now < self.back
        self.now += limit if self.silent and not there else 0
        return there

    def on_network(self, now):
        self.link.hurry(now)

    def connect(self):
        """A try that succeeds."""
        self.network.addresses("hub", 8883)
        self.network.sure = True
        # Made anew once the connection is lost; there is none while there is one.
        self.reach = reachability.Reachability(*self.parts)
        for event in ("due", "connected", "synced"):
            self.link.fire(event, self.now)

    def lose(self, outage):
        """The hub ends for so long; until the next try that can succeed: milliseconds since it is back."""
        self.gone, self.back = self.now, self.now + outage
        self.link.fire("lost", self.now)
        while True:
            self.reach.step(self.now)
            if self.now >= self.link.due:
                if self.now >= self.back:
                    self.connect()
                    return self.now - self.back
                self.link.fire("due", self.now)
                self.network.addresses("hub", 8883)
                self.reach.on_failed(Unreachable("nobody"))
                self.link.fire("lost", self.now)
            self.now += STEP_MS


def at_95(times):
    return sorted(times)[int(0.95 * len(times))]


@pytest.mark.parametrize("silent", [False, True], ids=["refusing", "silent"])
@pytest.mark.parametrize("outage", [1000, 30_000, 300_000])
def test_a_herd_whose_hub_is_back_tries_soon_and_not_all_at_once(monkeypatch, measured, outage, silent):
    first, second, rate = [], [], 0
    for seed in range(HERD):
        bench = Bench(monkeypatch, random.Random(seed).random, silent)
        bench.now += 60_000
        first.append(bench.lose(outage))
        rate = max(rate, len(bench.looks) * 1000 / (outage + 2000))
        bench.now += 5000
        second.append(bench.lose(1000))
    most = max(sum(begin <= time < begin + 1000 for time in first) for begin in range(0, 3000, 100)) / HERD
    measured(
        f"after {outage / 1000:g} s {'without an answer' if silent else 'of refusals'}: the next try of {HERD} devices "
        f"{at_95(first)} ms after the hub's return (p95), of {most:.0%} of them within one second, "
        f"{at_95(second)} ms after a second one of 1 s at once; {rate:.1f} looks a second at most"
    )
    assert at_95(first) <= AT_95_MS + silent * reachability.PATIENCE_MS
    assert at_95(second) <= SECOND_MS + silent * reachability.PATIENCE_MS
    assert most <= MOST_AT_ONCE and rate <= 2000 / reachability.PERIOD_MS


def test_a_hub_that_is_there_and_ends_every_connection_is_looked_for_once_and_its_back_off_kept_to(
    monkeypatch,
):
    bench = Bench(monkeypatch, lambda: 0.5)
    for _ in range(8):
        bench.looks.clear()
        bench.now += 1000
        bench.link.fire("lost", bench.now)
        due = bench.link.due
        while bench.now < due:
            bench.reach.step(bench.now)
            bench.now += STEP_MS
        assert bench.link.due == due and len(bench.looks) <= 1
        bench.connect()
    assert due >= LONGEST_MS / 2


def test_a_hub_that_answers_and_has_no_good_word_is_not_looked_for(monkeypatch):
    bench = Bench(monkeypatch, lambda: 0.5)
    bench.link.fire("lost", bench.now)
    bench.reach.on_failed(WireError("the hub refused the credentials"))
    for _ in range(1000):
        bench.now += STEP_MS
        bench.reach.step(bench.now)
    assert bench.looks == []


def test_nothing_is_looked_up_for_a_look(monkeypatch):
    bench = Bench(monkeypatch, lambda: 0.5)
    bench.now += 60_000
    asked = bench.look_ups
    bench.lose(300_000)
    tries = bench.link.losses
    assert len(bench.looks) > 100 and bench.look_ups - asked <= tries
    # A hub that was never found is not looked for at all.
    bench.identity.dial = "another"
    bench.looks.clear()
    bench.reach.on_failed(Unreachable("nobody"))
    for _ in range(100):
        bench.now += STEP_MS
        bench.reach.step(bench.now)
    assert bench.looks == []


def test_no_more_names_are_remembered_than_are_used_and_the_one_that_is_tried_is():
    def look_up(host, port):
        if gone:
            raise OSError(-2)
        return [ADDRESS]

    gone, network = False, stream.Network(None, lambda: 0, lambda: None, look_up)
    for number in range(20):
        gone = False
        assert network.addresses(f"hub-{number}", 8883) == [ADDRESS]
        gone = True
        assert network.addresses(f"hub-{number}", 8883) == [ADDRESS]
        assert len(network.found) <= stream.MOST_NAMES
    with pytest.raises(OSError, match="-2"):
        network.addresses("another", 8883)
