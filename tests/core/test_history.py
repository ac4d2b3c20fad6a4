"""Least, greatest and mean since a time, in bounded memory."""

from apps.history import History


def test_nothing_is_none():
    assert History().since(0) is None


def test_the_figures_are_of_what_was_sampled_since():
    history = History()
    for utc, value in ((10, 5.0), (20, 1.0), (30, 3.0)):
        history.add(utc, value)
    assert history.since(0) == (1.0, 5.0, 3.0, 10, 30)
    assert history.since(20) == (1.0, 3.0, 2.0, 20, 30)
    assert history.since(31) is None


def test_a_year_of_samples_stays_small_and_covers_the_year():
    history = History(8)
    for n in range(10000):
        history.add(n, n % 100)
    assert len(history._buckets) <= 8
    least, greatest, mean, begin, end = history.since(0)
    assert (least, greatest, begin, end) == (0, 99, 0, 9999)
    assert mean == 49.5
