"""Questions about drawn texts: seeds, expected counts, and how unlikely a whole text is."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest, Output
from dashboard.lessons.answers.prediction import candidates, of_likeliest
from dashboard.lessons.answers.question import (
    Question,
    RunContext,
    Unanswerable,
    as_number,
    choice,
    number,
    question,
    rounded,
    yes_no,
)
from dashboard.tokens import visible, visible_text


def _texts(run: RunContext, request: GenerateRequest) -> tuple[Output, ...]:
    return run.answer(request).whole().outputs


def _seeded(run: RunContext, *, seeds: list[int], max_new_tokens: int) -> GenerateRequest:
    columns = (Column(DecodeSettings(), max_new_tokens=max_new_tokens, seed=seed) for seed in seeds)
    return GenerateRequest(run.key, tuple(columns))


def _greedy(run: RunContext, *, max_new_tokens: int) -> GenerateRequest:
    return GenerateRequest(run.key, (Column(DecodeSettings(do_sample=False), max_new_tokens=max_new_tokens),))


def _several(run: RunContext, *, top_k: int, rows: int, max_new_tokens: int, seed: int) -> GenerateRequest:
    return GenerateRequest(run.key, (Column(DecodeSettings(top_k=top_k), rows, max_new_tokens, seed=seed),))


def _alone(make: Callable[..., GenerateRequest]) -> Callable[..., tuple[GenerateRequest]]:
    """Texts need no pass of the prompt's run."""
    return lambda run, **settings: (make(run, **settings),)


def _said(run: RunContext, output: Output) -> str:
    return visible_text(run.engine.tokenizer(run.card.model).decode([output.ids.tolist()])[0])


@question(_alone(_seeded))
def equal_texts(run: RunContext, seeds: list[int], max_new_tokens: int) -> Question:
    """Do two draws with these seeds give the same text?"""
    first, second = _texts(run, _seeded(run, seeds=seeds, max_new_tokens=max_new_tokens))
    facts = {"first": _said(run, first), "second": _said(run, second), "a": str(seeds[0]), "b": str(seeds[1])}
    return yes_no(first.ids.tolist() == second.ids.tolist(), **facts)


@question(of_likeliest)
def expected_count(run: RunContext, draws: int) -> Question:
    """How often is the likeliest token drawn, on average?"""
    found = candidates(run)
    p = float(found.probs[0])
    facts = {"token": visible(found.tokens[0]), "prob": rounded(p), "draws": draws, "count": rounded(draws * p)}
    return number(draws * p, facts, tolerance=1, share=0.02)


@question(of_likeliest)
def chance_of_none(run: RunContext, draws: int) -> Question:
    """How likely is it that none of some draws is the likeliest token?"""
    found = candidates(run)
    p = float(found.probs[0])
    chance = (1 - p) ** draws
    facts = {"token": visible(found.tokens[0]), "prob": rounded(p), "draws": draws, "chance": rounded(chance)}
    return number(chance, facts, tolerance=0.02)


@question(_alone(_greedy))
def text_probability(run: RunContext, max_new_tokens: int) -> Question:
    """How likely is the greedy text as a whole?"""
    (text,) = _texts(run, _greedy(run, max_new_tokens=max_new_tokens))
    log_p = text.log_p.astype(np.float64)
    whole, first, mean = math.exp(log_p.sum()), math.exp(log_p[0]), math.exp(log_p.mean())
    if len(log_p) < 2 or whole > 0.9 * first:
        raise Unanswerable("alike")
    values = {"product": whole, "first": first, "mean": mean}
    names = {rounded(values[name], 2): name for name in ("first", "mean", "product")}
    labels = {name: as_number(value) for value, name in names.items()}
    facts = {"text": _said(run, text), "prob": rounded(whole), "first": rounded(first)}
    return choice(run, labels, ["product"], **facts)


@question(_alone(_several))
def distinct_texts(run: RunContext, top_k: int, rows: int, max_new_tokens: int, seed: int) -> Question:
    """How many different texts are there among some draws?"""
    texts = _texts(run, _several(run, top_k=top_k, rows=rows, max_new_tokens=max_new_tokens, seed=seed))
    distinct = len({tuple(text.ids.tolist()) for text in texts})
    return number(distinct, {"distinct": distinct, "rows": rows, "text": _said(run, texts[0])})
