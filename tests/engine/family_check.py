"""One type of model after the other, opened as a person's folder and compared with plain transformers: a row each."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dashboard.engine.api.attention import QueryRowsRequest, TilesRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest
from tests.made import every_family
from tests.made.every_family import IDS, PROMPT

CLOSE = 1e-3
"""Largest difference of a weight, and of a logit or log-probability relative to the largest logit."""
NEW = 4
"""Tokens of the greedy text."""


@dataclass(frozen=True)
class Row:
    """What became of one type."""

    kind: str
    kernel: str = ""
    maps: str = ""
    """Layers with a map, of all."""
    lens: str = ""
    texts: str = ""
    verdict: str = ""
    """``whole``, ``parts refused``, ``refused``, ``not built``, ``CRASH`` or ``WRONG``, and why."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as a table shows it."""
        return (self.kind, self.kernel, self.maps, self.lens, self.texts, self.verdict)


def look(kind: str) -> Row:
    """Build the type, open it and compare all that the dashboard says of it."""
    import torch
    import transformers

    from dashboard.errors import DashboardError

    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        try:
            model = every_family.save(kind, Path(folder) / "model")
        except Exception as error:  # noqa: BLE001 transformers itself cannot
            return Row(kind, verdict=f"not built: {type(error).__name__}: {_line(error)}")
        try:
            return _compared(kind, model, str(Path(folder) / "model"))
        except DashboardError as error:
            return Row(kind, verdict=f"refused: {type(error).__name__}: {error.facts.get('reason', '')}")
        except Exception as error:  # noqa: BLE001 that is what is looked for
            return Row(kind, verdict=f"CRASH {type(error).__name__}: {_line(error)}")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:90]


def _compared(kind: str, model: Any, folder: str) -> Row:
    import torch

    from dashboard.engine.local import LocalEngine
    from dashboard.settings import Settings

    with torch.inference_mode():
        own = model(input_ids=torch.tensor([IDS]), use_cache=False, output_attentions=True)
    engine = LocalEngine(Settings(local_models=(folder,), offline=True, threads=1))
    prompt = engine.tokenizer("local/model").read(PROMPT, chat=False)
    assert prompt.ids == IDS
    key, card = engine.describe("local/model").run_key(prompt), engine.describe("local/model")
    engine.answer(RunRequest(key))
    wrong: list[str] = []
    for look_at in (_logits, _positions, _maps, _rest):
        wrong += look_at(engine, key, card, own)
    lens, lens_wrong = _refusable(lambda: _lens(engine, key, own))
    parts, parts_wrong = _refusable(lambda: _parts(engine, key, own, card))
    texts, texts_wrong = _texts(engine, key, model)
    wrong += [*lens_wrong, *parts_wrong, *texts_wrong]
    shown = card.layers - len(card.without_attention)
    reasons = dict.fromkeys(reason for _, reason in card.without_attention)
    refused = [f"maps: {', '.join(reasons)}"] * bool(reasons) + [f"lens: {lens}"] * (lens != "yes")
    refused += [f"parts of a logit: {parts}"] * (parts != "yes" and lens == "yes")
    verdict = f"WRONG {'; '.join(wrong)}" if wrong else "; ".join(refused) or "whole"
    return Row(kind, card.kernel, f"{shown} of {card.layers}", lens, texts, verdict)


def _refusable(ask: Callable[[], list[str]]) -> tuple[str, list[str]]:
    """``yes`` or why it is refused, and what is wrong."""
    from dashboard.errors import DashboardError

    try:
        return "yes", ask()
    except DashboardError as error:
        return str(error.facts.get("reason", type(error).__name__)), []


def _scale(own: Any) -> float:
    return max(1.0, float(own.logits.abs().max()))


def _logits(engine: Any, key: Any, card: Any, own: Any) -> list[str]:
    """Every logit behind the last token."""
    found = engine.answer(CandidatesRequest(key, len(IDS) - 1, own.logits.shape[-1]))
    error = abs(found.logits - own.logits[0, -1].float().numpy()[found.ids]).max() / _scale(own)
    return [f"logits {error:.0e}"] if not error <= CLOSE else []


def _positions(engine: Any, key: Any, card: Any, own: Any) -> list[str]:
    """The log-probability of every token of the prompt."""
    found = engine.answer(PositionTableRequest(key))
    log_probs = own.logits[0].double().log_softmax(-1)
    expected = log_probs[range(len(IDS) - 1), list(IDS[1:])].numpy()
    error = abs(found.actual_log_prob[:-1] - expected).max() / _scale(own)
    return [f"positions {error:.0e}"] if not error <= CLOSE else []


