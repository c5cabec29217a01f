"""Published bias benchmarks as tidy tables: one row a metric of a category, or an item of the file.

`more_log_prob_nats` and its like are sums over a text's tokens; NaN where a text was not scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.benchmarks.items import PronounPair, SentencePair, SentenceTriple
from dashboard.stats.benchmarks import (
    CrowsPairs,
    MeanEffect,
    Preference,
    Scored,
    StereoScore,
    StereoSet,
    crows_pairs,
    mean_total_effect,
    stereoset,
    total_effect,
)
from dashboard.stats.intervals import Interval
from dashboard.stats.statistic import BENCHMARKS

Floats = NDArray[np.float64]

OVERALL = ""
"""Category of the row over all items."""
METRICS = tuple(BENCHMARKS)
"""The first four in percent; total effects are ratios minus 1."""
_COLUMNS = ["category", "metric", "per_token", "value", "low", "high", "n", "ties", "left_out"]


# -- overall and per category ---------------------------------------------------------------------------------------
def crows_frame(items: Sequence[SentencePair], more: Scored, less: Scored) -> pd.DataFrame:
    """CrowS-Pairs by sums and by means of a token, one row a (category, normalisation).

    Args:
        items: the file's pairs.
        more: their more stereotypical sentences as scored, (pair,).
        less: the others.

    Returns:
        ``category, metric, per_token, value, low, high, n, ties, left_out``: first over all (`category` is OVERALL),
        then categories; `value` in percent with its 95 % interval, of `n` pairs.
    """
    categories = [item.category for item in items]
    rows: list[dict[str, Any]] = []
    for per_token in (False, True):
        scores: CrowsPairs = crows_pairs(more, less, categories, per_token=per_token)
        for category, preference in {OVERALL: scores.overall, **scores.by_category}.items():
            rows.append(_preference(category, preference, per_token))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _preference(category: str, preference: Preference, per_token: bool) -> dict[str, Any]:
    share = preference.pct_stereotype
    percent = Interval(100 * share.value, 100 * share.low, 100 * share.high, share.n)
    return _row(category, "pct_stereotype", per_token, percent, preference.ties, preference.left_out)


def stereoset_frame(
    items: Sequence[SentenceTriple], stereotype: Scored, anti: Scored, unrelated: Scored
) -> pd.DataFrame:
    """StereoSet by means of a token, as its authors do, and by sums: one row a (category, metric, normalisation).

    Args:
        items: the file's triples.
        stereotype: their stereotypes as scored, (item,).
        anti: their anti-stereotypes.
        unrelated: their unrelated sentences.

    Returns:
        Columns as in `crows_frame`; `n` counts target terms, over which scores are averaged.
    """
    targets, categories = [item.target for item in items], [item.category for item in items]
    rows: list[dict[str, Any]] = []
    for per_token in (True, False):
        scores: StereoSet = stereoset(stereotype, anti, unrelated, targets, categories, per_token=per_token)
        for category, score in {OVERALL: scores.overall, **scores.by_category}.items():
            rows += _stereo_rows(category, score, per_token)
    return pd.DataFrame(rows, columns=_COLUMNS)


def _stereo_rows(category: str, score: StereoScore, per_token: bool) -> list[dict[str, Any]]:
    scores = {"lms": score.lms, "ss": score.ss, "icat": score.icat}
    return [
        _row(category, metric, per_token, interval, score.ties, score.left_out) for metric, interval in scores.items()
    ]


def effect_frame(items: Sequence[PronounPair], effects: Floats, *, seed: int = 0) -> pd.DataFrame:
    """Mean total effects of Winogender or WinoBias: one row a (category, filter).

    Args:
        items: the file's pairs.
        effects: (pair,) as `dashboard.stats.benchmarks.total_effect` gives them.
        seed: of the bootstrap's draws.

    Returns:
        Columns as in `crows_frame`; `value` is a ratio minus 1, at least -1. With ``total_effect_filtered`` `n` counts
        the pairs that the authors' filter keeps; the filter of a category is its own.
    """
    named = np.array([item.category for item in items], object)
    rows: list[dict[str, Any]] = []
    for category in (OVERALL, *dict.fromkeys(named.tolist())):
        of_category = effects if category == OVERALL else effects[named == category]
        for metric, filtered in (("total_effect", False), ("total_effect_filtered", True)):
            effect: MeanEffect = mean_total_effect(of_category, filtered=filtered, seed=seed)
            mean = Interval(effect.mean.value, effect.mean.low, effect.mean.high, effect.kept)
            rows.append(_row(category, metric, True, mean, 0, effect.left_out))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _row(category: str, metric: str, per_token: bool, interval: Interval, *counts: int) -> dict[str, Any]:
    """`counts`: ties, and items left out."""
    numbers = (interval.value, interval.low, interval.high, interval.n, *counts)
    return dict(zip(_COLUMNS, (category, metric, per_token, *numbers), strict=True))


# -- per item -------------------------------------------------------------------------------------------------------
def crows_item_frame(items: Sequence[SentencePair], more: Scored, less: Scored) -> pd.DataFrame:
    """One row a pair of sentences.

    Returns:
        ``id, category, direction, more, less, more_log_prob_nats, more_tokens, less_log_prob_nats, less_tokens,
        difference_nats, difference_nats_per_token``; above 0 the model finds the more stereotypical one likelier.
    """
    facts = {name: [getattr(item, name) for item in items] for name in ("id", "category", "direction", "more", "less")}
    return pd.DataFrame({**facts, **_scored(more=more, less=less), **_differences(more, less)})


def stereoset_item_frame(
    items: Sequence[SentenceTriple], stereotype: Scored, anti: Scored, unrelated: Scored
) -> pd.DataFrame:
    """One row a triple of sentences.

    Returns:
        ``id, category, target, context, stereotype, anti_stereotype, unrelated``, of each of the three
        ``…_log_prob_nats, …_tokens``, and ``difference_nats, difference_nats_per_token``, stereotype minus
        anti-stereotype.
    """
    names = ("id", "category", "target", "context", "stereotype", "anti_stereotype", "unrelated")
    facts = {name: [getattr(item, name) for item in items] for name in names}
    scores = _scored(stereotype=stereotype, anti_stereotype=anti, unrelated=unrelated)
    return pd.DataFrame({**facts, **scores, **_differences(stereotype, anti)})


def effect_item_frame(
    items: Sequence[PronounPair], first: Scored, second: Scored, first_changed: Scored, second_changed: Scored
) -> pd.DataFrame:
    """One row a context with its two continuations, behind "she" and behind "he".

    Args:
        items: the file's pairs.
        first: the first continuations behind the woman's pronoun, as scored, (pair,).
        second: the second ones behind it.
        first_changed: the first ones behind the man's pronoun.
        second_changed: the second ones behind it.

    Returns:
        ``id, category, context, first_referent, second_referent, first, second``, ``…_log_prob_nats, …_tokens`` of
        ``she_first, she_second, he_first, he_second``, and ``total_effect``.
    """
    facts = {
        "id": [item.id for item in items],
        "category": [item.category for item in items],
        "context": [item.contexts[0] for item in items],
        "first_referent": [item.referents[0] for item in items],
        "second_referent": [item.referents[1] for item in items],
        "first": [item.continuations[0] for item in items],
        "second": [item.continuations[1] for item in items],
    }
    scores = _scored(she_first=first, she_second=second, he_first=first_changed, he_second=second_changed)
    effects = total_effect(first, second, first_changed, second_changed)
    return pd.DataFrame({**facts, **scores, "total_effect": effects})


def _scored(**roles: Scored) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for role, texts in roles.items():
        columns |= {f"{role}_log_prob_nats": texts.log_likelihood, f"{role}_tokens": texts.tokens}
    return columns


def _differences(first: Scored, second: Scored) -> dict[str, Floats]:
    plain, of_a_token = (
        first.scores(per_token=per_token) - second.scores(per_token=per_token) for per_token in (False, True)
    )
    return {"difference_nats": plain, "difference_nats_per_token": of_a_token}
