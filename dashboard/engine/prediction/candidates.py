"""From residuals to logits through the model's own head: next tokens and the table of every position."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPast

from dashboard.engine.api.model import Candidates, Job, PositionTable, Token
from dashboard.engine.capture.capture import Capturer
from dashboard.engine.models.anatomy import FAMILY_ERRORS, base_name, check_ids
from dashboard.errors import Cancelled

BLOCK = 64
"""Positions whose logits are in memory at once."""
HEAD_ERROR = 1e-4
"""Logits remade from the residual may differ so much from the model's own, relative to the largest [1]."""
CHECK_TOKENS = 6


class _Given(BaseModelOutputWithPast):  # type: ignore[misc]
    """A base model's output; what a family asks for beyond it is ``None``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


class _Stub(nn.Module):
    """Stands for the base model and returns the residual that its thread was given; all else is the model's own."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.given = threading.local()
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

    def forward(self, *_args: Any, **_kwargs: Any) -> _Given:
        """The given residual, as the base model would return it."""
        return _Given(last_hidden_state=self.given.residual)


class Head:
    """The model's own code after its base model: projection, scaling, soft-capping, whatever the family has.

    A shallow copy of the model, sharing its weights, whose base model is a stub.
    """

    def __init__(self, model: Any, *, softcap: bool = True) -> None:
        """Copy `model` shallowly, without its final soft-cap on request; the model itself stays as it is."""
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
        self._stub.given.residual = residual[None]
        try:
            ids = torch.zeros((1, residual.shape[0]), dtype=torch.long, device=residual.device)
            logits: Tensor = self._model(input_ids=ids, use_cache=False).logits
            return logits[0].float()
        finally:
            del self._stub.given.residual


class ResidualHook:
    """Keeps what the base model returned during one forward pass of one thread."""

    def __init__(self, model: Any) -> None:
        """Register a permanent hook that does nothing until `keep` is called in its thread."""
        self._local = threading.local()
        base = getattr(model, base_name(model))
        base.register_forward_hook(self._hook)
        # some families (OPT) reach through to the base model's decoder
        if isinstance(getattr(base, "decoder", None), nn.Module):
            base.decoder.register_forward_hook(self._hook)

    def _hook(self, _module: nn.Module, _args: Any, output: Any) -> None:
        if getattr(self._local, "keep", False):
            self._local.residual = output[0][0].detach()

    def during(self, call: Callable[[], Any]) -> tuple[Any, Tensor]:
        """What `call` returns, and the (T, d) residual that the base model gave meanwhile."""
        self._local.keep = True
        try:
            result = call()
            return result, self._local.residual
        finally:
            self._local.keep = False
            self._local.residual = None


def exact_head(capturer: Capturer, hook: ResidualHook) -> Head | None:
    """The model's head on its own, if it remakes the model's logits; ``None`` if the family needs more than that."""
    head = Head(capturer.model)
    try:
        ids = check_ids(capturer.model, CHECK_TOKENS)
        (output, _), residual = hook.during(lambda: capturer.forward(ids, Job()))
        with torch.inference_mode():
            last, own = head.logits(residual[-1:])[0], output.logits[0, -1].float()
    except FAMILY_ERRORS:
        return None
    if last.shape != own.shape:
        return None
    return head if (last - own).abs().max() <= HEAD_ERROR * max(1.0, float(own.abs().max())) else None


def candidates(logits: Tensor, pos: int, k: int, token: Callable[[int], Token], pins: Sequence[int] = ()) -> Candidates:
    """The k likeliest of (vocab,) `logits`, then those `pins` not among them; p by softmax in float64 over all."""
    logits = logits.cpu()  # not every device has float64
    log_p = torch.log_softmax(logits.double(), -1)
    top = torch.topk(logits, min(k, logits.shape[-1])).indices.tolist()
    ids = [*top, *(pin for pin in dict.fromkeys(pins) if pin not in set(top))]
    at = torch.tensor(ids)
    pinned = 1 + (logits[None] > logits[at[len(top) :], None]).sum(-1)
    # the likeliest in their order, although ties among them have no own rank
    ranks = [*range(1, len(top) + 1), *pinned.tolist()]
    return Candidates(
        pos=pos,
        ids=_frozen(np.array(ids, np.int64)),
        ranks=_frozen(np.array(ranks, np.int64)),
        logits=_frozen(logits[at].float().numpy()),
        probs=_frozen(log_p[at].exp().float().numpy()),
        entropy_nats=float(-(log_p.exp() * log_p.clamp_min(-1e300)).sum()),
        tokens=tuple(token(i) for i in ids),
    )


