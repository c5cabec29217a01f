"""Verification: what the engine says of a loaded model against plain transformers, number by number.

Plain means: the model loaded once more from its files, eager attention, one whole pass, no capture, no cache, nothing
shared; texts by ``generate``. Run as ``python -m dashboard verify [MODEL]``, or from the Overview page.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig

from dashboard.engine.api.attention import METRICS, HeadRequest, TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.engine import Engine
from dashboard.engine.api.generation import FLOAT_NOISE, Column, GenerateRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import CallControl, ModelCard
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest, ProcessedRequest
from dashboard.engine.api.scoring import ScoreRequest
from dashboard.engine.api.verification import Deviation, Verification
from dashboard.engine.capture.limits import last_logits
from dashboard.engine.device.memory import first_line
from dashboard.engine.models.anatomy import FAMILY_ERRORS, check_ids
from dashboard.engine.models.generation_config import without_rules
from dashboard.engine.models.precision import HALF_PRECISION_FACTOR
from dashboard.engine.prediction.decoding import process
from dashboard.errors import Cancelled, DashboardError
from dashboard.run_key import RunKey

Held = Callable[[], contextlib.AbstractContextManager[object]]

LENGTHS = (8, 48, 192)
"""Tokens of the texts, as far as the model reads them."""

NEW = 8
"""Tokens of the generated text."""

CANDIDATES = 20
"""Likeliest tokens whose logits and probabilities are compared."""

SETTINGS = DecodeSettings(temperature=0.7, top_k=50, top_p=0.9, repetition_penalty=1.2, model_rules=False)

GREEDY = DecodeSettings(do_sample=False, model_rules=False)
"""Of the model alone: what its generation config asks for has tests of its own."""

BOUNDS = {
    "logits": 1e-4,
    "log_p": 1e-3,
    "weights": 1e-4,
    "metrics": 1e-3,
    "lens": 1e-4,
    "settings": 1e-3,
    "text": 0.0,
    "text_log_p": 1e-3,
    "scores": 2e-3,
}
"""Largest difference allowed in float32. Logits and metrics: relative to the largest, where that is above 1."""

HALF_BOUNDS = {name: HALF_PRECISION_FACTOR * bound for name, bound in BOUNDS.items()} | {"text": float("inf")}
"""In float16 and bfloat16, whose own results are rounded to 3 or 2 digits: a greedy text may part at any near tie."""


@dataclass(frozen=True)
class _Plain:
    """One whole pass of plain transformers over one text."""

    model: Any
    held: Held
    ids: tuple[int, ...]
    logits: Tensor
    """(T, vocab) float32."""
    weights: tuple[np.ndarray, ...]
    """(head, T, T) of each layer that returned any."""

    @classmethod
    def of(cls, model: Any, held: Held, ids: tuple[int, ...]) -> _Plain:
        """The pass."""
        with held(), torch.inference_mode():
            output = model(input_ids=torch.tensor([ids], device=model.device), output_attentions=True, use_cache=False)
        maps = [value for value in getattr(output, "attentions", None) or () if value is not None]
        return cls(model, held, ids, output.logits[0].float(), tuple(value[0].float().cpu().numpy() for value in maps))

    def log_p(self, ids: Sequence[int], new: int) -> np.ndarray:
        """(new,) ln p of the last tokens of `ids`, by one whole pass."""
        with self.held():
            log_p = last_logits(self.model, ids, new + 1)[:-1].double().cpu().log_softmax(-1)
        return log_p.gather(-1, torch.tensor(list(ids[-new:]))[:, None])[:, 0].numpy()


def verify(
    engine: Engine, card: ModelCard, plain: Any, control: CallControl, held: Held = contextlib.nullcontext
) -> Verification:
    """Every kind of number at several lengths.

    Args:
        engine: answers for the model of `card`.
        card: what is loaded there.
        plain: the same model as transformers loads it, with eager attention.
        control: cancel and progress, told after every comparison.
        held: the device, taken for every pass of `plain`.

    Raises:
        Cancelled: ``control.cancel`` was set.
    """
    bounds = BOUNDS if card.dtype == "float32" else HALF_BOUNDS
    lengths = sorted({max(2, min(length, card.context - NEW)) for length in LENGTHS})
    rows: list[Deviation] = []
    for length in lengths:
        half = check_ids(plain, -(-length // 2))
        text = _Plain.of(plain, held, (half + half)[:length])  # repeated: scores of repeated tokens exist
        key = RunKey(card.version, "raw", text.ids)
        for name, compare in _COMPARISONS.items():
            if control.cancel.is_set():
                raise Cancelled
            rows += _deviation(name, bounds[name], compare, (engine, card, key, text))
            control.progress(
                (lengths.index(length) + list(_COMPARISONS).index(name) / len(_COMPARISONS)) / len(lengths)
            )
    return Verification(card, tuple(rows))


def _deviation(name: str, bound: float, compare: _Compare, given: tuple[Any, ...]) -> Iterator[Deviation]:
    """One row; none where transformers has nothing to compare with; with the reason where the engine refuses."""
    tokens = len(given[-1].ids)
    try:
        error = compare(*given)
    except DashboardError as refusal:
        facts = tuple(refusal.facts.items())
        yield Deviation(name, tokens, float("nan"), bound, refused=refusal.message_id, facts=facts)
        return
    except FAMILY_ERRORS as failure:  # of plain transformers: what a family takes is its own affair
        facts = (("kind", type(failure).__name__), ("reason", first_line(failure)))
        yield Deviation(name, tokens, float("nan"), bound, refused="verify.failed", facts=facts)
        return
    if error is not None:
        yield Deviation(name, tokens, error, bound)


# -- the comparisons: each gives the largest difference -----------------------------------------------------------
def _logits(engine: Engine, _card: ModelCard, key: RunKey, text: _Plain) -> float:
    candidates = engine.answer(CandidatesRequest(key, len(text.ids) - 1, CANDIDATES))
    own = text.logits[-1][torch.tensor(candidates.ids.copy(), device=text.logits.device)].cpu().numpy()
    return float(np.abs(candidates.logits - own).max()) / max(1.0, float(np.abs(own).max()))


def _log_p(engine: Engine, _card: ModelCard, key: RunKey, text: _Plain) -> float:
    following = torch.tensor(text.ids[1:], device=text.logits.device)[:, None]
    own = text.logits[:-1].log_softmax(-1).gather(-1, following)[:, 0].cpu().numpy()
    return float(np.abs(engine.answer(PositionTableRequest(key)).actual_log_prob[:-1] - own).max())


def layers_with_maps(card: ModelCard, weights: Sequence[np.ndarray]) -> list[tuple[int, np.ndarray]]:
    """(layer, (head, T, T) plain weights) of every layer with a map; none where transformers gives other layers'."""
    hidden = dict(card.without_attention)
    shown = [layer for layer in range(card.layers) if layer not in hidden]
    if len(weights) == card.layers:
        return [(layer, weights[layer]) for layer in shown]
    return list(zip(shown, weights, strict=True)) if len(weights) == len(shown) else []


