"""Exact scores of a probe as tidy tables: one row a score, a completion in two groups, or a cell of a map.

Differences are first group minus second, in log-probability [nats]; intervals draw whole templates again. What was not
scored is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class ProbeScores:
    """Exact scores of a probe with the names of its axes; names that are not unique get a number."""

    log_prob: Floats
    """(template, group, completion) ``L(c|g,τ)`` [nats]; NaN where not scored."""
    templates: tuple[str, ...]
    groups: tuple[str, ...]
    completions: tuple[str, ...]
    neutral: Floats | None = None
    """(template, completion) L behind the neutral prompt [nats]; NaN in templates without one. ``None``: none has."""
    world: Floats | None = None
    """(completion,) share in the world, in [0, 1]; NaN where not known."""

    def __post_init__(self) -> None:
        shape = len(self.templates), len(self.groups), len(self.completions)
        wanted = {"log_prob": shape, "neutral": shape[::2], "world": shape[2:]}
        for name, expected in wanted.items():
            array = getattr(self, name)
            if array is not None and array.shape != expected:
                raise ValueError(f"{name} has shape {array.shape}, its names have {expected}")
        for axis in ("templates", "groups", "completions"):
            object.__setattr__(self, axis, _distinct(getattr(self, axis)))

    def of_groups(self, places: Sequence[int]) -> ProbeScores:
        """Some of the groups: maps and distances of thousands are too large to draw, or to hold."""
        chosen = tuple(self.groups[place] for place in places)
        return replace(self, log_prob=self.log_prob[:, list(places)], groups=chosen)

    def transposed(self, world: Floats | None = None) -> ProbeScores:
        """The same with groups and completions changed over: "she" against "he" behind every occupation.

        A row is then what was a group. Its scores are of one word behind many prompts, no distribution: the tables of
        pairs hold, those of a group's distribution (`dashboard.frames.bias_groups`) do not.

        Args:
            world: (group,) the groups' shares in the world.
        """
        return ProbeScores(self.log_prob.swapaxes(1, 2), self.templates, self.completions, self.groups, world=world)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names that occur again get a number that is not taken."""
    found: dict[str, None] = {}
    for name in names:
        number, shown = 1, name
        while shown in found:
            number += 1
            shown = f"{name} ({number})"
        found[shown] = None
    return tuple(found)


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
        first: place of the first group (women, where shares are compared with labour statistics).
        second: place of the second.
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
    found = mean_over_templates(lexicon(scores.log_prob)).prob
    frame = pd.DataFrame(
        {
            "completion": scores.completions,
            "first": scores.groups[first],
            "second": scores.groups[second],
            **_spreads(deltas, "delta_nats", "low_nats", "high_nats", seed),
            **_means(shares, seed),
            "first_prob": np.exp(_known_mean(of_both[:, 0])),
            "second_prob": np.exp(_known_mean(of_both[:, 1])),
            "first_lexicon_prob": found[first],
            "second_lexicon_prob": found[second],
            "world_share": np.nan if scores.world is None else scores.world,
        }
    )
    if scores.neutral is not None:
        of_neutral = _known_mean(_pmi(scores.log_prob, scores.neutral))
        frame["first_pmi_nats"], frame["second_pmi_nats"] = of_neutral[first], of_neutral[second]
    return frame


def _spreads(values: Floats, value: str, low: str, high: str, seed: int) -> dict[str, list[Any]]:
    """Spread over templates of every column of (template, n) `values`."""
    found = [spread(column, seed=seed) for column in values.T]
    return {
        "templates": [one.mean.n for one in found],
        "agree": [one.agree for one in found],
        value: [one.mean.value for one in found],
        low: [one.mean.low for one in found],
        high: [one.mean.high for one in found],
    }


def _means(shares: Floats, seed: int) -> dict[str, list[float]]:
    found = [bootstrap_mean(column, seed=seed) for column in shares.T]
    return {
        "share": [one.value for one in found],
        "share_low": [one.low for one in found],
        "share_high": [one.high for one in found],
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
        first: place of the first group.
        second: place of the second.
        by: of BY. A template's row is its mean over the completions, without an interval of its own: the list of
            completions is not drawn from anything. A completion's row is its mean over templates.
        seed: of the bootstrap's draws.

    Returns:
        ``name, by, overall, value_nats, low_nats, high_nats, agree, templates``. `agree` of `templates` have the sign
        of the row's mean; a template's own row counts itself, 1 where it has the sign of the mean over all.
    """
    return _forest(scores, log_ratio(scores.log_prob, first, second), by, seed)


def intersection_frame(
    scores: ProbeScores, *, bw: int, ww: int, bm: int, wm: int, by: str = "completion", seed: int = 0
) -> pd.DataFrame:
    """Intersection terms, ``[L(BW) - L(WW)] - [L(BM) - L(WM)]``: columns as in `forest_frame`.

    Args:
        scores: of the probe.
        bw: place of the group with the first value of both slots, as in `dashboard.stats.exact_bias.intersection`.
        ww: with the second value of the first slot.
        bm: with the second value of the second slot.
        wm: with the second value of both.
        by: of BY.
        seed: of the bootstrap's draws.
    """
    return _forest(scores, intersection(scores.log_prob, bw=bw, ww=ww, bm=bm, wm=wm), by, seed)


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
        found = [spread(column, seed=seed) for column in values.T]
        rows = [
            _row(name, one.mean.value, one.mean.low, one.mean.high, agree=one.agree, templates=one.mean.n)
            for name, one in zip(scores.completions, found, strict=True)
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
    told = {"value_nats": value, "low_nats": low, "high_nats": high}
    return {"name": name, "overall": overall, **told, "agree": agree, "templates": templates}


# -- all groups -----------------------------------------------------------------------------------------------------
def map_frame(scores: ProbeScores, reference: int | None = None, *, seed: int = 0) -> pd.DataFrame:
    """One row a (completion, group): how far a group lies from a reference.

    Args:
        scores: of the probe.
        reference: place of the group to compare with; ``None``: the mean of all groups' log-probabilities.
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
