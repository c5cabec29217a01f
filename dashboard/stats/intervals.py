"""Estimates with their intervals: Wilson for shares, the bootstrap for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

LEVEL = 0.95
RESAMPLES = 2000


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
    z = float(norm.ppf((1 + level) / 2))
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # the ends that are exactly 0 and 1 come out a rounding off
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == n else middle + half
    return Interval(share, low, high, n)


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
        statistic: of the (n,) places of the units drawn; NaN is left out of the interval.
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
    found = np.array([statistic(draw) for draw in draws], np.float64)
    found = found[~np.isnan(found)]
    if not len(found):
        return Interval(value, math.nan, math.nan, n)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), n)