def _weights(engine: Engine, card: ModelCard, key: RunKey, text: _Plain) -> float | None:
    errors = [
        np.nanmax(np.abs(engine.answer(HeadRequest(key, layer, head)).weights - own))
        for layer, maps in layers_with_maps(card, text.weights)
        for head, own in enumerate(maps)
    ]
    return float(np.max(errors)) if errors else None


def _metrics(engine: Engine, card: ModelCard, key: RunKey, text: _Plain) -> float | None:
    layers = layers_with_maps(card, text.weights)
    if not layers:
        return None
    errors = []
    metrics = engine.answer(TilesRequest(key)).metrics
    for layer, maps in layers:
        for name, own in plain_metrics(maps.astype(np.float64), text.ids).items():
            ours = metrics[name][layer][: len(own)]
            errors.append(np.nanmax(np.abs(ours - own) / np.maximum(1, np.abs(own)), initial=0))
    return float(np.max(errors))


def plain_metrics(weights: np.ndarray, ids: Sequence[int]) -> dict[str, np.ndarray]:
    """Name of METRICS -> (head,), from whole (head, T, T) maps by their definitions; NaN where no token repeats."""
    i, j = np.indices(weights.shape[-2:])
    token = np.asarray(ids)
    same = (token[:, None] == token[None]) & (j < i)
    after = np.zeros_like(same)
    after[:, 1:] = same[:, :-1]
    after &= j < i
    repeated = same.any(1)
    logarithms = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    rows = {
        "entropy_nats": -(weights * logarithms).sum(-1),
        "first_token": weights[:, :, 0],
        "previous_token": (weights * (j == i - 1)).sum(-1),
        "self": (weights * (j == i)).sum(-1),
        "distance_tokens": (weights * (i - j)).sum(-1),
    }
    means = {name: values[:, 1:].mean(1) for name, values in rows.items()}
    for name, where in (("duplicate_token", same), ("induction", after)):
        values = (weights * where).sum(-1)[:, repeated]
        means[name] = values.mean(1) if repeated.any() else np.full(len(weights), np.nan)
    return {name: means[name] for name in METRICS}


