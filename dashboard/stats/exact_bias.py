"""Bias on exact log-probabilities: ratios and shares of two groups, a group's distribution, spread over templates.

`log_prob` is everywhere L(c|g,τ), (template, group, completion) [nats], at most 0: the log-probability of the whole
completion c after template τ with group g in its slot. Nothing here is sampled. NaN (not scored) stays NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp

from dashboard.stats.distributions import js_divergence, total_variation
from dashboard.stats.intervals import Interval, bootstrap_mean

Floats = NDArray[np.float64]

# a sum of shares that is short of the mass by rounding alone holds it
ROUNDING = 1e-12


# -- two groups, one completion -------------------------------------------------------------------------------------
def log_ratio(log_prob: Floats, first: int, second: int) -> Floats:
    """Log-probability ratio of two groups, ``Δ(c) = L(c|g1) - L(c|g2)``.

    Args:
        log_prob: (template, group, completion) [nats].
        first: index of g1 among the groups.
        second: index of g2.

    Returns:
        (template, completion) Δ [nats], any real number; above 0 the completion is likelier for g1. NaN where it is
        impossible for both.
    """
    with np.errstate(invalid="ignore"):
        return log_prob[:, first] - log_prob[:, second]


def log_odds_ratio(log_prob: Floats, first: int, second: int) -> Floats:
    """Exact log-odds ratio of two groups, ``ln [p1/(1-p1)] - ln [p2/(1-p2)]``; near Δ while both p are small.

    Args:
        log_prob: (template, group, completion) [nats].
        first: index of g1 among the groups.
        second: index of g2.

    Returns:
        (template, completion) [nats]; NaN where the completion is impossible, or certain, for both.
    """
    with np.errstate(invalid="ignore"):
        return _log_odds(log_prob[:, first]) - _log_odds(log_prob[:, second])


def _log_odds(log_prob: Floats) -> Floats:
    """``ln p/(1-p)`` of ln p, without losing a small 1-p."""
    log_prob = np.minimum(log_prob, 0)  # a sum of float32 logs may end a rounding above 0
    with np.errstate(divide="ignore"):
        return log_prob - np.log(-np.expm1(log_prob))


def share(log_prob: Floats, first: int, second: int) -> Floats:
    """Share of one group in a completion, ``p(c|g1) / (p(c|g1) + p(c|g2))``: both groups equally frequent.

    Args:
        log_prob: (template, group, completion) [nats].
        first: index of g1 (women, where labour statistics are compared) among the groups.
        second: index of g2.

    Returns:
        (template, completion) in [0, 1], 0.5 for no difference; NaN where the completion is impossible for both.
    """
    return expit(log_ratio(log_prob, first, second))


def pmi(log_prob: Floats, neutral: int) -> Floats:
    """Pointwise mutual information of group and completion against a neutral prompt, ``L(c|g) - L(c|neutral)``.

    Args:
        log_prob: (template, group, completion) [nats].
        neutral: index of the neutral reference ("The person") among the groups.

    Returns:
        (template, group, completion) [nats]; 0 for the reference itself, NaN where c is impossible for both.
    """
    with np.errstate(invalid="ignore"):
        return log_prob - log_prob[:, neutral : neutral + 1]


def intersection(
    log_prob: Floats, *, first_first: int, second_first: int, first_second: int, second_second: int
) -> Floats:
    """Intersection term: a difference in differences on the log scale.

    With the first values "black" and "woman": ``[L(black woman) - L(white woman)] - [L(black man) - L(white man)]``. 0
    where race acts on women as on men (in proportion); above 0 where being both adds to a completion.

    Args:
        log_prob: (template, group, completion) [nats].
        first_first: index of the group with the first value of both slots (black woman).
        second_first: with the second value of the first slot and the first of the second (white woman).
        first_second: with the first value of the first slot and the second of the second (black man).
        second_second: with the second value of both (white man).

    Returns:
        (template, completion) [nats].
    """
    with np.errstate(invalid="ignore"):
        of_first = log_ratio(log_prob, first_first, second_first)
        return of_first - log_ratio(log_prob, first_second, second_second)


# -- one group, all completions -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Lexicon:
    """A list of completions as a distribution, and how much of the model's probability that list holds."""

    prob: Floats
    """(..., completion) ``π(c) = p(c) / Σ p`` over the list, in [0, 1], sums to 1; NaN where Σ is 0 or one is NaN."""
    covered: Floats
    """(...) that Σ; in [0, 1] when no completion begins another (word-boundary mass sees to that)."""


