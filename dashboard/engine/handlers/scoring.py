"""Exact log-probabilities of given texts."""

from __future__ import annotations

from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.request import Cost
from dashboard.engine.api.scoring import ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.device.pace import Work
from dashboard.engine.handlers.handler import Call, Handler, Handlers, always
from dashboard.engine.ready import ReadyModel
from dashboard.engine.scoring.tree_attention import BLOCK
from dashboard.settings import Settings


def _cost(request: ScoreRequest | SentenceRequest, ready: ReadyModel, settings: Settings) -> Cost:
    tokens = ready.scorer.count(request, ready.card.context, settings.max_scored)
    return Cost(tokens, ready.pace.seconds(_work(tokens)))


def _work(tokens: int) -> Work:
    return Work("scores", 1 + tokens / BLOCK, tokens, tokens)


def _done(_: ScoreRequest | SentenceRequest, scores: Scores | SentenceScores | None, __: ModelCard) -> Work:
    assert scores is not None
    return _work(scores.tokens)


def _score(request: ScoreRequest, call: Call) -> Scores:
    return call.ready.scorer.score(request, call.turn)


def _score_sentences(request: SentenceRequest, call: Call) -> SentenceScores:
    return call.ready.scorer.score_sentences(request, call.turn)


def _nbytes(request: ScoreRequest | SentenceRequest, scores: Scores | SentenceScores) -> int:
    return scores.nbytes + request.nbytes


HANDLERS: Handlers = {
    ScoreRequest: Handler[ScoreRequest, Scores](_score, _cost, _nbytes, _done, check=_cost, run=False, device=always),
    SentenceRequest: Handler[SentenceRequest, SentenceScores](
        _score_sentences, _cost, _nbytes, _done, check=_cost, run=False, device=always
    ),
}
