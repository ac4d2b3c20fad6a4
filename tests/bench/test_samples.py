"""What the benchmark says of many samples."""

import random

import pytest

from benchmark.samples import median, percentile, ratio, summarize


def test_the_median_is_the_middle_or_between_the_two_in_the_middle():
    assert median([9, 1, 5]) == 5
    assert median([4, 1, 3, 2]) == 2.5


def test_the_99th_percentile_is_exceeded_by_one_in_a_hundred():
    samples = list(range(1, 1001))
    random.Random(1).shuffle(samples)
    p99 = percentile(samples, 0.99)
    assert p99 == 990 and sum(sample > p99 for sample in samples) == 10


def test_a_percentile_is_always_one_of_the_samples():
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([1, 2, 3, 4, 5, 6, 7, 8], 0.95) == 8
    assert percentile([1, 2], 0.0) == 1


def test_few_samples_have_no_99th_percentile():
    assert summarize(range(99), "ms").p99 is None
    assert summarize(range(100), "ms").p99 == 98


def test_a_summary_holds_the_extremes_and_the_unit():
    told = summarize([2.0, 8.0, 4.0], "ms")
    assert (told.count, told.median, told.least, told.most, told.unit) == (3, 4.0, 2.0, 8.0, "ms")


def test_nothing_is_said_of_nothing():
    with pytest.raises(ValueError):
        summarize([], "ms")
    with pytest.raises(ValueError):
        ratio(1, 0)
