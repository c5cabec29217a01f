"""Recording kernels: the ordinary SDPA and eager attention, which also record references to their inputs.

They are registered in transformers' attention interface. A context variable holds the record of the thread that runs:
there is no global state.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import attention_override
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer

SDPA, EAGER = "logitscope_sdpa", "logitscope_eager"
ROWS = 256
"""Query rows that the eager kernel computes at once: never T x T of all heads."""
BY_ROW = ("position_bias", "sinks")
"""Keyword arguments with a row for every query."""
UNDERSTOOD = {"position_bias", "s_aux", "sinks", "indices", "position_ids"}
"""Keyword arguments of a kernel that may be tensors, as their effect is known here. (Positions have none.)"""


@dataclass
class Record:
    """The record of one forward pass of one thread."""

    control: CallControl
    tokens: int = 0
    """T of the pass."""
    keep: bool = True
    """Otherwise only the control is followed, and nothing is recorded."""
    layer: int | None = None
    """The decoder layer that runs now."""
    inputs: dict[int, list[Layer]] = field(default_factory=dict)
    """decoder layer that ran -> its attentions, one entry a call."""
    stream: list[Tensor] = field(default_factory=list)
    """(T, d) before the first block and after each."""
    values: list[Tensor] | None = None
    """(T, width) heads' values of each layer, side by side; ``None``: not recorded."""

    def add_attention(self, layer: Layer) -> None:
        """Record one attention of the decoder layer that runs now; attention outside of decoder layers is not shown."""
        if self.layer is not None:
            self.inputs[self.layer].append(layer)


_record: ContextVar[Record | None] = ContextVar("capture", default=None)


def current() -> Record | None:
    """The record of this thread, if it records."""
    return _record.get()


@contextlib.contextmanager
def recording(control: CallControl, tokens: int = 0, *, keep: bool = True) -> Iterator[Record]:
    """Forward passes of this thread, over so many tokens, write to a record."""
    record = Record(control, tokens, keep)
    token = _record.set(record)
    try:
        yield record
    finally:
        _record.reset(token)


class NotUnderstood(Exception):
    """A family passes its kernel a tensor that is not in `UNDERSTOOD`."""


def _record_inputs(module: nn.Module, query: Tensor, key: Tensor, mask: Tensor | None, kwargs: dict[str, Any]) -> None:
    record = _record.get()
    if record is None or not record.keep:
        return
    unknown = {name for name, value in kwargs.items() if torch.is_tensor(value)} - UNDERSTOOD
    if unknown:
        raise NotUnderstood(f"{type(module).__name__} gives its kernel {sorted(unknown)}")
    scaling = kwargs.get("scaling")
    bias = kwargs.get("position_bias")
    record.add_attention(
        KernelInputs(
            query=query[0].detach(),
            key=key[0].detach(),
            mask=None if mask is None else mask[0].detach(),
            scaling=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
            softcap=kwargs.get("softcap"),
            sinks=_sinks(kwargs),
            bias=None if bias is None else bias[0].detach(),
        )
    )


def _sinks(kwargs: dict[str, Any]) -> Tensor | None:
    """(head, 1 or T) learned logits that take part in the softmax, one a head or one a head and query."""
    if kwargs.get("s_aux") is not None:
        return kwargs["s_aux"].detach().view(-1, 1)  # type: ignore[no-any-return]
    sinks = kwargs.get("sinks")
    return None if sinks is None else sinks[0, :, :, 0].detach()


def _sdpa(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> Any:
    override = attention_override.current()
    if override is not None:
        return override.attend(module, query, key, value, kwargs.get("scaling")), None
    mask = _selected(attention_mask, query, key, kwargs.pop("indices", None))
    _record_inputs(module, query, key, mask, kwargs)
    return sdpa_attention_forward(module, query, key, value, mask, **kwargs)


def _eager(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> Any:
    """The family's own eager attention, in blocks of query rows, for families that SDPA cannot serve."""
    full_mask = _selected(attention_mask, query, key, kwargs.pop("indices", None))
    _record_inputs(module, query, key, full_mask, kwargs)
    eager_attention = family_eager_attention(module)
    outputs = []
    for start in range(0, query.shape[2], ROWS):
        stop = min(start + ROWS, query.shape[2])
        mask = _additive(full_mask, query, key, start, stop)
        part = {name: kwargs[name][:, :, start:stop] for name in BY_ROW if kwargs.get(name) is not None}
        outputs.append(eager_attention(module, query[:, :, start:stop], key, value, mask, **{**kwargs, **part})[0])
    return torch.cat(outputs, 1), None


def _selected(mask: Tensor | None, query: Tensor, key: Tensor, indices: Tensor | None) -> Tensor | None:
    """The mask restricted to the keys that sparse attention selected, as in the families' own eager code.

    Args:
        mask: (1, 1 or head, R, T) True = may be looked at, or additive.
        query: (1, head, R, d)
        key: (1, kv_head, T, d)
        indices: (1, R, k) the selected keys of each query; ``None`` = all.
    """
    if indices is None:
        return mask
    chosen = torch.zeros(1, 1, query.shape[2], key.shape[2], dtype=torch.bool, device=query.device)
    chosen.scatter_(-1, indices.long()[:, None], value=True)
    if mask is None:
        return chosen & _causal(query, key, 0, query.shape[2])
    if mask.dtype == torch.bool:
        return chosen & mask
    return mask.masked_fill(~chosen, torch.finfo(query.dtype).min)


def _additive(mask: Tensor | None, query: Tensor, key: Tensor, start: int, stop: int) -> Tensor:
    """(1, 1 or head, R, T) additive mask of query rows [start, stop)."""
    if mask is not None and mask.dtype != torch.bool:
        return mask[:, :, start:stop]
    allowed = _causal(query, key, start, stop) if mask is None else mask[:, :, start:stop]
    zeros = torch.zeros(allowed.shape, dtype=query.dtype, device=query.device)
    return zeros.masked_fill_(~allowed, torch.finfo(query.dtype).min)


def _causal(query: Tensor, key: Tensor, start: int, stop: int) -> Tensor:
    """(1, 1, R, T) True where query rows [start, stop) may attend: to themselves and earlier keys."""
    first = key.shape[2] - query.shape[2]  # keys of a cache come before the queries
    rows = torch.arange(first + start, first + stop, device=query.device)[:, None]
    return (torch.arange(key.shape[2], device=query.device) <= rows)[None, None]


def family_eager_attention(module: nn.Module) -> Callable[..., Any]:
    """The family's own eager attention: the function that transformers itself would call."""
    for cls in type(module).__mro__:
        function = getattr(sys.modules.get(cls.__module__), "eager_attention_forward", None)
        if function is not None:
            return function  # type: ignore[no-any-return]
    raise LookupError(f"{type(module).__name__} has no eager attention of its own")


AttentionInterface.register(SDPA, _sdpa)
AttentionInterface.register(EAGER, _eager)
# without a mask function of the same name the mask arrives in another form
AttentionMaskInterface.register(SDPA, sdpa_mask)
AttentionMaskInterface.register(EAGER, sdpa_mask)
