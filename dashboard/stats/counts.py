"""Counts of independently sampled completions: differences of shares, odds, tests, and what testing often costs.

Only for i.i.d. draws (``num_beams = 1``): texts of beams are no independent draws, their counts mean nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, rel_entr
from scipy.stats import false_discovery_control, hypergeom, random_table
from scipy.stats.contingency import expected_freq

from dashboard.stats.intervals import LEVEL, RESAMPLES, Interval, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# two tables whose chances differ by less are equally likely, as in R
SAME = 1e-7
# random tables held in memory at once
BLOCK = 100


# -- one completion, two groups -------------------------------------------------------------------------------------
def newcombe(successes: int, n: int, other_successes: int, other_n: int, level: float = LEVEL) -> Interval:
    """Difference of two shares with Newcombe's hybrid score interval (Newcombe 1998, method 10).

    Args:
        successes: of the first group, 0 … `n`.
        n: draws of the first group; 0 in either group gives NaN.
        other_successes: of the second group.
        other_n: draws of the second group.
        level: confidence in (0, 1).

    Returns:
        First minus second, in [-1, 1]; its `n` is the draws of both.

    Raises:
        ValueError: more successes than draws, or fewer than none.
    """
    share, other_share = wilson(successes, n, level), wilson(other_successes, other_n, level)
    if not (n and other_n):
        return Interval.missing(n + other_n)
    apart = share.value - other_share.value
    low = apart - math.hypot(share.value - share.low, other_share.high - other_share.value)
    high = apart + math.hypot(share.high - share.value, other_share.value - other_share.low)
    return Interval(apart, low, high, n + other_n)


def log2_odds_ratio(successes: int, n: int, other_successes: int, other_n: int, level: float = LEVEL) -> Interval:
    """Log2 odds ratio of two shares, 0.5 added to each of the four counts, with its Wald interval.

    The halves (Haldane 1956, Anscombe 1956) are always added, so that a completion never drawn in one group has a
    number; they pull the estimate towards 0. 1 = the odds are twice as high in the first group.

    Args:
        successes: of the first group, 0 … `n`.
        n: draws of the first group; 0 in either group gives NaN.
        other_successes: of the second group.
        other_n: draws of the second group.
        level: confidence in (0, 1).

    Returns:
        [bits], any real number; its `n` is the draws of both.

    Raises:
        ValueError: more successes than draws, or fewer than none.
    """
    _check(successes, n, other_successes, other_n)
    if not (n and other_n):
        return Interval.missing(n + other_n)
    a, b, c, d = (x + 0.5 for x in (successes, n - successes, other_successes, other_n - other_successes))
    value = math.log2(a * d / (b * c))
    half = float(ndtri((1 + level) / 2)) * math.sqrt(1 / a + 1 / b + 1 / c + 1 / d) / math.log(2)
    return Interval(value, value - half, value + half, n + other_n)


def fisher(tables: Ints) -> Floats:
    """Fisher's exact test that two shares are equal, two-sided: the chance of all tables that are no likelier.

    SciPy's own takes one table at a time, too slow for the hundreds of a page; this is the same over all at once.

    Args:
        tables: (test, 4) successes and draws of the first group, successes and draws of the second.

    Returns:
        (test,) p in [0, 1], 1 when nothing could tell the two apart.

    Raises:
        ValueError: more successes than draws, or fewer than none.
    """
    for table in tables:
        _check(*table)
    k, n, other_k, other_n = tables.T[:, :, None]  # (test, 1) each
    total = k + other_k
    chance = hypergeom.pmf(np.arange(total.max(initial=0) + 1), n + other_n, total, n)  # (test, successes of the first)
    observed = np.take_along_axis(chance, k, axis=1)
    return np.minimum(1, np.where(chance <= observed * (1 + SAME), chance, 0).sum(axis=1))


def _check(*table: int) -> None:
    for successes, n in (table[:2], table[2:]):
        if not 0 <= successes <= n:
            raise ValueError(f"{successes} successes of {n}")


# -- many tests -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Adjusted:
    """p-values of many tests, adjusted for their number."""

    p: Floats
    """(test,) adjusted p in [0, 1], NaN where there was no test: calling those below 5 % findings makes at most 5 %
    of the findings false, on average."""
    tests: int
    """How many tests there were; always to be shown."""


def benjamini_hochberg(p: Floats) -> Adjusted:
    """Adjusted p-values that hold the false discovery rate (Benjamini & Hochberg 1995).

    Proven for independent and for positively dependent tests; counts of one sample are a little negatively dependent,
    for which the tests of this project simulate it.

    Args:
        p: (test,) p-values of **all** tests that were made, in [0, 1]; NaN is no test and stays NaN.
    """
    tested = ~np.isnan(p)
    adjusted = np.full(p.shape, np.nan)
    if tested.any():
        adjusted[tested] = false_discovery_control(p[tested], method="bh")
    return Adjusted(adjusted, int(tested.sum()))


@dataclass(frozen=True)
class Comparison:
    """One completion in two groups."""

    first: int
    """Place of the first group."""
    second: int
    """Place of the second group."""
    completion: int
    """Place of the completion."""
    difference: Interval
    """Share in the first minus share in the second, in [-1, 1] (Newcombe); not adjusted for the number of tests."""
    log2_odds: Interval
    """[bits]; not adjusted likewise."""
    p: float
    """Fisher's exact test."""
    p_adjusted: float
    """The same, adjusted over all comparisons (Benjamini & Hochberg)."""


