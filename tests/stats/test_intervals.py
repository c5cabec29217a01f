"""Intervals: known answers, SciPy, and how often they cover the truth."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from dashboard.stats.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"), [(1, 5, 0.0362, 0.6245), (5, 5, 0.5655, 1), (34, 50, 0.5419, 0.7924)]
)
def test_wilson_of_known_answers(k, n, low, high):
    found = wilson(k, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert (found.value, found.n) == (k / n, n)


@pytest.mark.parametrize("n", [1, 2, 7, 30, 400])
def test_wilson_is_scipys(n):
    for k in range(n + 1):
        theirs = binomtest(k, n).proportion_ci(method="wilson")
        ours = wilson(k, n)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_of_nothing_is_not_a_number_and_of_more_than_all_is_refused():
    assert math.isnan(wilson(0, 0).value)
    with pytest.raises(ValueError, match="4 successes of 3"):
        wilson(4, 3)


def test_the_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(300):
        values = rng.exponential(size=40)
        found = bootstrap(len(values), lambda at, values=values: values[at].mean(), seed=trial, resamples=400)
        covered += found.low <= 1 <= found.high
    assert 0.88 <= covered / 300 <= 0.98


def test_the_bootstrap_is_the_same_again_and_has_no_interval_of_one():
    values = np.arange(9.0)
    first, again = (bootstrap(9, lambda at: values[at].mean(), seed=3) for _ in range(2))
    assert first == again
    assert first.value == 4
    assert math.isnan(bootstrap(1, lambda at: values[at].mean()).low)
    assert math.isnan(bootstrap(0, lambda _: 1.0).value)