def _lens(engine: Engine, _card: ModelCard, key: RunKey, text: _Plain) -> float:
    last = len(text.ids) - 1
    lens = engine.answer(LensRequest(key, (last,)))
    top = torch.tensor(lens.top_ids[-1, 0].copy(), device=text.logits.device)
    own = text.logits[-1].softmax(-1)[top].cpu().numpy()
    return float(np.abs(lens.top_probs[-1, 0] - own).max())


def _settings(engine: Engine, _card: ModelCard, key: RunKey, text: _Plain) -> float:
    last = len(text.ids) - 1
    top = text.logits[-1].topk(min(CANDIDATES, text.logits.shape[-1])).indices.tolist()
    own = process(text.logits[-1], text.ids, SETTINGS, top)
    return float(np.abs(engine.answer(ProcessedRequest(key, last, tuple(top), SETTINGS)).probs - own.probs).max())


def _greedy(engine: Engine, key: RunKey) -> Any:
    column = Column(GREEDY, max_new_tokens=NEW)
    return engine.answer(GenerateRequest(key, (column,))).outputs[0]


def _text(engine: Engine, card: ModelCard, key: RunKey, text: _Plain) -> float:
    """Tokens that differ, up to the first that was decided by less than float noise."""
    output = _greedy(engine, key)
    given = torch.tensor([text.ids], device=text.model.device)
    ending = list(card.rules.ending) or None
    # a cache would be another way than one pass where a length changes what is computed
    config = GenerationConfig(
        do_sample=False, max_new_tokens=NEW, eos_token_id=ending, pad_token_id=(ending or [0])[0], use_cache=False
    )
    with text.held(), torch.inference_mode():
        whole = without_rules(text.model).generate(
            given, attention_mask=torch.ones_like(given), generation_config=config
        )
    own = whole[0][len(text.ids) :].tolist()
    ours = output.ids.tolist()
    for place, (one, other) in enumerate(zip(ours, own, strict=False)):
        if one != other:
            return 0.0 if output.margins[place] < FLOAT_NOISE else float(len(ours) - place)
    return float(abs(len(ours) - len(own)))


def _text_log_p(engine: Engine, _card: ModelCard, key: RunKey, text: _Plain) -> float:
    output = _greedy(engine, key)
    own = text.log_p([*text.ids, *output.ids.tolist()], len(output.ids))
    return float(np.abs(output.log_p - own).max())


def _scores(engine: Engine, _card: ModelCard, key: RunKey, text: _Plain) -> float:
    prompts = text.ids[: -(-len(text.ids) // 2)], text.ids[:-3]
    completions = text.ids[-1:], text.ids[-3:], (*text.ids[-3:-1], text.ids[0])
    scores = engine.answer(ScoreRequest(key.version, prompts, completions))
    errors = [
        abs(float(scores.log_p[i, j]) - text.log_p([*prompt, *completion], len(completion)).sum())
        for i, prompt in enumerate(prompts)
        for j, completion in enumerate(completions)
    ]
    return float(max(errors))


_Compare = Callable[[Engine, ModelCard, RunKey, _Plain], float | None]

_COMPARISONS: dict[str, _Compare] = {
    "logits": _logits,
    "log_p": _log_p,
    "weights": _weights,
    "metrics": _metrics,
    "lens": _lens,
    "settings": _settings,
    "text": _text,
    "text_log_p": _text_log_p,
    "scores": _scores,
}