def compare(counts: Ints, drawn: Ints, pairs: Sequence[tuple[int, int]]) -> tuple[Comparison, ...]:
    """Every completion in every pair of groups; p adjusted over all of them: as many tests as there are comparisons.

    A completion that neither group drew is a test too (p = 1): leaving it out after the look at the data would
    not be honest, counting it is only careful.

    Args:
        counts: (group, completion) in how many of the draws the completion was found, at most once a draw.
        drawn: (group,) independent draws.
        pairs: indices of the groups to compare.

    Returns:
        Pairs in their order, completions within; a pair with a group that drew nothing is left out.
    """
    cases = [
        (first, second, c) for first, second in pairs if drawn[first] and drawn[second] for c in range(counts.shape[1])
    ]
    tables = [(int(counts[i, c]), int(drawn[i]), int(counts[j, c]), int(drawn[j])) for i, j, c in cases]
    p = fisher(np.array(tables, np.int64).reshape(-1, 4))
    adjusted = benjamini_hochberg(p).p
    return tuple(
        Comparison(*case, newcombe(*table), log2_odds_ratio(*table), float(plain), float(better))
        for case, table, plain, better in zip(cases, tables, p, adjusted, strict=True)
    )


# -- all completions, all groups ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Independence:
    """Whether completions depend on the group at all, one test for the whole table; NaN when there is no table."""

    g: float
    """G statistic, ``2 Σ O ln(O/E)``, at least 0."""
    freedom: int
    """Degrees of freedom, (groups - 1)(completions - 1)."""
    p: float
    """Share of random tables with the same margins whose G is as large, in [1 / 2001, 1]."""
    cramers_v: float
    """Cramér's V of Pearson's chi-squared, **bias-corrected** (Bergsma 2013), in [0, 1]: 0 none, 1 complete. The
    plain V of a wide table with few draws is far above 0 although nothing depends on anything."""
    n: int
    """Draws counted."""


def independence(counts: Ints, *, seed: int = 0) -> Independence:
    """G-test of independence of group and completion (likelihood ratio), p by Monte Carlo.

    The usual chi-squared approximation finds a difference where none is in up to a quarter of the cases when there
    are many completions and few draws of each; tables drawn at random with the same margins do not (Patefield 1981;
    the table itself is counted among them, Phipson & Smyth 2010).

    Args:
        counts: (group, completion) draws; a draw is counted once. Groups and completions without any are left out.
            Draws that matched nothing are best given a column of their own.
        seed: of the random tables: the same p again.
    """
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n = int(table.sum())
    if min(table.shape) < 2:
        return Independence(math.nan, 0, math.nan, math.nan, n)
    expected = expected_freq(table)
    g = float(_g(table, expected))
    alike = random_table(table.sum(axis=1), table.sum(axis=0))
    rng = np.random.default_rng(seed)
    larger = sum(
        int((_g(alike.rvs(size=BLOCK, random_state=rng), expected) >= g - SAME).sum())
        for _ in range(RESAMPLES // BLOCK)
    )
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Independence(g, freedom, (1 + larger) / (1 + RESAMPLES), _cramers_v(table, expected), n)


def _g(tables: Floats | Ints, expected: Floats) -> Floats:
    """G of (..., group, completion) tables."""
    return 2 * rel_entr(tables, expected).sum(axis=(-2, -1))


def _cramers_v(table: Ints, expected: Floats) -> float:
    """Bias-corrected Cramér's V of a table without empty rows or columns (Bergsma 2013)."""
    n = table.sum()
    rows, columns = table.shape
    phi2 = float(((table - expected) ** 2 / expected).sum()) / n
    phi2 = max(0.0, phi2 - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1))
    return min(1.0, math.sqrt(phi2 / (smaller - 1))) if smaller > 1 else math.nan


def missing_rates(matched: Ints, drawn: Ints) -> list[Interval]:
    """Share of each group's draws in which no completion of the list was found, with its Wilson interval.

    Groups that differ here cannot be compared by their counts alone: the list fits one better than the other.

    Args:
        matched: (group,) draws in which one was found, 0 … `drawn`.
        drawn: (group,) draws.
    """
    return [wilson(int(n - k), int(n)) for k, n in zip(matched, drawn, strict=True)]
