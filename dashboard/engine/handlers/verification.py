"""The loaded model against plain transformers, which is loaded beside it."""

from __future__ import annotations

from math import nan

from dashboard.engine import verification
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.engine.api.verification import Verification, VerifyRequest
from dashboard.engine.device.devices import pick_device
from dashboard.engine.handlers.handler import SECOND_MODEL, Call, Handler, Handlers, same_model
from dashboard.engine.models import registry
from dashboard.engine.models.failures import explain_loading_errors
from dashboard.engine.ready import ReadyModel, check_model
from dashboard.settings import Settings


def _verify(request: VerifyRequest, call: Call) -> Verification:
    model, settings = request.version.model, call.settings
    card = call.engine.describe(model, call.control)
    same_model(request.version, card)
    check_model(model, settings, call.control)  # which must fit beside the first
    with explain_loading_errors(model):
        spec, device = registry.find(model, settings), pick_device(settings.device)
        plain = registry.load(spec, settings, device, CallControl(cancel=call.control.cancel)).model
    held = lambda: call.turn.device.held(call.control)  # noqa: E731
    return verification.verify(call.engine, card, plain, call.control, held)


def _cost(_: VerifyRequest, ready: ReadyModel, __: Settings) -> Cost:
    return Cost(sum(verification.LENGTHS), nan, ready.card.parameters * ready.generator.model.dtype.itemsize)


HANDLERS: Handlers = {
    # one second copy at a time; each of its questions leases the model by itself
    VerifyRequest: Handler[VerifyRequest, Verification](
        _verify, _cost, run=False, model=False, alone=lambda _: SECOND_MODEL
    ),
}
