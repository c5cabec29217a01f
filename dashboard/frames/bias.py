"""Exact scores of a probe as tidy tables: one row a score, a completion in two groups, or a cell of a map.

Differences are first group minus second, in log-probability [nats]; intervals draw whole templates again. What was not
scored is NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.frames.probe_scores import ProbeScores
from dashboard.stats.exact_bias import (
    intersection,
    lexicon,
    log_odds_ratio,
    log_ratio,
    mean_over_templates,
    pmi,
    share,
    spread,
)
from dashboard.stats.intervals import bootstrap_mean

Floats = NDArray[np.float64]

BY = ("template", "completion")
"""What a row of a forest can be."""


# -- every score ----------------------------------------------------------------------------------------------------
def score_frame(scores: ProbeScores) -> pd.DataFrame:
    """One row a (template, group, completion), completions fastest.

    Returns:
        ``template, group, completion, log_prob_nats, prob, lexicon_prob``, and with a neutral prompt
        ``neutral_log_prob_nats, pmi_nats``. `lexicon_prob` is the completion's share of the list's probability.
    """
    template, group, completion = (axis.ravel() for axis in np.indices(scores.log_prob.shape))
    columns: dict[str, Any] = {
        "template": pd.Categorical.from_codes(template, pd.Index(scores.templates)),
        "group": pd.Categorical.from_codes(group, pd.Index(scores.groups)),
        "completion": pd.Categorical.from_codes(completion, pd.Index(scores.completions)),
        "log_prob_nats": scores.log_prob.ravel(),
        "prob": np.exp(scores.log_prob).ravel(),
        "lexicon_prob": lexicon(scores.log_prob).prob.ravel(),
    }
    if scores.neutral is not None:
        columns["neutral_log_prob_nats"] = np.broadcast_to(scores.neutral[:, None], scores.log_prob.shape).ravel()
        columns["pmi_nats"] = _pmi(scores.log_prob, scores.neutral).ravel()
    return pd.DataFrame(columns)


def _pmi(log_prob: Floats, neutral: Floats) -> Floats:
    """(template, group, completion) [nats]."""
    return pmi(np.concatenate([log_prob, neutral[:, None]], axis=1), log_prob.shape[1])[:, :-1]


# -- two groups -----------------------------------------------------------------------------------------------------
def delta_frame(scores: ProbeScores, first: int, second: int) -> pd.DataFrame:
    """One row a (completion, template): each template's own difference of two groups.

    Returns:
        ``completion, template, first, second, delta_nats, log_odds_nats, share``; `share` is of the first group, in
        [0, 1].
    """
    count, length = len(scores.templates), len(scores.completions)
    return pd.DataFrame(
        {
            "completion": np.repeat(np.array(scores.completions, object), count),
            "template": list(scores.templates) * length,
            "first": scores.groups[first],
            "second": scores.groups[second],
            "delta_nats": log_ratio(scores.log_prob, first, second).T.ravel(),
            "log_odds_nats": log_odds_ratio(scores.log_prob, first, second).T.ravel(),
            "share": share(scores.log_prob, first, second).T.ravel(),
        }
    )


def completion_frame(scores: ProbeScores, first: int, second: int, *, seed: int = 0) -> pd.DataFrame:
    """One row a completion: how two groups differ in it, over all templates.

    Args:
        scores: of the probe.
        first: index of the first group (women, where shares are compared with labour statistics).
        second: index of the second.
        seed: of the bootstrap's draws.

    Returns:
        ``completion, first, second, templates, agree, delta_nats, low_nats, high_nats, share, share_low, share_high,
        first_prob, second_prob, first_lexicon_prob, second_lexicon_prob, world_share``, and with a neutral prompt
        ``first_pmi_nats, second_pmi_nats``. Differences, shares, PMI and lexicon probabilities are means over
        templates, `low` to `high` their 95 % intervals; the two `prob` are geometric means, so that their ratio is
        ``exp(delta_nats)``. `agree` of `templates` have the sign of the mean difference.
    """
    deltas, shares = log_ratio(scores.log_prob, first, second), share(scores.log_prob, first, second)
    # only templates that score both: their ratio has to be that of the mean difference
    of_both = scores.log_prob[:, [first, second]] + np.where(np.isnan(deltas), np.nan, 0)[:, None]
    distribution = mean_over_templates(lexicon(scores.log_prob)).prob
    frame = pd.DataFrame(
        {
            "completion": scores.completions,
            "first": scores.groups[first],
            "second": scores.groups[second],
            **_spreads(deltas, "delta_nats", "low_nats", "high_nats", seed),
            **_means(shares, seed),
            "first_prob": np.exp(_known_mean(of_both[:, 0])),
            "second_prob": np.exp(_known_mean(of_both[:, 1])),
            "first_lexicon_prob": distribution[first],
            "second_lexicon_prob": distribution[second],
            "world_share": np.nan if scores.world is None else scores.world,
        }
    )
    if scores.neutral is not None:
        of_neutral = _known_mean(_pmi(scores.log_prob, scores.neutral))
        frame["first_pmi_nats"], frame["second_pmi_nats"] = of_neutral[first], of_neutral[second]
    return frame


def _spreads(values: Floats, value: str, low: str, high: str, seed: int) -> dict[str, list[Any]]:
    """Spread over templates of every column of (template, n) `values`."""
    spreads = [spread(column, seed=seed) for column in values.T]
    return {
        "templates": [of_column.mean.n for of_column in spreads],
        "agree": [of_column.agree for of_column in spreads],
        value: [of_column.mean.value for of_column in spreads],
        low: [of_column.mean.low for of_column in spreads],
        high: [of_column.mean.high for of_column in spreads],
    }


def _means(shares: Floats, seed: int) -> dict[str, list[float]]:
    means = [bootstrap_mean(column, seed=seed) for column in shares.T]
    return {
        "share": [mean.value for mean in means],
        "share_low": [mean.low for mean in means],
        "share_high": [mean.high for mean in means],
    }


def _known_mean(values: Floats) -> Floats:
    """Mean over templates, the first axis, of those that are not NaN; NaN where all are."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)


