"""The real time, except that a Pico's clock stands at 2021 until somebody sets it."""

import utime
from utime import *  # noqa: F403

POWER_ON = 1609459200  # 2021-01-01

_ahead = POWER_ON - utime.time()  # of the computer's clock
moment = None  # at which the counter stands still, while what happened on the pins then is told


def time():
    """Seconds since 1970."""
    return utime.time() + _ahead


def ticks_ms():
    """The counter."""
    return utime.ticks_ms() if moment is None else moment


def sleep(seconds):
    """Wait, and let timers call back meanwhile."""
    sleep_ms(int(seconds * 1000))


def sleep_ms(ms):
    """As sleep(), in milliseconds: the real one waits for events (py/mphal.h), and timers are some."""
    import machine  # which needs the time itself

    if not machine.Timer.running:
        utime.sleep_ms(ms)
        return
    end = utime.ticks_add(utime.ticks_ms(), ms)
    while utime.ticks_diff(end, utime.ticks_ms()) > 0:
        utime.sleep_ms(min(ms, 10))
        machine.run_timers()


def set_clock(seconds):
    """It is so late."""
    global _ahead
    _ahead = seconds - utime.time()


def computers_time():
    """What the computer's clock shows."""
    return utime.time()
