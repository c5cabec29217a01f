"""Scores of given texts against plain transformers: one whole pass for each text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dashboard.engine.api.scoring import ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.api.verification import Deviation
from dashboard.engine.checking.plain_model import PlainModel


def check_scores(request: ScoreRequest, answer: Scores, plain: PlainModel) -> Iterator[Deviation]:
    """Every completion behind every prompt."""
    own = [
        [plain.log_p([*prompt, *completion], len(completion)).sum() for completion in request.completions]
        for prompt in request.prompts
    ]
    yield plain.deviation("scores", request.count, answer.log_p, np.array(own))


def check_sentences(request: SentenceRequest, answer: SentenceScores, plain: PlainModel) -> Iterator[Deviation]:
    """Every text of its own, behind what is given of it."""
    texts = zip(request.sentences, request.given, strict=True)
    own = [plain.log_p(ids, len(ids) - given).sum() if len(ids) > given else 0.0 for ids, given in texts]
    yield plain.deviation("scores", request.count, answer.log_p, np.array(own))