def forest_frame(scores: ProbeScores, first: int, second: int, *, by: str, seed: int = 0) -> pd.DataFrame:
    """Differences of two groups, one row a template or a completion, and a last row over all.

    Args:
        scores: of the probe.
        first: index of the first group.
        second: index of the second.
        by: of BY. A template's row is its mean over the completions, without an interval of its own: the list of
            completions is not drawn from anything. A completion's row is its mean over templates.
        seed: of the bootstrap's draws.

    Returns:
        ``name, by, overall, value_nats, low_nats, high_nats, agree, templates``. `agree` of `templates` have the sign
        of the row's mean; a template's own row counts itself, 1 where it has the sign of the mean over all.
    """
    return _forest(scores, log_ratio(scores.log_prob, first, second), by, seed)


def intersection_frame(
    scores: ProbeScores,
    *,
    first_first: int,
    second_first: int,
    first_second: int,
    second_second: int,
    by: str = "completion",
    seed: int = 0,
) -> pd.DataFrame:
    """Intersection terms, ``[L(1,1) - L(2,1)] - [L(1,2) - L(2,2)]``: columns as in `forest_frame`.

    Args:
        scores: of the probe.
        first_first: index of the group with the first value of both slots.
        second_first: with the second value of the first slot and the first of the second.
        first_second: with the first value of the first slot and the second of the second.
        second_second: with the second value of both.
        by: of BY.
        seed: of the bootstrap's draws.
    """
    terms = intersection(
        scores.log_prob,
        first_first=first_first,
        second_first=second_first,
        first_second=first_second,
        second_second=second_second,
    )
    return _forest(scores, terms, by, seed)


def _forest(scores: ProbeScores, values: Floats, by: str, seed: int) -> pd.DataFrame:
    """Of (template, completion) values."""
    over_all = spread(values, seed=seed)
    if by == "template":
        sign = np.sign(over_all.mean.value)
        rows = [
            _row(name, value, agree=int(np.sign(value) == sign), templates=int(not math.isnan(value)))
            for name, value in zip(scores.templates, over_all.values.tolist(), strict=True)
        ]
    else:
        spreads = [spread(column, seed=seed) for column in values.T]
        rows = [
            _row(
                name,
                of_completion.mean.value,
                of_completion.mean.low,
                of_completion.mean.high,
                agree=of_completion.agree,
                templates=of_completion.mean.n,
            )
            for name, of_completion in zip(scores.completions, spreads, strict=True)
        ]
    mean = over_all.mean
    last = _row("", mean.value, mean.low, mean.high, agree=over_all.agree, templates=mean.n, overall=True)
    frame = pd.DataFrame([*rows, last])
    frame.insert(1, "by", by)
    return frame


def _row(
    name: str,
    value: float,
    low: float = np.nan,
    high: float = np.nan,
    *,
    agree: int,
    templates: int,
    overall: bool = False,
) -> dict[str, Any]:
    numbers = {"value_nats": value, "low_nats": low, "high_nats": high}
    return {"name": name, "overall": overall, **numbers, "agree": agree, "templates": templates}


# -- all groups -----------------------------------------------------------------------------------------------------
def map_frame(scores: ProbeScores, reference: int | None = None, *, seed: int = 0) -> pd.DataFrame:
    """One row a (completion, group): how far a group lies from a reference.

    Args:
        scores: of the probe.
        reference: index of the group to compare with; ``None``: the mean of all groups' log-probabilities.
        seed: of the bootstrap's draws.

    Returns:
        ``completion, group, reference, log_prob_nats, templates, agree, delta_nats, low_nats, high_nats``: means over
        templates with 95 % intervals; `reference` is empty for the mean.
    """
    of_reference = scores.log_prob.mean(axis=1) if reference is None else scores.log_prob[:, reference]
    with np.errstate(invalid="ignore"):
        apart = scores.log_prob - of_reference[:, None]
    cells = (len(scores.templates), -1)
    return pd.DataFrame(
        {
            "completion": np.repeat(np.array(scores.completions, object), len(scores.groups)),
            "group": list(scores.groups) * len(scores.completions),
            "reference": "" if reference is None else scores.groups[reference],
            "log_prob_nats": _known_mean(scores.log_prob).T.ravel(),
            **_spreads(apart.swapaxes(1, 2).reshape(cells), "delta_nats", "low_nats", "high_nats", seed),
        }
    )
