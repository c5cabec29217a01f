"""Estimates with their intervals: Wilson for shares, the bootstrap for means, subsets for what copies would bias."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

LEVEL = 0.95
RESAMPLES = 2000
SUBSETS = 1000
LEAST_UNITS = 4
"""Of fewer there are too few different subsets."""
_ALIKE = 1e-18


@dataclass(frozen=True)
class Interval:
    """An estimate and where the true value lies with 95 % confidence; NaN where it does not exist."""

    value: float
    low: float
    high: float
    n: int
    """What it rests on."""

    @classmethod
    def missing(cls, n: int = 0) -> Interval:
        """Nothing can be said."""
        return cls(math.nan, math.nan, math.nan, n)


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval:
    """Share of successes with its Wilson score interval (Wilson 1927).

    Args:
        successes: 0 … n.
        n: trials; 0 gives NaN.
        level: confidence in (0, 1).

    Raises:
        ValueError: `successes` is not between 0 and `n`; the message gives both.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Interval.missing()
    share = successes / n
    low, high = _score_ends(share, n, float(ndtri((1 + level) / 2)))
    return Interval(share, low, high, n)


def _score_ends(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's ends for a share of `n` trials, not necessarily whole ones."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # the ends that are exactly 0 and 1 come out a rounding off
    return 0.0 if share == 0 else middle - half, 1.0 if share == 1 else middle + half


def bootstrap(
    n: int,
    statistic: Callable[[NDArray[np.int64]], float],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Percentile bootstrap (Efron 1979) of a statistic of `n` units that are drawn again with replacement.

    Args:
        n: units (texts, templates); fewer than 2 have no interval.
        statistic: of the (n,) indices of the units drawn; NaN is left out of the interval.
        seed: of the draws: the same numbers again.
        resamples: draws.
        level: confidence in (0, 1).
    """
    if n == 0:
        return Interval.missing()
    value = float(statistic(np.arange(n)))
    if n < 2:
        return Interval(value, math.nan, math.nan, n)
    draws = np.random.default_rng(seed).integers(0, n, (resamples, n))
    values = np.array([statistic(draw) for draw in draws], np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(value, math.nan, math.nan, n)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), n)


def subset_interval(
    n: int,
    statistic: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    *,
    seed: int = 0,
    resamples: int = SUBSETS,
    level: float = LEVEL,
) -> Interval:
    """Interval of a statistic in [0, 1] that copies would bias (how many texts differ …), from subsets without copies.

    The bootstrap draws units twice, so that its sets are less diverse than any true one. Here the statistic is computed
    of random subsets of m = ⅔ n units, none twice. Their variance times m / (n - m) is the sampling variance of the
    whole (delete-d jackknife, Shao and Wu 1989): exactly for means over units, within 11 % for counts of pairs or
    triples of units that agree, which is why it is two thirds. It makes ``value (1 - value) / variance`` effective
    trials, of which Wilson's score interval is taken with Student's t in index of z (Korn and Graubard 1998): so the
    interval lies in [0, 1] and holds the value. Where the subsets do not differ, every unit counts as one trial.

    It is of the statistic's expected value for sets of `n`: other sizes have another one.

    Args:
        n: units (texts); fewer than LEAST_UNITS have no interval.
        statistic: (draw, n) which units are in -> (draw,) its value; NaN is left out.
        seed: of the draws: the same numbers again.
        resamples: subsets.
        level: confidence in (0, 1).
    """
    if n == 0:
        return Interval.missing()
    value = float(statistic(np.ones((1, n), bool))[0])
    if n < LEAST_UNITS or math.isnan(value):
        return Interval(value, math.nan, math.nan, n)
    size = round(2 * n / 3)
    order = np.random.default_rng(seed).random((resamples, n)).argsort(axis=1).argsort(axis=1)
    variance = float(np.nanvar(statistic(order < size))) * size / (n - size)
    spread = value * (1 - value)
    trials = spread / variance if variance > _ALIKE and spread > 0 else n
    low, high = _score_ends(value, trials, float(stdtrit(n - 1, (1 + level) / 2)))
    return Interval(value, low, high, n)


def bootstrap_mean(
    values: NDArray[np.float64], *, seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> Interval:
    """`bootstrap` of the mean, the same draws without a loop.

    Few units make it too narrow: for normal values it holds the true mean in 84 % of cases with 5 units and in 90 %
    with 10, not in 95 %.

    Args:
        values: (unit,) in any unit; NaN is left out and not counted in `n`. Infinite ones have a mean, no interval.
        seed: of the draws: the same numbers again.
        resamples: draws.
        level: confidence in (0, 1).
    """
    values = values[~np.isnan(values)]
    n = len(values)
    if n == 0:
        return Interval.missing()
    value = float(values.mean())
    if n < 2 or not np.isfinite(values).all():
        return Interval(value, math.nan, math.nan, n)
    draws = np.random.default_rng(seed).integers(0, n, (resamples, n))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), n)
