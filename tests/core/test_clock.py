"""Clocks that are not set, wrong, set while the device runs, and counters that wrap."""

import binascii

from driver import EPOCH, Driver

from twinkle import App, compat
from twinkle.core.clock import JUMP_S
from twinkle.core.errors import HubError
from twinkle.core.link import RESET_MS
from twinkle.runtime.diagnosis import refusal

DAY = 86400
CUT_MS = 3000000  # from the start; the token is not renewed sooner
KNOWN = {"configId": 1, "sendFrequency": "24h"}


def life(start):
    """What a device does that was made at ``start``: how much, the last of it, and a sum of all with its times."""
    app = App(config={"configId": 1, "sendFrequency": "7m"})
    app.telemetry(lambda board: {"temp": board.temperature})
    app.method("blink")(lambda board, payload: board.led.blink(600))
    count, total = 0, 0
    d = Driver(app, {"reboot": {"requested": None}}, waiting={"disk": 1000}, now=start)

    d.connect()
    assert d.call("blink")[0] == 200
    cut = start + CUT_MS
    while True:
        if d.now == cut:
            d.lost("the line was cut")
        for action in d.step():
            count, last = count + 1, (d.now - start, action)
            total = binascii.crc32(repr(last).encode(), total)
            if action[0] == "reset":
                return count, last, total
            if action[0] == "read":
                d.reading({"temperature": count})
            elif action[0] == "ping":
                d.device.on_heard(d.now)
            elif action[0] == "publish" and action[3]:
                d.sent()
            elif action[0] == "connect":
                d.lost("no route")
        d.done = []
        due = d.device.due(d.now)
        d.now = min(cut, due) if d.now < cut else due


def expiries(d):
    return [action[2] for action in d.done if action[0] == "connect"]


def test_a_device_does_the_same_at_the_same_time_whenever_it_began():
    # A board counts from its start, but a device may be made later: when it has been assigned to a hub.
    at_once = life(0)
    assert at_once[1] == (RESET_MS + CUT_MS, ("reset", "no connection to the hub for hours", False))
    for start in (RESET_MS + 1, 40 * DAY * 1000):
        assert life(start) == at_once


def test_a_clock_that_is_not_set_is_waited_for_and_said_once():
    d = Driver(epoch=None)
    d.wait(600000)
    assert "connect" not in d.names()
    said = [action[2] for action in d.done if action[0] == "say"]
    assert said == ["waiting for the clock: no token can be signed before it is set"]
    d.device.on_time(EPOCH, d.now)
    d.step()
    assert "connect" in d.names()


def test_a_clock_that_is_wrong_is_named_where_it_may_be_the_reason():
    assert "and the clock" in str(refusal(5))


def test_a_clock_that_was_years_slow_is_made_up_for_at_once_when_it_is_set():
    d = Driver(epoch=EPOCH - 2 * 365 * DAY)
    d.step()
    for _ in range(3):
        d.lost(HubError("the hub refused the credentials", code=5))
        d.step(100000)
    d.lost(HubError("the hub refused the credentials", code=5))
    d.device.on_time(EPOCH, d.now)
    d.wait(1000)
    assert expiries(d)[-1] >= EPOCH + 3600
    assert d.said("the clock was %d s slow" % (2 * 365 * DAY - 300))


def test_a_clock_that_was_years_fast_is_made_up_for_at_once_when_it_is_set():
    d = Driver(epoch=EPOCH + 2 * 365 * DAY)
    d.step()
    d.lost("the hub's certificate is not valid at this device's time: set the clock")
    d.lost("again")
    d.device.on_time(EPOCH, d.now)
    d.wait(1000)
    assert EPOCH + 3600 <= expiries(d)[-1] <= EPOCH + 3602
    assert d.said("s fast")


def test_a_token_of_a_slow_clock_is_renewed_when_the_clock_is_set():
    # Signed 50 minutes ago by the hub's time, it would end in ten.
    d = Driver(keep_alive=100000)
    d.connect(reported=KNOWN)
    d.wait(1000)
    d.device.on_time(EPOCH + 3000, d.now)
    d.wait(481000)
    assert len(expiries(d)) == 2
    d.connected()
    d.answer_twin(reported=KNOWN)
    # An hour and more: at once.
    d.device.on_time(EPOCH + 20000, d.now)
    d.wait(0)
    assert len(expiries(d)) == 3 and expiries(d)[-1] == EPOCH + 23600


def test_a_clock_that_is_set_back_changes_nothing_on_a_good_link():
    d = Driver(keep_alive=100000)
    d.connect(reported=KNOWN)
    d.device.on_time(EPOCH - DAY, d.now)
    d.wait(1000000)
    assert len(expiries(d)) == 1 and d.device.link.state == "ready"
    assert d.said("the clock was 86400 s fast")


def test_a_clock_that_drifts_is_not_worth_a_word():
    d = Driver()
    d.connect(reported=KNOWN)
    said = len([name for name in d.names() if name == "say"])
    d.device.on_time(EPOCH + JUMP_S - 1, d.now)
    d.step()
    assert len([name for name in d.names() if name == "say"]) == said


def test_a_counter_that_wraps_is_a_time_that_does_not():
    # MicroPython's ticks_ms wraps after 12.4 days, and ticks_diff answers from -6.2 to 6.2 of them.
    period = 1 << 30
    counter = [period - 5000]
    kept = compat.own.ticks, compat.own.ticks_diff
    compat.own.ticks = lambda: counter[0] % period
    compat.own.ticks_diff = lambda later, earlier: (later - earlier + period // 2) % period - period // 2
    try:
        ticks = compat.Ticks()
        expected = 0
        for step in [1000] * 10 + [5 * DAY * 1000] * 73:  # a year of it
            counter[0] += step
            expected += step
            assert ticks.now() == expected
        counter[0] -= 3000
        assert ticks.now() == expected, "a counter that steps back does not take time back"
        counter[0] += 1000
        assert ticks.now() == expected + 1000
    finally:
        compat.own.ticks, compat.own.ticks_diff = kept
