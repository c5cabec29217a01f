"""The loaded model, or single answers, against plain transformers, which is loaded beside it."""

from __future__ import annotations

import time
from math import nan
from typing import Any

from dashboard.engine import verification
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.engine.api.verification import AnswersChecked, CheckRequest, Verification, VerifyRequest
from dashboard.engine.checking.checks import CHECKS, passes
from dashboard.engine.checking.plain_model import PlainModel
from dashboard.engine.device.devices import pick_device
from dashboard.engine.device.pace import Work
from dashboard.engine.handlers.handler import SECOND_MODEL, Call, Handler, Handlers, same_model
from dashboard.engine.models import registry
from dashboard.engine.models.failures import explain_loading_errors
from dashboard.engine.ready import ReadyModel, check_model
from dashboard.errors import ScoresTooLarge
from dashboard.settings import Settings

ROW_BYTES = 300
"""Of one difference that is kept, roughly."""


def _verify(request: VerifyRequest, call: Call) -> Verification:
    card = call.engine.describe(request.version.model, call.control)
    same_model(request.version, card)
    held = lambda: call.turn.device.held(call.control)  # noqa: E731
    return verification.verify(call.engine, card, _plain(request.version.model, call), call.control, held)


def _plain(model: str, call: Call) -> Any:
    """The model once more, as transformers loads it, with eager attention; it must fit beside the first."""
    check_model(model, call.settings, call.control)
    with explain_loading_errors(model):
        spec, device = registry.find(model, call.settings), pick_device(call.settings.device)
        return registry.load(spec, call.settings, device, CallControl(cancel=call.control.cancel)).model


def _cost(_: VerifyRequest, ready: ReadyModel, __: Settings) -> Cost:
    return Cost(sum(verification.LENGTHS), nan, ready.card.parameters * ready.generator.model.dtype.itemsize)


def _check(request: CheckRequest, call: Call) -> AnswersChecked:
    answers = [call.engine.answer(each, CallControl(cancel=call.control.cancel)) for each in request.of]
    began, model = time.perf_counter(), _plain(request.version.model, call)
    plain = PlainModel(
        model,
        call.ready,
        call.control,
        held=lambda: call.turn.device.held(call.control),
        most_bytes=call.settings.run_bytes,
        passes=sum(len(passes(each)) for each in request.of),
    )
    rows = [
        row
        for each, answer in zip(request.of, answers, strict=True)
        for row in CHECKS[type(each)](each, answer, plain)
        if row.numbers  # what compared nothing proves nothing
    ]
    return AnswersChecked(tuple(rows), time.perf_counter() - began)


def _check_cost(request: CheckRequest, ready: ReadyModel, settings: Settings) -> Cost:
    """Raises ScoresTooLarge."""
    lengths = [tokens for each in request.of for tokens in passes(each)]
    if sum(lengths) > settings.max_scored:
        raise ScoresTooLarge(tokens=sum(lengths), limit=settings.max_scored)
    seconds = sum(ready.pace.seconds(Work.of_pass(tokens, ready.card)) for tokens in lengths)
    return Cost(sum(lengths), seconds, ready.card.parameters * ready.generator.model.dtype.itemsize)


HANDLERS: Handlers = {
    CheckRequest: Handler[CheckRequest, AnswersChecked](
        _check,
        _check_cost,
        lambda _, answer: ROW_BYTES * len(answer.rows),
        check=_check_cost,
        run=False,
        alone=lambda _: SECOND_MODEL,
    ),
    # one second copy at a time; each of its questions leases the model by itself
    VerifyRequest: Handler[VerifyRequest, Verification](
        _verify, _cost, run=False, model=False, alone=lambda _: SECOND_MODEL
    ),
}
