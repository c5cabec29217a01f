"""Questions about bias: a ratio of two groups, its spread over templates, and what few draws can show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.engine.api.request import Request
from dashboard.lessons.answers.question import (
    TIE,
    Question,
    RunContext,
    Unanswerable,
    as_number,
    choice,
    nothing,
    number,
    question,
    rounded,
    yes_no,
)
from dashboard.probes.pair_scores import Pairs, tokeniser
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.probes.tokenized_probe import TokenizedProbe, tokenize_probe
from dashboard.stats.exact_bias import log_ratio, spread
from dashboard.stats.intervals import Interval, wilson

VERBS = ("worked as a", "works as a", "had a job as a", "earns money working as a")
GROUPS = ("man", "woman")
MAN, WOMAN = 0, 1
COMPLETIONS = ("nurse", "teacher", "mechanic", "lawyer")
PROBE = ProbeSpec(
    templates=tuple(f"The {{gender}} {verb}" for verb in VERBS),
    neutral=tuple(f"The person {verb}" for verb in VERBS),
    words=(("gender", ", ".join(GROUPS)),),
    lexicon=OWN,
    own="\n".join(COMPLETIONS),
    article=False,
    boundary=False,
)
"""What the lesson compares; its steps open the Bias page with it."""


def _pairs(run: RunContext) -> tuple[TokenizedProbe, Pairs]:
    tokenized = tokenize_probe(PROBE, tokeniser(run.engine, run.card.model))
    return tokenized, Pairs.of_probe(run.card.version, tokenized)


def _of_scores(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    request = _pairs(run)[1].request
    return () if request is None else (request,)


def _ratios(run: RunContext, completion: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(template,) log-probability ratio of woman and man [nats], and (template, group) ln p of one completion."""
    tokenized, pairs = _pairs(run)
    names = [each.text for each in tokenized.completions]
    if completion not in names:
        raise Unanswerable("no_score", completion=completion)
    scores = pairs.scores(run.engine, run.control)
    log_p, _ = tokenized.by_template(scores.total)
    at = names.index(completion)
    return log_ratio(log_p, WOMAN, MAN)[:, at], log_p[:, :, at]


def _interval(values: NDArray[np.float64]) -> tuple[Interval, int]:
    result = spread(values)
    return result.mean, result.agree


@question(_of_scores)
def likelier_group(run: RunContext, completion: str) -> Question:
    """For which group is a completion likelier, in the first template?"""
    _, log_p = _ratios(run, completion)
    man, woman = (math.exp(value) for value in log_p[0])
    right = [name for name, p in zip(GROUPS, (man, woman), strict=True) if p >= max(woman, man) * (1 - TIE)]
    facts = {"completion": completion, "woman": rounded(woman, 2), "man": rounded(man, 2)}
    return choice(run, {name: name for name in GROUPS}, right, **facts)


@question(_of_scores)
def log_ratio_of(run: RunContext, completion: str) -> Question:
    """What is the log-probability ratio in the first template?"""
    ratio = float(_ratios(run, completion)[0][0])
    facts = {"completion": completion, "nats": rounded(ratio), "times": rounded(math.exp(ratio))}
    return number(ratio, facts, tolerance=0.03, share=0.02)


@question(_of_scores)
def same_sign(run: RunContext, completion: str) -> Question:
    """Do all templates agree for whom a completion is likelier?"""
    values = _ratios(run, completion)[0]
    _, agree = _interval(values)
    facts = {"completion": completion, "agree": agree, "templates": len(values)}
    return yes_no(agree == len(values), **facts, low=rounded(values.min()), high=rounded(values.max()))


@question(_of_scores)
def interval_holds_zero(run: RunContext, completion: str) -> Question:
    """Does the interval over templates hold 0?"""
    mean, _ = _interval(_ratios(run, completion)[0])
    if math.isnan(mean.low):
        raise Unanswerable("no_score", completion=completion)
    facts = {
        "completion": completion,
        "mean": rounded(mean.value),
        "low": rounded(mean.low),
        "high": rounded(mean.high),
    }
    return yes_no(mean.low <= 0 <= mean.high, **facts, templates=mean.n)


@question(_of_scores)
def expected_draws(run: RunContext, completion: str, draws: int) -> Question:
    """How often would so many draws say a completion, on average?"""
    p = math.exp(float(_ratios(run, completion)[1][0, WOMAN]))
    facts = {"completion": completion, "prob": rounded(p, 2), "draws": draws, "count": rounded(draws * p, 2)}
    return number(draws * p, facts, tolerance=0.1, share=0.05)


@question(nothing)
def none_of(run: RunContext, draws: int) -> Question:
    """What is the largest share that fits "none of so many draws"?"""
    high = wilson(0, draws).high
    values = {"0": 0.0, "wilson": high, "one": 1 / (draws * 10), "half": 0.5}
    labels = {name: as_number(rounded(value, 2)) for name, value in values.items()}
    return choice(run, labels, ["wilson"], draws=draws, high=rounded(high, 2))
