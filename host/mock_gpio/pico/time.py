"""The real time, except that a Pico's clock stands at 2021 until somebody sets it."""

import utime
from utime import *  # noqa: F403

POWER_ON = 1609459200  # 2021-01-01

_started = utime.time()
_known = False


def time():
    """Seconds since 1970."""
    return utime.time() if _known else POWER_ON + utime.time() - _started


def set_clock():
    """From now on the time is known."""
    global _known
    _known = True
