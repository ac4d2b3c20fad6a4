"""Waiting, as tests do it: for a condition, and long enough that only what hangs is given up."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_S = 120  # for what must come; what is not there by then never comes, on the busiest machine
LOOK_S = 0.02

T = TypeVar("T")


def eventually(
    condition: Callable[[], T], limit: float = PATIENCE_S, told: Callable[[], str] = lambda: ""
) -> T:
    """Wait for something that tells nobody; answers what it is.

    AssertionError after ``limit`` seconds, with what is ``told()`` about it then.
    """
    end = time.monotonic() + limit
    while not (value := condition()):
        assert time.monotonic() < end, f"it did not happen within {limit:g} s {told()}".rstrip()
        time.sleep(LOOK_S)
    return value


def last(seconds: float) -> None:
    """Let something last: an outage, a fault of the line. What comes of it is waited for with eventually()."""
    time.sleep(seconds)
