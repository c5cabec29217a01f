"""Questions about the way through the layers: the logit lens, and what each part adds to a logit."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.engine.api.lens import AttributionRequest, Lens, LensRequest
from dashboard.engine.api.request import Request
from dashboard.lessons.answers.prediction import candidates, of_likeliest
from dashboard.lessons.answers.question import (
    MOST_OPTIONS,
    Question,
    RunContext,
    choice,
    compared,
    number,
    question,
    rounded,
    words,
)
from dashboard.tokens import visible


def _asked(run: RunContext, pins: tuple[int, ...] = ()) -> LensRequest:
    """The lens at the last position, a step after the embedding and after each layer."""
    return LensRequest(run.key, (run.last,), pins=pins)


def _lens(run: RunContext, pins: tuple[int, ...] = ()) -> Lens:
    return run.answer(_asked(run, pins))


def _of_lens(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    return run.forward, _asked(run)


def _of_likeliest_in_lens(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    return *of_likeliest(run), _asked(run)


def of_parts(run: RunContext) -> tuple[Request[Any], ...]:
    """What each part adds to the likeliest token's logit; what that token is costs nothing."""
    return *of_likeliest(run), AttributionRequest(run.key, run.last, 0)


@question(_of_lens)
def lens_top(run: RunContext, layer: int) -> Question:
    """Which token is on top after a layer? `layer` -1 is the embedding."""
    lens = _lens(run)
    step = layer + 1
    right = int(lens.top_ids[step, 0, 0])
    others = (*lens.top_ids[::-1, 0, 0], *lens.top_ids[step, 0, 1:], *lens.top_ids[-1, 0])
    ids = list(dict.fromkeys((right, *map(int, others))))[:MOST_OPTIONS]
    labels = {str(token): name for token, name in zip(ids, run.named(ids), strict=True)}
    return choice(run, labels, [str(right)], token=labels[str(right)])


@question(_of_lens)
def settled_layer(run: RunContext) -> Question:
    """From which layer on does the final token stay on top?"""
    lens = _lens(run)
    layer = lens.steps[int(lens.settled[0])][0]
    facts = {"token": run.named([lens.top_ids[-1, 0, 0]])[0], "layer": layer, "last": run.card.layers - 1}
    return number(layer, facts)


@question(_of_likeliest_in_lens)
def lens_probability(run: RunContext, share: float) -> Question:
    """How likely is the final token after a layer that lies at a `share` of the model's depth?"""
    best = candidates(run).tokens[0]
    layer = int(share * (run.card.layers - 1))
    lens = _lens(run, (best.id,))
    prob = float(lens.pin_probs[0, layer + 1, 0])
    facts = {
        "token": visible(best),
        "layer": layer,
        "prob": rounded(prob),
        "rank": int(lens.pin_ranks[0, layer + 1, 0]),
    }
    return number(prob, facts, tolerance=0.01, share=0.02)


@question(_of_lens)
def lens_entropy(run: RunContext, share: float) -> Question:
    """Does the entropy rise or fall from a layer in the middle to the last?"""
    entropy = _lens(run).entropy_nats[:, 0]
    layer = int(share * (run.card.layers - 1))
    middle, final = float(entropy[layer + 1]), float(entropy[-1])
    facts = {"layer": layer, "middle": rounded(middle), "final": rounded(final)}
    return compared((final - middle) / max(middle, 1e-6), **facts)


@question(of_parts)
def largest_part(run: RunContext) -> Question:
    """Which kind of part adds most to the predicted token's logit?"""
    best = candidates(run).tokens[0]
    parts = run.answer(AttributionRequest(run.key, run.last, best.id))
    sums = {
        "embedding": parts.embedding,
        "attention": float(np.sum(parts.attention, dtype=np.float64)),
        "mlp": float(np.sum(parts.mlp, dtype=np.float64)),
    }
    facts = {"token": visible(best), "logit": rounded(parts.logit), **{name: rounded(v) for name, v in sums.items()}}
    return words(max(sums, key=lambda name: sums[name]), tuple(sums), **facts)