def position_table(
    logits_of: Callable[[int, int], Tensor], ids: Sequence[int], token: Callable[[int], Token], job: Job
) -> PositionTable:
    """Prediction and outcome at every position, in blocks of positions.

    Args:
        logits_of: (start, stop) -> (stop - start, vocab) raw logits.
        ids: token ids of the prompt.
        token: id -> token.
        job: cancel and progress, told at every block.

    Raises:
        Cancelled: ``job.cancel`` was set.
    """
    count = len(ids)
    predicted = np.zeros(count, np.int64)
    predicted_prob = np.zeros(count, np.float32)
    actual_log_prob = np.full(count, np.nan, np.float32)
    entropy = np.zeros(count, np.float32)
    actual_rank = np.zeros(count, np.int64)
    for start in range(0, count, BLOCK):
        if job.cancel.is_set():
            raise Cancelled
        stop = min(start + BLOCK, count)
        logits = logits_of(start, stop)
        found = moments(logits)
        predicted[start:stop] = logits.argmax(-1).cpu().numpy()
        # the likeliest is shifted to 0
        predicted_prob[start:stop] = (-found.log_total).exp().cpu().numpy()
        following = torch.tensor(ids[start + 1 : stop + 1], device=logits.device)
        rows = len(following)
        chosen = logits[:rows].gather(-1, following[:, None])
        log_prob = found.shifted[:rows].gather(-1, following[:, None])[:, 0] - found.log_total[:rows]
        actual_log_prob[start : start + rows] = log_prob.cpu().numpy()
        actual_rank[start : start + rows] = 1 + (logits[:rows] > chosen).sum(-1).cpu().numpy()
        entropy[start:stop] = found.entropy.cpu().numpy()
        job.progress(stop / count)
    columns = (predicted_prob, actual_log_prob, actual_rank, entropy)
    return PositionTable(tuple(token(int(i)) for i in predicted), *(_frozen(column) for column in columns))


@dataclass(frozen=True)
class Moments:
    """What a row of logits sums to; see `moments`."""

    shifted: Tensor
    """(P, vocab) ``y = x - max x``, finite."""
    log_total: Tensor
    """(P,) ln Σ e^y [nats]; ``ln p = y - log_total``."""
    entropy: Tensor
    """(P,) [nats]"""


def moments(logits: Tensor, room: Tensor | None = None) -> Moments:
    """Normaliser and entropy of (P, vocab) logits, in a few passes over memory: ``H = ln Σ e^y - Σ p y``.

    Args:
        logits: float32.
        room: (2, P or more, vocab) memory to work in, used again and again: new memory costs more than the sums.
            `Moments.shifted` lies in its first half until the next call; the second is free again.
    """
    shifted, weights = torch.empty((2, *logits.shape), device=logits.device) if room is None else room[:, : len(logits)]
    torch.sub(logits, logits.amax(-1, keepdim=True), out=shifted)
    total = torch.exp(shifted, out=weights).sum(-1)
    # not `vecdot`, which takes new memory for as many numbers again
    expected = weights.mul_(shifted).sum(-1)
    if bool(expected.isnan().any()):
        # 0 * -inf; e^-1e4 is 0 as well, and adds nothing
        torch.exp(shifted.clamp_min_(-1e4), out=weights)
        expected = weights.mul_(shifted).sum(-1)
    log_total = total.log()
    return Moments(shifted, log_total, (log_total - expected / total).clamp_min(0))


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
