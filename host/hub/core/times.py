"""Moments as the hub writes them. Seconds since 1970 in, text out; no clock here."""

import re
from datetime import date, datetime, timedelta

NEVER = "0001-01-01T00:00:00Z"  # the hub's "has not happened yet"

TICKS_A_SECOND = 10_000_000  # .NET's, which the service is written in

_EPOCH = datetime(1970, 1, 1)
# 100-nanosecond steps from 0001-01-01 to 1970-01-01: the count .NET services use.
_TICKS_TO_1970 = 621_355_968_000_000_000


def iso(utc: float) -> str:
    """UTC in ISO 8601 ending in Z; of the seven fractional digits those that are not zero at the end."""
    seconds, fraction = divmod(round(utc * TICKS_A_SECOND), TICKS_A_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    return (f"{text}.{fraction:07}".rstrip("0") if fraction else text) + "Z"


def at_offset(time: str) -> str:
    """The moment that ``iso`` wrote, ending in +00:00, as events carry it in ``operationTimestamp``."""
    return time[:-1] + "+00:00"


def us_time(utc: float) -> str:
    """MM/DD/YYYY HH:MM:SS, as tracking ids carry it."""
    return (_EPOCH + timedelta(seconds=utc)).strftime("%m/%d/%Y %H:%M:%S")


def us_clock(utc: float) -> str:
    """M/D/YYYY h:mm:ss AM, as .NET writes a moment where nobody asked for a form."""
    moment = _EPOCH + timedelta(seconds=utc)
    hour = moment.hour % 12 or 12
    return f"{moment.month}/{moment.day}/{moment.year} {hour}:{moment:%M:%S} {'AM' if moment.hour < 12 else 'PM'}"


_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


def moment(text: str) -> float | None:
    """Seconds since 1970 of a moment in ISO 8601, in UTC where it names no offset; None for what is none.

    The years 2 to 8999 are known, so that what is reckoned from one can be written again.
    """
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    *numbers, fraction, offset = match.groups()
    try:
        found = datetime(*(int(number or 0) for number in numbers))
    except ValueError:
        return None
    if not 2 <= found.year < 9000:
        return None
    seconds = (found - _EPOCH).total_seconds() + float(f"0.{fraction or 0}")
    if offset and offset not in "Zz":
        ahead = int(offset[1:3]) * 3600 + int(offset[-2:]) * 60
        seconds += ahead if offset[0] == "-" else -ahead
    return seconds


_VERSION = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(-preview)?", re.IGNORECASE)


def is_version(text: str) -> bool:
    """Whether it is an api-version, which is the day of a release, or of a preview."""
    match = _VERSION.fullmatch(text)
    try:
        return match is not None and bool(date.fromisoformat(match[1]))
    except ValueError:
        return False


def ticks(utc: float) -> int:
    """100-nanosecond steps since 0001-01-01, the look of a ``generationId``."""
    return _TICKS_TO_1970 + int(utc * TICKS_A_SECOND)


def hms(seconds: int) -> str:
    """A duration as hh:mm:ss, as method errors carry it in ``info.timeout``."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
