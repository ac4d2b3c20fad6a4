"""Wall-clock time for a core that owns no clock.

The runtime says now and then what the time is; between those moments the core
counts on with the monotonic milliseconds it is given. Everything is counted in
whole numbers: a Pico's floats have 24 bits, which for seconds since 1970 is a
resolution of two minutes.
"""

JUMP_S = 30  # a clock that is set by more than that was wrong


class WallClock:
    """UTC as last told, carried forward. Unset until the runtime knows the time."""

    def __init__(self):
        self._base = None

    def set(self, utc, now):
        """It is ``utc`` (seconds since 1970) at monotonic ``now`` (milliseconds).

        Answers by how many seconds it is later than was thought; 0 when nothing was.
        """
        before, self._base = self._base, int(utc * 1000) - now
        return 0 if before is None else (self._base - before) // 1000

    def utc(self, now):
        """Whole seconds since 1970, or None while the time is not known."""
        return None if self._base is None else (self._base + now) // 1000


def iso(utc):
    """``2026-11-21T08:30:00Z`` from whole seconds since 1970; ISO 8601, UTC."""
    days, rest = divmod(utc, 86400)
    # Days to a civil date by 400-year eras that begin on 1 March, so that the
    # leap day is the last of its year.
    days += 719468
    era, day = divmod(days, 146097)
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += era * 400
    month += 3
    if month > 12:
        month -= 12
        year += 1
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % (year, month, day + 1, rest // 3600, rest // 60 % 60, rest % 60)
