"""The real time, except that a Pico's clock stands at 2021 until somebody sets it."""

import utime
from utime import *  # noqa: F403

POWER_ON = 1609459200  # 2021-01-01

_ahead = POWER_ON - utime.time()  # of the computer's clock


def time():
    """Seconds since 1970."""
    return utime.time() + _ahead


def set_clock(seconds):
    """It is so late."""
    global _ahead
    _ahead = seconds - utime.time()


def computers_time():
    """What the computer's clock shows."""
    return utime.time()
