"""Questions about the next token: probabilities, surprisal, and what temperature makes of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dashboard.engine.api.decoding import DecodeSettings, Processed
from dashboard.engine.api.prediction import Candidates, CandidatesRequest, PositionTableRequest, ProcessedRequest
from dashboard.engine.api.request import Request
from dashboard.i18n import Message
from dashboard.lessons.answers.question import (
    MOST_OPTIONS,
    Question,
    RunContext,
    Unanswerable,
    as_number,
    choice,
    compared,
    largest,
    number,
    question,
    rounded,
    spread_over,
    yes_no,
)
from dashboard.tokens import visible

COMPARED = 10
"""So many of the likeliest tokens are compared in their order."""


def likeliest(run: RunContext, k: int = COMPARED) -> CandidatesRequest:
    """The likeliest tokens after the last position."""
    return CandidatesRequest(run.key, run.last, min(k, run.card.vocab))


def candidates(run: RunContext, k: int = COMPARED) -> Candidates:
    """The answer to `likeliest`."""
    return run.answer(likeliest(run, k))


def of_likeliest(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    """What `candidates` needs."""
    return run.forward, likeliest(run)


def _of_table(run: RunContext) -> tuple[Request[Any], ...]:
    return run.forward, PositionTableRequest(run.key)


def _of_settings(run: RunContext, *, temperature: float, do_sample: bool = True) -> tuple[Request[Any], ...]:
    settings = DecodeSettings(do_sample=do_sample, temperature=temperature)
    return run.forward, likeliest(run), ProcessedRequest(run.key, run.last, (), settings)


def _of_both(run: RunContext, *, temperature: float) -> tuple[Request[Any], ...]:
    """With the temperature and without."""
    return *_of_settings(run, temperature=temperature), ProcessedRequest(run.key, run.last, (), DecodeSettings())


def _processed(run: RunContext, found: Candidates, settings: DecodeSettings) -> Processed:
    ids = tuple(int(token) for token in found.ids)
    return run.answer(ProcessedRequest(run.key, run.last, ids, settings))


# -- probability and surprisal ---------------------------------------------------------------------------------------
@question(of_likeliest)
def top_token(run: RunContext) -> Question:
    """Which token is the likeliest after the last position?"""
    found = candidates(run, MOST_OPTIONS)
    labels = {str(token.id): visible(token) for token in found.tokens}
    right = largest(found.probs, range(len(found.probs)))
    facts = {"token": visible(found.tokens[0]), "prob": rounded(found.probs[0])}
    return choice(run, labels, [str(found.tokens[at].id) for at in right], **facts)


@question(of_likeliest)
def top_probability(run: RunContext) -> Question:
    """How likely is the likeliest token?"""
    found = candidates(run)
    facts = {"token": visible(found.tokens[0]), "prob": rounded(found.probs[0])}
    return number(float(found.probs[0]), facts, tolerance=0.005, share=0.02)


@question(of_likeliest)
def top_surprisal(run: RunContext) -> Question:
    """How many bits would the likeliest token cost?"""
    found = candidates(run)
    bits = -math.log2(float(found.probs[0]))
    facts = {"token": visible(found.tokens[0]), "prob": rounded(found.probs[0]), "bits": rounded(bits)}
    return number(bits, facts, tolerance=0.05, share=0.02)


@question(_of_table)
def most_surprising(run: RunContext) -> Question:
    """Which token of the prompt surprised the model most?"""
    run.need_tokens(3)
    table = run.answer(PositionTableRequest(run.key))
    bits = -table.actual_log_prob[:-1] / math.log(2)
    among = spread_over(bits)
    labels: dict[str, str | Message] = {str(at + 1): run.position(at + 1) for at in among}
    best = among[0]
    facts = {"token": visible(run.tokens[best + 1]), "pos": best + 1, "bits": rounded(bits[best])}
    return choice(run, labels, [str(at + 1) for at in largest(bits, among)], **facts)


@question(_of_table)
def more_certain(run: RunContext) -> Question:
    """After which of two positions is the model surer of what follows?

    Both have a token after them: on the page it has the colour of their entropy.
    """
    run.need_tokens(3)
    entropy = run.answer(PositionTableRequest(run.key)).entropy_nats[:-1]
    low, high = int(entropy.argmin()), int(entropy.argmax())
    if low == high:
        raise Unanswerable("alike")
    facts = {
        **{"low_token": visible(run.tokens[low]), "low_pos": low, "low": rounded(entropy[low])},
        **{"high_token": visible(run.tokens[high]), "high_pos": high, "high": rounded(entropy[high])},
    }
    right = largest(-entropy, [low, high])
    return choice(run, {str(at): run.position(at) for at in (low, high)}, map(str, right), **facts)


@question(_of_table)
def perplexity(run: RunContext) -> Question:
    """What is the perplexity of the prompt?"""
    run.need_tokens(2)
    table = run.answer(PositionTableRequest(run.key))
    mean = -float(np.mean(table.actual_log_prob[:-1], dtype=np.float64))
    facts = {"perplexity": rounded(math.exp(mean)), "bits": rounded(mean / math.log(2))}
    return number(math.exp(mean), facts, tolerance=0.05, share=0.02)


# -- temperature -----------------------------------------------------------------------------------------------------
@question(_of_settings)
def temperature_effect(run: RunContext, temperature: float) -> Question:
    """Does the likeliest token become likelier?"""
    found = candidates(run)
    p, q = float(found.probs[0]), float(_processed(run, found, DecodeSettings(temperature=temperature)).probs[0])
    facts = {"token": visible(found.tokens[0]), "temperature": temperature, "prob": rounded(p), "q": rounded(q)}
    return compared((q - p) / p, **facts)


@question(_of_both)
def temperature_order(run: RunContext, temperature: float) -> Question:
    """Does the order of the likeliest tokens change?"""
    found = candidates(run)
    plain = _processed(run, found, DecodeSettings()).probs
    q = _processed(run, found, DecodeSettings(temperature=temperature)).probs
    # before the temperature a is likelier than b, after it b is likelier than a
    turned = any(
        plain[a] > plain[b] * (1 + 1e-5) and q[b] > q[a] * (1 + 1e-5) for a in range(len(q)) for b in range(len(q))
    )
    return yes_no(turned, temperature=temperature, compared=len(q))


@question(_of_both)
def temperature_ratio(run: RunContext, temperature: float) -> Question:
    """How many times as likely is the first token as the second?"""
    found = candidates(run, 2)
    first, second = (float(value) for value in _processed(run, found, DecodeSettings()).probs[:2])
    q = _processed(run, found, DecodeSettings(temperature=temperature)).probs
    if min(second, float(q[1])) <= 0 or first / second < 1.05:
        raise Unanswerable("alike")
    before, after = first / second, float(q[0] / q[1])
    power = 1 / temperature
    values = {"power": before**power, "root": before**temperature, "times": before * power, "unchanged": before}
    right = [name for name, value in values.items() if abs(value - after) <= 0.05 * after]
    if not right:  # a rule of the model's own acts as well
        raise Unanswerable("rules")
    # of equal numbers one is shown
    names = {rounded(values[name]): name for name in (*(name for name in values if name not in right), *right)}
    labels = {name: as_number(value) for value, name in names.items()}
    facts = {
        **{"first": visible(found.tokens[0]), "second": visible(found.tokens[1]), "temperature": temperature},
        **{"before": rounded(before), "after": rounded(after), "power": rounded(power)},
    }
    return choice(run, labels, right, **facts)


@question(_of_settings)
def temperature_entropy(run: RunContext, temperature: float) -> Question:
    """What is the entropy of what is drawn from?"""
    result = _processed(run, candidates(run, 2), DecodeSettings(temperature=temperature))
    before, after = result.entropy_before_nats, result.entropy_after_nats
    facts = {"before": rounded(before), "after": rounded(after)}
    return number(after, facts, tolerance=0.02, share=0.01)


@question(_of_settings)
def temperature_top(run: RunContext, temperature: float) -> Question:
    """How likely does a temperature make the likeliest token?"""
    found = candidates(run)
    q = float(_processed(run, found, DecodeSettings(temperature=temperature)).probs[0])
    token = visible(found.tokens[0])
    facts = {"token": token, "temperature": temperature, "prob": rounded(found.probs[0]), "q": rounded(q)}
    return number(q, facts, tolerance=0.01)


@question(_of_settings)
def temperature_acts(run: RunContext, temperature: float, do_sample: bool) -> Question:
    """Does a temperature change anything?"""
    settings = DecodeSettings(do_sample=do_sample, temperature=temperature)
    acts = "temperature" in _processed(run, candidates(run, 2), settings).names
    return yes_no(acts)
