"""How soon a device notices that its hub is back, in virtual time."""

from types import SimpleNamespace

import pytest

from twinkle.core.errors import Unreachable
from twinkle.core.link import FIRST_MS, LONGEST_MS, Link
from twinkle.rim import compat, reach

LIMIT_MS = 5000  # from the hub's return to the next try
STEP_MS = 50  # the rim's loop turns at least that often


class Bench:
    """A device that is offline with the longest back-off before it, on a port whose time is a number."""

    def __init__(self, chance):
        self.now, self.looks = 0, []
        self.link = Link(lambda: chance)
        self.link.due = 10 * LONGEST_MS
        self.identity = SimpleNamespace(dial="hub", port=8883)
        port = SimpleNamespace(
            network=lambda attempts: None, random=lambda: chance, ticks=lambda: self.now, look_up=None
        )
        self.reach = reach.Reach(port, self, SimpleNamespace(say=lambda *_: None), lambda: None)
        self.reach.step(self.now)
        self.link.due = 10 * LONGEST_MS
        self.reach.on_try(Unreachable("nobody"))

    def on_network(self, now):
        self.link.hurry(now)

    def until(self, moment):
        while self.now < moment:
            self.now += STEP_MS
            self.reach.step(self.now)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("outage", [1000, 30_000, 300_000])
def test_a_hub_that_is_back_is_tried_within_five_seconds(monkeypatch, chance, outage):
    bench = Bench(chance)

    def answers(host, port, limit, look_up, idle):
        bench.looks.append(bench.now)
        bench.now += limit if bench.now < outage else 0  # a silent address takes all of it
        return bench.now >= outage

    monkeypatch.setattr(compat, "answers", answers)
    bench.until(outage + LIMIT_MS)
    assert outage <= bench.link.due <= outage + LIMIT_MS
    assert bench.looks[-1] <= outage + LIMIT_MS - FIRST_MS
    assert all(
        later - sooner >= reach.PERIOD_MS / 2
        for sooner, later in zip(bench.looks, bench.looks[1:], strict=False)
    )
