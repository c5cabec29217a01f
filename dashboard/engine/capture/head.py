"""The model's own head on captured residuals: exact logits of any positions without another pass."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.capture import Capturer
from dashboard.engine.models.anatomy import FAMILY_ERRORS, base_name, check_ids

HEAD_ERROR = 1e-4
"""Logits computed from the residual may differ by so much of the largest from the model's own [1]."""

CHECK_TOKENS = 6


class _StubOutput(BaseModelOutputWithPast):  # type: ignore[misc]
    """A base model's output; what a family asks for beyond it is ``None``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class _Stub(nn.Module):
    """Stands in for the base model and returns the residual that its thread set; all else is the model's own."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.local = threading.local()
        self._base = (base,)  # in a tuple, so that it is no part of this module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_base"][0], name)

    @property
    def decoder(self) -> _Stub:
        """Some families reach through to the decoder."""
        return self

    def forward(self, *_args: Any, **_kwargs: Any) -> _StubOutput:
        """The residual that was set, as the base model would return it."""
        return _StubOutput(last_hidden_state=self.local.residual)


class Head:
    """The model's own code after its base model: projection, scaling, soft-cap, whatever the family has.

    A shallow copy of the model, sharing its weights, whose base model is a stub.
    """

    def __init__(self, model: Any, *, softcap: bool = True) -> None:
        """Copy `model` shallowly; with ``softcap=False`` without its final soft-cap. The model stays unchanged."""
        base = base_name(model)
        self._stub = _Stub(getattr(model, base))
        self._model = copy.copy(model)
        if not softcap:
            self._model.config = copy.deepcopy(model.config)
            for config in (self._model.config, self._model.config.get_text_config()):
                config.final_logit_softcapping = None
        self._model._modules = dict(model._modules)
        self._model._modules[base] = self._stub

    def logits(self, residual: Tensor) -> Tensor:
        """(P, vocab) float32 logits of (P, d) outputs of the base model."""
        self._stub.local.residual = residual[None]
        try:
            ids = torch.zeros((1, residual.shape[0]), dtype=torch.long, device=residual.device)
            logits: Tensor = self._model(input_ids=ids, use_cache=False).logits
            return logits[0].float()
        finally:
            del self._stub.local.residual


class ResidualHook:
    """Captures the base model's output during one forward pass of one thread."""

    def __init__(self, model: Any) -> None:
        """Register a permanent hook that does nothing outside of `during`."""
        self._local = threading.local()
        base = getattr(model, base_name(model))
        base.register_forward_hook(self._hook)
        # some families (OPT) reach through to the base model's decoder
        if isinstance(getattr(base, "decoder", None), nn.Module):
            base.decoder.register_forward_hook(self._hook)

    def _hook(self, _module: nn.Module, _args: Any, output: Any) -> None:
        if getattr(self._local, "active", False):
            self._local.residual = output[0][0].detach()

    def during(self, call: Callable[[], Any]) -> tuple[Any, Tensor]:
        """The result of `call`, and the (T, d) residual that the base model returned meanwhile."""
        self._local.active = True
        try:
            result = call()
            return result, self._local.residual
        finally:
            self._local.active = False
            self._local.residual = None


def exact_head(capturer: Capturer, hook: ResidualHook) -> Head | None:
    """The model's head, if it gives the model's logits of the residual alone; ``None`` if the family needs more."""
    head = Head(capturer.model)
    try:
        ids = check_ids(capturer.model, CHECK_TOKENS)
        (output, _), residual = hook.during(lambda: capturer.forward(ids, CallControl()))
        with torch.inference_mode():
            logits, expected = head.logits(residual[-1:])[0], output.logits[0, -1].float()
    except FAMILY_ERRORS:
        return None
    if logits.shape != expected.shape:
        return None
    return head if equal_logits(logits, expected) else None


def equal_logits(logits: Tensor, expected: Tensor) -> bool:
    """Whether logits are the model's own up to rounding."""
    return float((logits - expected).abs().max()) <= HEAD_ERROR * max(1.0, float(expected.abs().max()))