def _maps(engine: Any, key: Any, card: Any, own: Any) -> list[str]:
    """First, second and last head of every layer that is shown; the model returns weights of its layers in order."""
    import numpy as np

    from dashboard.engine.api.attention import HeadRequest

    maps = [value[0].float().numpy() for value in (getattr(own, "attentions", None) or ()) if value is not None]
    hidden = dict(card.without_attention)
    with_maps = [i for i in range(card.layers) if i not in hidden]
    if len(maps) != len(with_maps):
        maps = [maps[i] for i in with_maps] if len(maps) == card.layers else []
    if len(maps) != len(with_maps):
        return [f"{len(with_maps)} layers shown"]
    wrong = []
    for layer, expected in zip(with_maps, maps, strict=True):
        for head in sorted({0, min(1, len(expected) - 1), len(expected) - 1}):
            found = engine.answer(HeadRequest(key, layer, head)).weights
            error = np.nanmax(abs(found - expected[head]))
            wrong += [f"map L{layer}H{head} {error:.0e}"] if not error <= CLOSE else []
    return wrong


def _rest(engine: Any, key: Any, card: Any, own: Any) -> list[str]:
    """What goes over all heads: no exception but a refusal."""
    import numpy as np

    from dashboard.engine.api.attention import RolloutRequest

    tiles = engine.answer(TilesRequest(key))
    _refusable(lambda: engine.answer(RolloutRequest(key)) and [])
    _refusable(lambda: engine.answer(QueryRowsRequest(key, len(IDS) - 1)) and [])
    there = ~np.isnan(tiles.metrics["self"])
    heads = [0 if i in dict(card.without_attention) else card.heads_of(i) for i in range(card.layers)]
    return [] if there.sum(1).tolist() == heads else [f"metrics of {there.sum(1).tolist()} heads, not {heads}"]


def _lens(engine: Any, key: Any, own: Any) -> list[str]:
    """The lens' last step says what the model says."""
    from dashboard.engine.api.lens import LensRequest

    found = engine.answer(LensRequest(key, (3, len(IDS) - 1)))
    probs = own.logits[0, [3, len(IDS) - 1]].double().softmax(-1).max(-1).values.numpy()
    error = abs(found.top_probs[-1, :, 0] - probs).max()
    return [f"lens {error:.0e}"] if not max(error, found.error / _scale(own)) <= CLOSE else []


def _parts(engine: Any, key: Any, own: Any, card: Any) -> list[str]:
    """The parts of a logit sum to it, and the heads to their layer's attention."""
    import math

    import numpy as np

    from dashboard.engine.api.lens import AttributionRequest

    found = engine.answer(AttributionRequest(key, len(IDS) - 1, 7))
    cap = card.stream.softcap
    logit = cap * math.tanh(found.logit / cap) if cap else found.logit
    beside = abs(np.nansum(found.heads, -1) + found.heads_rest - found.attention).max()
    error = max(abs(found.error), abs(logit - float(own.logits[0, -1, 7])), beside)
    return [f"parts {error:.0e}"] if not error <= CLOSE * _scale(own) else []


def _texts(engine: Any, key: Any, model: Any) -> tuple[str, list[str]]:
    """Each token of the greedy text is what the model's own pass over all before it says, and as likely."""
    import torch

    from dashboard.engine.api.decoding import DecodeSettings
    from dashboard.engine.api.generation import Column, GenerateRequest

    # rules of a generation config (a forced end) are no business of the passes
    column = Column(DecodeSettings(do_sample=False, model_rules=False), max_new_tokens=NEW)
    found = engine.answer(GenerateRequest(key, (column,))).outputs[0]
    ids = list(IDS)
    for i, token in enumerate(found.ids.tolist()):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].double()
        room = CLOSE * max(1.0, float(logits.abs().max()))
        error = abs(float(logits.log_softmax(-1)[token]) - float(found.log_p[i]))
        if logits.max() - logits[token] > room or error > room:
            return "no", [f"text parts at {i} by {error:.0e}"]
        ids.append(token)
    return "yes", []


if __name__ == "__main__":
    rows = [asdict(look(kind)) for kind in sys.argv[2:]]
    Path(sys.argv[1]).write_text(json.dumps(rows), encoding="utf-8")