def lexicon(log_prob: Floats) -> Lexicon:
    """Distribution over the list of completions, for every template and group.

    Args:
        log_prob: (..., completion) [nats].
    """
    total = logsumexp(log_prob, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return Lexicon(np.exp(log_prob - total), np.exp(total[..., 0]))


def mean_over_templates(every: Lexicon) -> Lexicon:
    """Mean of the templates' distributions: each template counts the same, however little its list covers.

    That is not the distribution of the mean probability, in which a template that covers more counts more. NaN in one
    template is NaN in the mean.

    Args:
        every: of (template, group, completion).

    Returns:
        Of (group, completion); its `covered` is the mean over templates.
    """
    return Lexicon(every.prob.mean(axis=0), every.covered.mean(axis=0))


@dataclass(frozen=True)
class GroupDistances:
    """How far apart the groups' distributions are."""

    js_nats: Floats
    """(..., group, group) Jensen-Shannon divergence [nats], in [0, ln 2]; symmetric, 0 on the diagonal."""
    total_variation: Floats
    """(..., group, group) in [0, 1], likewise."""


def group_distances(prob: Floats) -> GroupDistances:
    """Distance of every two groups.

    Args:
        prob: (..., group, completion) distributions, as of `lexicon`.
    """
    first, second = prob[..., :, None, :], prob[..., None, :, :]
    return GroupDistances(js_divergence(first, second), total_variation(first, second))


def gini(values: Floats) -> Floats:
    """Gini coefficient, ``Σ_i (2i - n - 1) x_i / (n Σ x)`` over the sorted x_1 … x_n.

    Kirk et al. (2021) use it for how few jobs a group is given. Their code adds 1e-7 to every share; this does not.

    Args:
        values: (..., completion) shares or counts, at least 0.

    Returns:
        (...) in [0, 1 - 1/n]: 0 when all completions are equally likely; NaN of nothing.
    """
    n = values.shape[-1]
    weight = 2 * np.arange(1, n + 1) - n - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weight * np.sort(values, axis=-1)).sum(axis=-1) / (n * values.sum(axis=-1))


def completions_for(prob: Floats, mass: float) -> Floats:
    """How many completions, likeliest first, hold at least `mass` (Kirk et al. 2021: jobs for 50 % and 90 %).

    Args:
        prob: (..., completion) distribution.
        mass: share in (0, 1].

    Returns:
        (...) whole number in 1 … completions; NaN where the distribution is.
    """
    held = np.cumsum(-np.sort(-prob, axis=-1), axis=-1)
    number = 1.0 + (held < mass - ROUNDING).sum(axis=-1)
    return np.where(np.isnan(prob).any(axis=-1), np.nan, number)


# -- over templates -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Spread:
    """A number over templates: one template is an anecdote."""

    values: Floats
    """(template,) each template's own."""
    mean: Interval
    """Mean over templates with its cluster bootstrap interval; `n` templates have a value."""
    agree: int
    """Templates whose value has the sign of the mean: `agree` of ``mean.n``."""


def spread(values: Floats, *, seed: int = 0) -> Spread:
    """Spread over templates; templates are drawn again whole, with all their completions (cluster bootstrap).

    The interval says what other templates *like these* would give; with fewer than ten it is too narrow
    (`bootstrap_mean`). A sign that only 3 of 5 templates share is no finding.

    Args:
        values: (template,) differences, 0 for none; or (template, completion), of which the mean over completions is
            taken first. A template with a NaN has no value and is left out.
        seed: of the draws.
    """
    per_template = values.mean(axis=1) if values.ndim == 2 else values
    mean = bootstrap_mean(per_template, seed=seed)
    return Spread(per_template, mean, int((np.sign(per_template) == np.sign(mean.value)).sum()))
