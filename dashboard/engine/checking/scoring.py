"""Scores of given texts against plain transformers: one whole pass for each text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from dashboard.engine.api.scoring import ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.api.verification import Deviation
from dashboard.engine.checking.plain_model import PlainModel


def check_scores(request: ScoreRequest, answer: Scores, plain: PlainModel) -> Iterator[Deviation]:
    """Every completion behind every prompt."""
    texts = [
        ((*prompt, *completion), len(completion)) for prompt in request.prompts for completion in request.completions
    ]
    own = np.array([_score(ids, new, request.boundary, plain) for ids, new in texts])
    yield from _deviations(request.count, answer, own.reshape(*answer.log_p.shape, 2), plain)


def check_sentences(request: SentenceRequest, answer: SentenceScores, plain: PlainModel) -> Iterator[Deviation]:
    """Every text of its own, behind what is given of it."""
    texts = zip(request.sentences, request.given, strict=True)
    own = np.array([_score(ids, len(ids) - given, request.boundary, plain) for ids, given in texts])
    yield from _deviations(request.count, answer, own, plain)


def _score(ids: Sequence[int], new: int, boundary: bool, plain: PlainModel) -> tuple[float, float]:
    """Ln p of the last `new` tokens together, and, for a `boundary`, of the word's end behind them."""
    if not new and not boundary:
        return 0.0, np.nan
    log_p = plain.logits(ids, new + 1).double().cpu().log_softmax(-1)
    behind = torch.tensor(list(ids[len(ids) - new :]), dtype=torch.long)
    score = float(log_p[:-1].gather(-1, behind[:, None]).sum())
    ends = list(plain.ready.scorer.word_ends) if boundary else []
    return score, float(log_p[-1, ends].logsumexp(-1)) if ends else np.nan


def _deviations(
    tokens: int, answer: Scores | SentenceScores, own: np.ndarray, plain: PlainModel
) -> Iterator[Deviation]:
    """Of (..., 2) ln p and word-end mass."""
    yield plain.deviation("scores", tokens, answer.log_p, own[..., 0])
    if answer.boundary_log_mass is not None:
        yield plain.deviation("word_ends", tokens, answer.boundary_log_mass, own[..., 1])
