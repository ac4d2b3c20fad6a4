"""Stand-in for MicroPython's ``ntptime``, told by ``clock.json``; the time it gets is the computer's."""

import time

import bench
import network

host = "pool.ntp.org"
timeout = 1


def settime():
    """Ask the server and set the clock."""
    if not network.passes():
        raise OSError(-2)
    how = bench.told("clock").get("ntp", "answers")
    if how == "silent":
        time.sleep_ms(timeout * 1000)
        raise OSError(110)
    if how == "noise":
        raise IndexError("bytes index out of range")
    time.set_clock()
