"""Predictions at the positions of a prompt against the logits and hidden states of plain transformers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.decoding import DecodeSettings, Processed
from dashboard.engine.api.generation import CompareRequest, SettingsComparison
from dashboard.engine.api.lens import Attribution, AttributionRequest, Lens, LensRequest
from dashboard.engine.api.prediction import (
    Candidates,
    CandidatesRequest,
    PositionTable,
    PositionTableRequest,
    ProcessedRequest,
)
from dashboard.engine.api.verification import Deviation
from dashboard.engine.checking.plain_model import PlainModel
from dashboard.engine.checking.writes import check_half_steps, check_parts
from dashboard.engine.prediction.decoding import process


def check_candidates(request: CandidatesRequest, answer: Candidates, plain: PlainModel) -> Iterator[Deviation]:
    """Logit and p of each token that is shown, and the entropy of all."""
    logits = _after(request.token_ids, request.pos, plain)
    log_p, ids, tokens = logits.log_softmax(-1), _tensor(answer.ids), request.pos + 1
    yield plain.deviation("logits", tokens, answer.logits, logits[ids].numpy(), relative=True)
    yield plain.deviation("probs", tokens, answer.probs, log_p[ids].exp().numpy())
    yield plain.deviation("entropy", tokens, answer.entropy_nats, _entropy(log_p))


def check_processed(request: ProcessedRequest, answer: Processed, plain: PlainModel) -> Iterator[Deviation]:
    """Q of each token that was asked for."""
    before = request.token_ids[: request.pos + 1]
    own = _processed(plain.logits(before, 1)[0], before, request.settings, request.ids, plain)
    yield plain.deviation("settings", len(before), answer.probs, own.probs)


def check_table(request: PositionTableRequest, answer: PositionTable, plain: PlainModel) -> Iterator[Deviation]:
    """Ln p of every token that follows, and the entropy at every position."""
    ids = request.token_ids
    log_p = plain.logits(ids, len(ids)).double().cpu().log_softmax(-1)
    following = log_p[:-1].gather(-1, _tensor(ids[1:])[:, None])[:, 0].numpy()
    yield plain.deviation("log_p", len(ids), answer.actual_log_prob[:-1], following)
    entropy = -(log_p.exp() * log_p.nan_to_num(neginf=0)).sum(-1)
    yield plain.deviation("entropy", len(ids), answer.entropy_nats, entropy.numpy())


def check_lens(request: LensRequest, answer: Lens, plain: PlainModel) -> Iterator[Deviation]:
    """P of the tokens shown at every step: final norm and head on the hidden states that transformers returns."""
    if request.half_steps:
        yield from check_half_steps(request, answer, plain)
    ids, tail = request.token_ids, plain.ready.stream.final_modules
    states = plain.hidden_states(ids)
    places = [place for place, (_, part) in enumerate(answer.steps) if part != "attention"]
    if tail is None or len(states) != len(places):
        return
    at, own = list(request.positions), []
    final = plain.logits(ids, len(ids) - at[0])
    with torch.inference_mode():
        for state in states[:-1]:
            own.append(_probs(tail.logits(state[at])))
    own.append(_probs(final[[pos - at[0] for pos in at]]))
    tops = answer.top_ids[places]
    plain_probs = np.take_along_axis(np.stack(own), tops, -1)
    ours = answer.top_probs[places]
    yield plain.deviation("lens_steps", len(ids), ours[:-1], plain_probs[:-1])
    yield plain.deviation("lens", len(ids), ours[-1], plain_probs[-1])


def check_attribution(request: AttributionRequest, answer: Attribution, plain: PlainModel) -> Iterator[Deviation]:
    """Every part, and their sum, the logit."""
    yield from check_parts(request, answer, plain)
    config = plain.model.config.get_text_config()
    if getattr(config, "final_logit_softcapping", None):  # the parts sum to the logit before it
        return
    logit = float(_after(request.token_ids, request.pos, plain)[request.token])
    layers = (answer.attention.sum(dtype=np.float64), answer.mlp.sum(dtype=np.float64))
    parts = (answer.embedding, *layers, answer.constant)
    yield plain.deviation("attribution", request.pos + 1, sum(parts), logit, relative=True)


def check_comparison(request: CompareRequest, answer: SettingsComparison, plain: PlainModel) -> Iterator[Deviation]:
    """Kept mass of each setting, and how far apart any two are, at every position."""
    ids, (start, stop) = request.token_ids, request.positions
    mass, apart = np.zeros(answer.kept_mass.shape), np.zeros(answer.total_variation.shape)
    logits = plain.logits(ids[:stop], stop - start)
    for place, pos in enumerate(range(start, stop)):
        p = _probs(logits[place : place + 1])[0]
        before, everything = ids[: pos + 1], range(len(p))
        q = [_processed(logits[place], before, each, everything, plain).probs for each in request.settings]
        mass[:, place] = [p[each > 0].sum() for each in q]
        apart[:, :, place] = [[np.abs(one - other).sum(dtype=np.float64) / 2 for other in q] for one in q]
    yield plain.deviation("mass", stop, answer.kept_mass, mass)
    yield plain.deviation("settings", stop, answer.total_variation, apart)


def _after(ids: tuple[int, ...], pos: int, plain: PlainModel) -> Tensor:
    """(vocab,) float64 logits after one position, of a pass over what stands before it."""
    return plain.logits(ids[: pos + 1], 1)[0].double().cpu()


def _processed(
    logits: Tensor, before: tuple[int, ...], settings: DecodeSettings, ids: range | tuple[int, ...], plain: PlainModel
) -> Processed:
    """By transformers' own processors, all of them over the whole vocabulary."""
    origin = plain.ready.generator.origin(torch.tensor(before, device=logits.device))
    with torch.inference_mode():
        return process(logits, before, settings, ids, origin)


def _probs(logits: Tensor) -> np.ndarray:
    """(P, vocab) p."""
    return logits.double().cpu().softmax(-1).numpy()


def _entropy(log_p: Tensor) -> float:
    return float(-(log_p.exp() * log_p.nan_to_num(neginf=0)).sum())


def _tensor(ids: object) -> Tensor:
    return torch.tensor(np.array(ids, np.int64))
