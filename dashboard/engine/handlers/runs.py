"""Forward passes with capture: what they cost, and the run that one leaves."""

from __future__ import annotations

import time

import torch

from dashboard.engine.api.model import CallControl, RunRequest, RunSummary
from dashboard.engine.api.request import Cost
from dashboard.engine.attention import placement
from dashboard.engine.capture.runs import Run, tensor_bytes, without_values
from dashboard.engine.device.devices import synchronize
from dashboard.engine.device.pace import Work
from dashboard.engine.handlers.handler import Handler, Handlers
from dashboard.engine.models.loaded_model import all_finite
from dashboard.engine.ready import ReadyModel
from dashboard.errors import ModelNotFinite, PromptTooLong, RunTooLarge
from dashboard.run_key import RunKey
from dashboard.settings import Settings


def cost(request: RunRequest, ready: ReadyModel, settings: Settings) -> Cost:
    """What the pass would cost. Raises PromptTooLong, TokenBeyondModel, RunTooLarge."""
    ready.reader.vocabulary.check(request.token_ids)
    count, card = len(request.token_ids), ready.card
    if count > card.context:
        raise PromptTooLong(tokens=count, limit=card.context, model=card.label)
    nbytes, limit = ready.footprint.nbytes(count), settings.run_bytes
    if nbytes > limit:
        raise RunTooLarge(tokens=count, needed=round(nbytes / 1e6), limit=round(limit / 1e6))
    return Cost(count, ready.pace.seconds(Work.of_pass(count, ready.card)), nbytes)


def forward(ready: ReadyModel, key: RunKey, control: CallControl) -> Run:
    """One forward pass; the device is held. Raises ModelNotFinite, Cancelled."""
    began = time.perf_counter()
    (output, recording), residual = ready.hook.during(lambda: ready.pass_of(key.token_ids, control))
    synchronize(key.version.device)
    seconds = time.perf_counter() - began
    ready.pace.add(Work.of_pass(len(key.token_ids), ready.card), seconds)
    last = output.logits[0, -1].float()
    if not all_finite(last[None]):  # a NaN anywhere before has come down to the last position
        raise ModelNotFinite(model=ready.card.label, where="logits")
    logits = None if ready.head else output.logits[0].float()
    error = 0.0
    if ready.head:
        with torch.inference_mode():
            error = float((ready.head.logits(residual[-1:])[0] - last).abs().max())
    layers, nbytes = without_values(recording.layers)
    work = placement.work_bytes(len(key.token_ids), ready.card.heads, len(last))
    layers = placement.placed(layers, placement.free_bytes(last.device), work)
    nbytes += tensor_bytes((residual, *recording.stream)) + (0 if logits is None else logits.nbytes)
    summary = RunSummary(key, len(key.token_ids), seconds, nbytes, error)
    reasons = dict(ready.card.without_attention)
    return Run(summary, layers, reasons, ready.card.heads, residual, recording.stream, logits)


HANDLERS: Handlers = {
    RunRequest: Handler[RunRequest, RunSummary](lambda _, call: call.run.summary, cost, model=False),
}
