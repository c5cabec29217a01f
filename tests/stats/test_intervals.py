"""Intervals: known answers, SciPy, and how often they cover the truth."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from dashboard.stats.intervals import bootstrap, bootstrap_mean, subset_interval, wilson


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


def share_of_different(drawn):
    """(draw, text) -> (draw,) different / all, of texts that are numbers."""
    same = (drawn[:, None] == np.unique(drawn)).astype(int)

    def statistic(masks):
        return (masks.astype(int) @ same > 0).sum(1) / masks.sum(1)

    return statistic


@pytest.mark.parametrize(("n", "choices"), [(20, 200), (20, 40), (40, 60), (50, 12)])
def test_subsets_cover_the_share_of_different_texts_about_as_often_as_they_say(n, choices):
    rng = np.random.default_rng(n + choices)
    probs = 1 / np.arange(1, choices + 1)
    sets = rng.choice(choices, (800, n), p=probs / probs.sum())
    truth = np.mean([len(set(one)) / n for one in sets.tolist()])
    covered = copied = 0
    for trial, drawn in enumerate(sets[:300]):
        found = subset_interval(n, share_of_different(drawn), seed=trial, resamples=200)
        covered += found.low <= truth <= found.high
        plain = bootstrap(n, lambda at, drawn=drawn: len(set(drawn[at].tolist())) / n, seed=trial, resamples=200)
        copied += plain.low <= truth <= plain.high
    assert 0.9 <= covered / 300 <= 0.99
    assert copied / 300 < 0.75  # why it is not the bootstrap


@pytest.mark.parametrize("n", [20, 50])
def test_subsets_cover_a_mean_about_as_often_as_they_say(n):
    rng = np.random.default_rng(n)
    covered = 0
    for trial in range(300):
        values = rng.beta(2, 5, n)
        found = subset_interval(n, lambda masks, v=values: masks @ v / masks.sum(1), seed=trial, resamples=300)
        covered += found.low <= 2 / 7 <= found.high
    assert 0.91 <= covered / 300 <= 0.99


@pytest.mark.parametrize("n", [6, 20, 21, 50])
def test_the_spread_of_subsets_is_the_standard_error_of_a_mean(n):
    values = np.random.default_rng(2).beta(2, 5, n)
    found = subset_interval(n, lambda masks: masks @ values / masks.sum(1), resamples=20000)
    trials = found.value * (1 - found.value) / (values.var(ddof=1) / n)
    z = t.ppf(0.975, n - 1)
    middle = (found.value + z * z / (2 * trials)) / (1 + z * z / trials)
    assert (found.low + found.high) / 2 == pytest.approx(middle, rel=5e-3)
    half = z / (1 + z * z / trials) * np.sqrt(values.var(ddof=1) / n + z * z / (4 * trials**2))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.03)


def test_where_all_subsets_are_alike_every_unit_counts_as_one_trial():
    # all of 20 different: Wilson's interval of 20 of 20, with Student's t (2.0930) in place of z
    found = subset_interval(20, share_of_different(np.arange(20)))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(20 / (20 + 2.0930**2), abs=1e-4)
    # all of 20 equal: subsets of 13 say 1/13 all of them
    found = subset_interval(20, share_of_different(np.zeros(20)))
    assert found.low < found.value == 1 / 20 < found.high < 0.3


def test_an_interval_of_subsets_holds_its_value_and_is_the_same_again():
    drawn = np.random.default_rng(4).integers(0, 9, 31)
    first, again = (subset_interval(31, share_of_different(drawn), seed=7) for _ in range(2))
    assert first == again
    assert 0 <= first.low < first.value < first.high <= 1


@pytest.mark.parametrize("n", [1, 3])
def test_too_few_units_have_no_interval_of_subsets(n):
    found = subset_interval(n, share_of_different(np.arange(n)))
    assert found.value == 1
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(subset_interval(0, share_of_different(np.arange(0))).value)


def test_the_bootstrap_of_a_mean_is_the_bootstrap_without_the_loop():
    values = np.random.default_rng(7).exponential(size=30)
    found = bootstrap_mean(values, seed=4)
    same = bootstrap(30, lambda at: values[at].mean(), seed=4)
    assert (found.value, found.low, found.high, found.n) == pytest.approx((same.value, same.low, same.high, 30))
    assert bootstrap_mean(np.append(values, np.nan), seed=4) == found


def test_the_bootstrap_of_a_mean_of_few_is_too_narrow_as_its_docstring_says():
    rng = np.random.default_rng(8)
    for n, expected in ((5, 0.84), (10, 0.90)):
        found = [bootstrap_mean(rng.normal(size=n), seed=trial, resamples=500) for trial in range(1500)]
        assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(expected, abs=0.03)


def test_the_bootstrap_of_a_mean_has_no_interval_of_nothing_of_one_and_of_the_infinite():
    assert math.isnan(bootstrap_mean(np.array([np.nan])).value)
    assert bootstrap_mean(np.array([3.0])).value == 3
    for values in ([3.0], [3.0, math.inf]):
        assert math.isnan(bootstrap_mean(np.array(values)).low)
