"""Sampled completions of groups as tidy tables: one row a count, a comparison of two groups, or a group's misses.

Only for independent draws: what a beam search returns is no sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.stats.counts import compare, missing_rates
from dashboard.stats.intervals import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def sampled_frame(
    counts: Ints, drawn: Ints, groups: Sequence[str], completions: Sequence[str], exact: Floats | None = None
) -> pd.DataFrame:
    """One row a (group, completion): how often it was drawn, with Wilson's interval.

    Args:
        counts: (group, completion) draws in which it was found.
        drawn: (group,) draws.
        groups: their names.
        completions: their names.
        exact: (group, completion) the model's own probability, where the draws were from it unchanged (temperature 1,
            nothing cut): the interval holds it 95 times of 100.

    Returns:
        ``group, completion, count, drawn, share, low, high``, and with `exact` ``exact_prob, covered``.
    """
    rows = []
    for group, name in enumerate(groups):
        for completion, text in enumerate(completions):
            interval = wilson(int(counts[group, completion]), int(drawn[group]))
            row: dict[str, Any] = {"group": name, "completion": text, "count": counts[group, completion]}
            row |= {"drawn": drawn[group], "share": interval.value, "low": interval.low, "high": interval.high}
            if exact is not None:
                prob = float(exact[group, completion])
                row |= {"exact_prob": prob, "covered": interval.low <= prob <= interval.high}
            rows.append(row)
    return pd.DataFrame(rows)


def comparison_frame(
    counts: Ints,
    drawn: Ints,
    pairs: Sequence[tuple[int, int]],
    groups: Sequence[str],
    completions: Sequence[str],
) -> pd.DataFrame:
    """One row a (pair of groups, completion): every test that was made.

    Args:
        counts: (group, completion) draws in which it was found.
        drawn: (group,) draws.
        pairs: indices of the groups to compare.
        groups: their names.
        completions: their names.

    Returns:
        ``first, second, completion, first_count, first_drawn, second_count, second_drawn, difference, low, high,
        log2_odds, log2_odds_low, log2_odds_high, p, p_adjusted, tests``: shares of the first minus the second with
        Newcombe's interval, log2 odds ratio [bits], Fisher's p, the same adjusted over all `tests` rows (Benjamini and
        Hochberg). Intervals are not adjusted.
    """
    comparisons = compare(counts, drawn, pairs)
    rows = [
        {
            "first": groups[comparison.first],
            "second": groups[comparison.second],
            "completion": completions[comparison.completion],
            "first_count": counts[comparison.first, comparison.completion],
            "first_drawn": drawn[comparison.first],
            "second_count": counts[comparison.second, comparison.completion],
            "second_drawn": drawn[comparison.second],
            "difference": comparison.difference.value,
            "low": comparison.difference.low,
            "high": comparison.difference.high,
            "log2_odds": comparison.log2_odds.value,
            "log2_odds_low": comparison.log2_odds.low,
            "log2_odds_high": comparison.log2_odds.high,
            "p": comparison.p,
            "p_adjusted": comparison.p_adjusted,
            "tests": len(comparisons),
        }
        for comparison in comparisons
    ]
    return pd.DataFrame(rows, columns=_COMPARISON)


_COMPARISON = [
    *("first", "second", "completion", "first_count", "first_drawn", "second_count", "second_drawn"),
    *("difference", "low", "high", "log2_odds", "log2_odds_low", "log2_odds_high", "p", "p_adjusted", "tests"),
]


def missing_frame(matched: Ints, drawn: Ints, groups: Sequence[str]) -> pd.DataFrame:
    """One row a group: the draws in which no completion of the list was found, with Wilson's interval.

    Returns:
        ``group, missing, drawn, share, low, high``.
    """
    rates = missing_rates(matched, drawn)
    return pd.DataFrame(
        {
            "group": list(groups),
            "missing": drawn - matched,
            "drawn": drawn,
            "share": [rate.value for rate in rates],
            "low": [rate.low for rate in rates],
            "high": [rate.high for rate in rates],
        }
    )
