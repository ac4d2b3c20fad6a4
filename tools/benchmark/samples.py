"""What is said of many samples: median, 99th percentile, extremes."""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Summary(NamedTuple):
    """Of ``count`` samples, in ``unit``. ``p99`` is None for fewer than 100, of which it would be the largest."""

    count: int
    median: float
    p99: float | None
    least: float
    most: float
    unit: str


def percentile(samples: Iterable[float], share: float) -> float:
    """The smallest sample that at least ``share`` (0 to 1) of them do not exceed (nearest rank)."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(samples: Iterable[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def summarize(samples: Iterable[float], unit: str) -> Summary:
    """The Summary of at least one sample."""
    samples = list(samples)
    p99 = percentile(samples, 0.99) if len(samples) >= 100 else None
    return Summary(len(samples), median(samples), p99, min(samples), max(samples), unit)


def ratio(ours: float, theirs: float) -> float:
    """How many times theirs ours is; ValueError when theirs is nothing."""
    if theirs <= 0:
        raise ValueError(f"{theirs} cannot be compared with")
    return ours / theirs
