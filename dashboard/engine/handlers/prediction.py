"""Predictions of a run: candidates, decode settings, the table of positions, the logit lens and attribution."""

from __future__ import annotations

import torch

from dashboard.engine.api.decoding import Processed
from dashboard.engine.api.lens import Attribution, AttributionRequest, Lens, LensRequest
from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.prediction import (
    Candidates,
    CandidatesRequest,
    PositionTable,
    PositionTableRequest,
    ProcessedRequest,
)
from dashboard.engine.api.request import Cost
from dashboard.engine.capture.residual_stream import FinalModules
from dashboard.engine.device.pace import Work
from dashboard.engine.handlers.handler import Call, Handler, Handlers, always
from dashboard.engine.prediction import attribution, candidates, decoding, lens
from dashboard.engine.ready import ReadyModel
from dashboard.errors import StreamRefused
from dashboard.settings import Settings

POSITION_BYTES = 400
"""Of one position of the table, roughly."""
CELL_BYTES = 120
"""Of one step of the lens at one position: its likeliest tokens and what is told of them, roughly."""


# -- next token ----------------------------------------------------------------------------------------------------
def _candidates(request: CandidatesRequest, call: Call) -> Candidates:
    with torch.inference_mode():
        logits = call.ready.logits(call.run, request.pos, request.pos + 1)[0]
        return candidates.candidates(logits, request.pos, request.k, call.ready.reader.token, request.pins)


def _processed(request: ProcessedRequest, call: Call) -> Processed:
    with torch.inference_mode():
        logits = call.ready.logits(call.run, request.pos, request.pos + 1)[0]
        before = request.token_ids[: request.pos + 1]
        origin = call.ready.generator.origin(torch.tensor(before, device=logits.device))
        return decoding.process(logits, before, request.settings, request.ids, origin)


def _one_position(request: CandidatesRequest | ProcessedRequest, ready: ReadyModel, _: Settings) -> Cost:
    return Cost(0, ready.pace.seconds(_position_work(request, None, ready.card)))


def _position_work(
    request: CandidatesRequest | ProcessedRequest, _: Candidates | Processed | None, __: ModelCard
) -> Work:
    return Work("candidates" if isinstance(request, CandidatesRequest) else "processed", rows=1)


def _position_table(request: PositionTableRequest, call: Call) -> PositionTable:
    with torch.inference_mode():
        return candidates.position_table(
            lambda start, stop: call.ready.logits(call.run, start, stop),
            request.token_ids,
            call.ready.reader.token,
            call.control,
        )


def _position_table_cost(request: PositionTableRequest, ready: ReadyModel, _: Settings) -> Cost:
    count = len(request.token_ids)
    return Cost(0, ready.pace.seconds(_position_table_work(request, None, ready.card)), POSITION_BYTES * count)


def _position_table_work(request: PositionTableRequest, _: PositionTable | None, __: ModelCard) -> Work:
    return Work("position table", rows=len(request.token_ids))


# -- through the layers --------------------------------------------------------------------------------------------
def _lens_check(request: LensRequest, ready: ReadyModel, _: Settings) -> FinalModules:
    ready.reader.vocabulary.check(request.pins)
    where = ready.card.stream
    return _allowed(ready.stream.final_modules, where.why_no_half_steps if request.half_steps else where.why_no_lens)


def _lens(request: LensRequest, call: Call) -> Lens:
    ready, run = call.ready, call.run
    tail = _lens_check(request, ready, call.settings)
    with torch.inference_mode():
        rows = lens.residuals(request, run.stream, call.head_values, ready.stream.attention_writes)
        last = request.positions[-1]
        return lens.lens(request, rows, tail, ready.logits(run, last, last + 1)[0], call.control)


def _lens_cost(request: LensRequest, ready: ReadyModel, _: Settings) -> Cost:
    work = _lens_work(request, None, ready.card)
    return Cost(0, ready.pace.seconds(work), round(work.rows) * CELL_BYTES)


def _lens_work(request: LensRequest, _: Lens | None, card: ModelCard) -> Work:
    return Work("lens", rows=len(request.positions) * (card.layers * (2 if request.half_steps else 1) + 1))


def _attribution_check(request: AttributionRequest, ready: ReadyModel, _: Settings) -> FinalModules:
    ready.reader.vocabulary.check((request.token,))
    return _allowed(ready.stream.final_modules, ready.card.stream.why_no_attribution)


def _attribution(request: AttributionRequest, call: Call) -> Attribution:
    ready = call.ready
    return attribution.attribution(request, ready.stream, call.run.stream, call.head_values, ready.capturer.heads)


def _attribution_cost(request: AttributionRequest, ready: ReadyModel, _: Settings) -> Cost:
    return Cost(0, ready.pace.seconds(_attribution_work(request, None, ready.card)))


def _attribution_work(_: AttributionRequest, __: Attribution | None, ___: ModelCard) -> Work:
    return Work("attribution", passes=1)


def _allowed(tail: FinalModules | None, refused: str) -> FinalModules:
    """The tail, where what is asked of it is possible in this family."""
    if refused or tail is None:
        raise StreamRefused(reason=refused)
    return tail


HANDLERS: Handlers = {
    CandidatesRequest: Handler[CandidatesRequest, Candidates](
        _candidates,
        _one_position,
        work=_position_work,
        check=lambda request, ready, _: ready.reader.vocabulary.check(request.pins),
    ),
    ProcessedRequest: Handler[ProcessedRequest, Processed](
        _processed,
        _one_position,
        work=_position_work,
        check=lambda request, ready, _: ready.reader.vocabulary.check(request.ids),
    ),
    PositionTableRequest: Handler[PositionTableRequest, PositionTable](
        _position_table,
        _position_table_cost,
        lambda _, table: POSITION_BYTES * len(table.predicted),
        _position_table_work,
        device=always,
    ),
    LensRequest: Handler[LensRequest, Lens](
        _lens,
        _lens_cost,
        lambda _, answer: 3 * answer.top_ids.nbytes,
        _lens_work,
        check=_lens_check,
        head_values=lambda request: request.half_steps,
        # one position is a small look; many are a sweep, and wait for the device
        device=lambda request: len(request.positions) > 1,
    ),
    AttributionRequest: Handler[AttributionRequest, Attribution](
        _attribution, _attribution_cost, work=_attribution_work, check=_attribution_check, head_values=always
    ),
}
