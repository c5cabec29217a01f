"""How much the texts of a set differ: distinct-n, Self-BLEU, loops, equal answers, each with its interval.

Texts are sequences of token ids without the token that ended them. Every statistic is computed for many subsets at once
(`Masks`), so that the whole set and its random parts go one way.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dashboard.engine.api.generation import FLOAT_NOISE
from dashboard.stats.intervals import SUBSETS, Interval, bootstrap, subset_interval, wilson
from dashboard.stats.statistic import SETS

UNIQUE = "unique"
DISTINCT_1 = "distinct_1"
DISTINCT_2 = "distinct_2"
DISTINCT_3 = "distinct_3"
SELF_BLEU = "self_bleu"
LOOPS = "loops"
MEAN_LOG_P = "mean_log_p"
METRICS = tuple(SETS)
"""Set metrics in the order in which they are shown; all but the last, which is in nats, lie in [0, 1]."""
_DISTINCT = (DISTINCT_1, DISTINCT_2, DISTINCT_3)

BLEU_LEAST_TOKENS = 8
"""Self-BLEU is not told of a set with a shorter text: four orders of n-grams need some length."""
BLEU_ORDERS = 4
BLEU_EPSILON = 0.1
"""Stands for no match at all (NLTK's smoothing method1)."""
LOOP_LEAST_TOKENS = 2
LOOP_COPIES = 3
_AT_ONCE = 2_000_000
"""Numbers of an array of (draw, gram) made at once."""

Text = Sequence[int]
Masks = NDArray[np.bool_]
"""(draw, text) which texts are in."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Grams:
    """Which texts hold which grams, and how often."""

    counts: NDArray[np.int64]
    """(text, gram)"""
    totals: NDArray[np.int64]
    """(text,) grams of each text."""


def _grams(listed: Sequence[Iterable[Hashable]]) -> _Grams:
    """Counts of the grams listed for each text."""
    counted = [Counter(grams) for grams in listed]
    columns = {gram: column for column, gram in enumerate(dict.fromkeys(gram for grams in counted for gram in grams))}
    counts = np.zeros((len(counted), len(columns)), np.int64)
    for row, grams in enumerate(counted):
        counts[row, [columns[gram] for gram in grams]] = list(grams.values())
    return _Grams(counts, counts.sum(1))


def _n_grams(texts: Sequence[Text], n: int) -> _Grams:
    return _grams([list(zip(*(tuple(text)[start:] for start in range(n)), strict=False)) for text in texts])


def _whole(texts: Sequence[Text]) -> _Grams:
    """Each text as one gram."""
    return _grams([[tuple(text)] for text in texts])


def _everything(n: int) -> Masks:
    return np.ones((1, n), bool)


def _in_parts(masks: Masks, width: int, statistic: Callable[[Masks], Values]) -> Values:
    """`statistic` of so many draws at a time that no array of (draw, `width`) grows too large."""
    step = max(1, _AT_ONCE // max(1, width))
    return np.concatenate([statistic(masks[start : start + step]) for start in range(0, len(masks), step)])


def _different(grams: _Grams, masks: Masks) -> Values:
    """(draw,) different grams / all grams of the texts that are in; NaN where there are none."""
    present = (grams.counts > 0).astype(np.float32)

    def share(part: Masks) -> Values:
        different = (part.astype(np.float32) @ present > 0).sum(1)
        total = part @ grams.totals
        return np.divide(different, total, out=np.full(len(part), np.nan), where=total > 0)

    return _in_parts(masks, present.shape[1], share)


def unique_fraction(texts: Sequence[Text]) -> float:
    """Different texts / all texts, in (0, 1]; NaN for none."""
    return float(_different(_whole(texts), _everything(len(texts)))[0])


def distinct(texts: Sequence[Text], n: int) -> float:
    """Different n-grams / all n-grams of the set (distinct-n, Li et al. 2016), in (0, 1].

    It falls as texts grow longer or more, so only sets of about equal size compare. NaN where no text has an n-gram.
    """
    return float(_different(_n_grams(texts, n), _everything(len(texts)))[0])


# -- Self-BLEU -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _BleuParts:
    """What BLEU of each text against any of the others needs."""

    shared: tuple[NDArray[np.float32], ...]
    """(order,) of (text, level): 1 where the text holds a gram so many times; only what two texts hold."""
    totals: Values
    """(order, text) grams, at least 1."""
    lengths: Values
    """(text,) tokens."""
    nearest: NDArray[np.int64]
    """(text, text) for each text the others (and itself, last) by how near their length is, shorter first."""


def _bleu_parts(texts: Sequence[Text]) -> _BleuParts | None:
    if len(texts) < 2 or min(len(text) for text in texts) < BLEU_LEAST_TOKENS:
        return None
    orders = [_n_grams(texts, n) for n in range(1, BLEU_ORDERS + 1)]
    lengths = np.array([len(text) for text in texts], np.float64)
    apart = np.abs(lengths - lengths[:, None])
    np.fill_diagonal(apart, np.inf)
    nearest = np.stack([np.lexsort((lengths, row)) for row in apart])
    totals = np.stack([np.maximum(1, grams.totals) for grams in orders]).astype(np.float64)
    return _BleuParts(tuple(_shared_levels(grams.counts) for grams in orders), totals, lengths, nearest)


def _shared_levels(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """(text, level) whether a text holds a gram t times or more, for every gram and t that two texts reach.

    A count clipped to the largest of the other texts is the number of t up to it that another text reaches as well.
    """
    levels = []
    for t in range(1, int(counts.max(initial=0)) + 1):
        reached = counts >= t
        levels.append(reached[:, reached.sum(0) > 1])
    return np.concatenate(levels, axis=1).astype(np.float32)


def _self_bleu(parts: _BleuParts | None, masks: Masks) -> Values:
    """(draw,) mean BLEU-4 of each text that is in against the others that are; NaN for fewer than two."""
    if parts is None:
        return np.full(len(masks), np.nan)
    width = max(len(parts.lengths) ** 2, *(levels.shape[1] for levels in parts.shared))
    return _in_parts(masks, width, lambda part: _mean_bleu(parts, part))


def _mean_bleu(parts: _BleuParts, masks: Masks) -> Values:
    inside = masks.astype(np.float32)
    log_precision = np.zeros(masks.shape)
    for order, levels in enumerate(parts.shared):
        held_by_others = (inside @ levels > 1).astype(np.float32)
        matches = (held_by_others @ levels.T).astype(np.float64)
        if order == 0:
            nothing = matches == 0
        log_precision += np.log(np.where(matches == 0, BLEU_EPSILON, matches) / parts.totals[order]) / BLEU_ORDERS
    bleu = np.where(nothing, 0.0, np.exp(log_precision + _log_brevity(parts, masks)))
    count = masks.sum(1)
    total = (bleu * masks).sum(1)
    return np.divide(total, count, out=np.full(len(masks), np.nan), where=count > 1)


def _log_brevity(parts: _BleuParts, masks: Masks) -> Values:
    """(draw, text) ``min(0, 1 - r / c)``: c tokens, r those of the other text whose length is nearest."""
    first = masks[:, parts.nearest].argmax(-1)
    other = np.take_along_axis(parts.nearest[None], first[..., None], -1)[..., 0]
    return np.asarray(np.minimum(0, 1 - parts.lengths[other] / parts.lengths))


def self_bleu(texts: Sequence[Text]) -> float:
    """Self-BLEU-4: mean BLEU of each text against all others (Texygen, Zhu et al. 2018), in [0, 1]; 1 = all alike.

    BLEU as in NLTK's ``sentence_bleu`` with smoothing method1. NaN for fewer than two texts, or where one has fewer
    than BLEU_LEAST_TOKENS tokens.
    """
    return float(_self_bleu(_bleu_parts(texts), _everything(len(texts)))[0])


# -- loops, likelihood ---------------------------------------------------------------------------------------------
def ends_in_loop(text: Text) -> bool:
    """Whether the last tokens are three copies or more of one phrase of at least two tokens (Holtzman et al. 2020)."""
    ids = np.asarray(text)
    return any(
        np.array_equal(ids[-(LOOP_COPIES - 1) * size :], ids[-LOOP_COPIES * size : -size])
        for size in range(LOOP_LEAST_TOKENS, len(ids) // LOOP_COPIES + 1)
    )


def mean_log_p(log_p: Sequence[NDArray[np.float32]]) -> float:
    """Mean over texts of each text's mean ln p [nats per token]; texts without tokens are left out, NaN for none."""
    means = _means(log_p)
    return float(means.mean()) if len(means) else float("nan")


def _means(log_p: Sequence[NDArray[np.float32]]) -> Values:
    return np.array([values.mean(dtype=np.float64) for values in log_p if len(values)])


def set_metrics(
    texts: Sequence[Text], log_p: Sequence[NDArray[np.float32]], *, seed: int = 0, resamples: int = SUBSETS
) -> dict[str, Interval]:
    """All METRICS of a set of independently drawn texts, with 95 % intervals.

    Shares of different texts and n-grams and Self-BLEU have their interval from subsets (the bootstrap's copies would
    bias them), loops Wilson's, mean ln p the bootstrap's.

    Args:
        texts: token ids.
        log_p: (text,) of (step,) ln p of their tokens, the one that ended them included [nats].
        seed: of the resampling.
        resamples: subsets, and draws of the bootstrap.
    """
    count = len(texts)
    statistics: dict[str, Callable[[Masks], Values]] = {
        UNIQUE: partial(_different, _whole(texts)),
        **{name: partial(_different, _n_grams(texts, n)) for n, name in enumerate(_DISTINCT, 1)},
        SELF_BLEU: partial(_self_bleu, _bleu_parts(texts)),
    }
    metrics = {
        name: subset_interval(count, statistic, seed=seed, resamples=resamples)
        for name, statistic in statistics.items()
    }
    if count < 2:
        metrics[UNIQUE] = Interval.missing(count)
    metrics[LOOPS] = wilson(sum(map(ends_in_loop, texts)), count)
    metrics[MEAN_LOG_P] = _mean_interval(_means(log_p), seed, resamples)
    return metrics


def list_metrics(texts: Sequence[Text], log_p: Sequence[NDArray[np.float32]]) -> dict[str, Interval]:
    """METRICS of a ranked list, which beams make.

    A search draws nothing: there are no intervals, and no shares of different texts or of loops.
    """
    values = {name: distinct(texts, n) for n, name in enumerate(_DISTINCT, 1)}
    values |= {SELF_BLEU: self_bleu(texts), MEAN_LOG_P: mean_log_p(log_p)}
    missing = Interval.missing(len(texts))
    return {name: replace(missing, value=values.get(name, math.nan)) for name in METRICS}


def _mean_interval(means: Values, seed: int, resamples: int) -> Interval:
    interval = bootstrap(len(means), lambda drawn: float(means[drawn].mean()), seed=seed, resamples=resamples)
    # rows of one text differ by float noise alone, which is no error of sampling
    return interval if len(means) and np.ptp(means) > FLOAT_NOISE else replace(interval, low=math.nan, high=math.nan)


# -- answers -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """An answer, and how often it was given."""

    text: str
    count: int
    share: Interval
    first: int
    """Place of the first text that gives it."""


_AROUND = f'.,;:!?"“”«»{string.whitespace}\u00a0'


def answers(texts: Sequence[str]) -> list[Answer]:
    """Equal answers together, the most frequent first, with Wilson's interval ("Paris" 34 of 50: .54 to .79).

    An answer is the text's first line that is not blank, without spaces, ``.,;:!?`` and quotation marks around it;
    capitals count. A text without one gives the empty answer.
    """
    given = [answer_of(text) for text in texts]
    first = {answer: index for index, answer in reversed(list(enumerate(given)))}
    # ties stay in the order in which they were first given
    return [
        Answer(answer, count, wilson(count, len(given)), first[answer])
        for answer, count in Counter(given).most_common()
    ]


def answer_of(text: str) -> str:
    """What `text` answers; see `answers`."""
    lines = (line.strip(_AROUND) for line in text.splitlines())
    return next((line for line in lines if line), "")
