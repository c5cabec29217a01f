"""Replay: attention of families that do not call transformers' attention interface.

The inputs of each layer's attention module are recorded by hooks; on demand that one module is run again with its own
eager code and ``output_attentions``.
"""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine import kernels
from dashboard.engine.anatomy import run
from dashboard.engine.base import Job
from dashboard.engine.layers import storages_of

_NOT_REPLAYED = {"past_key_values", "past_key_value", "layer_past", "use_cache", "output_attentions", "cache_position"}


@dataclass(frozen=True)
class AttentionModule:
    """A module and where in its output the weights stand."""

    module: nn.Module
    output: int
    heads: int


class LastMap:
    """The last map that was replayed: a sweep asks for the same layer in many blocks of rows."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._held: tuple[weakref.ref[ReplayedLayer], Tensor] | None = None

    def of(self, layer: ReplayedLayer) -> Tensor:
        """(head, T, T) of `layer`."""
        with self._lock:
            held = self._held
        # the layer itself, not its address: Python gives the address of a dropped layer to a new one
        if held is not None and held[0]() is layer:
            return held[1]
        found = layer.run_again()
        with self._lock:
            self._held = (weakref.ref(layer), found)
        return found


class ReplayedLayer:
    """One layer's inputs; see `dashboard.engine.layers.Layer`."""

    def __init__(self, found: AttentionModule, args: tuple[Any, ...], kwargs: dict[str, Any], last: LastMap) -> None:
        """Keep references to what the module was called with."""
        self._found, self._args, self._kwargs, self._last = found, args, kwargs, last
        hidden = next(value for value in (*args, *kwargs.values()) if torch.is_tensor(value))
        self.tokens = hidden.shape[1]
        self.heads = found.heads

    def weights(self, heads: Sequence[int] | None, rows: tuple[int, int]) -> Tensor:
        """See `Layer.weights`."""
        whole = self._last.of(self)
        part = whole if heads is None else whole[list(heads)]
        return part[:, rows[0] : rows[1]].float().clone()

    def run_again(self) -> Tensor:
        """(head, T, T) as the module's own eager code computes it."""
        kwargs = dict(self._kwargs)
        if "output_attentions" in inspect.signature(self._found.module.forward).parameters:
            kwargs["output_attentions"] = True
        with torch.inference_mode():
            weights: Tensor = self._found.module(*self._args, **kwargs)[self._found.output][0]
        return weights

    def storages(self) -> dict[int, int]:
        """See `Layer.storages`."""
        return storages_of([*self._args, *self._kwargs.values()])


def record_inputs(modules: Sequence[AttentionModule]) -> list[Any]:
    """Hooks on a model's attention modules: what they are given is recorded, in a thread that records."""
    last = LastMap()
    return [found.module.register_forward_pre_hook(_recorder(found, last), with_kwargs=True) for found in modules]


def _recorder(found: AttentionModule, last: LastMap) -> Any:
    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        record = kernels.current()
        if record is not None and record.keep:
            kept = {name: value for name, value in kwargs.items() if name not in _NOT_REPLAYED}
            record.attended(ReplayedLayer(found, args, kept, last))

    return hook


@dataclass(frozen=True)
class OwnPass:
    """What the model itself computes over a few tokens, with its own eager attention."""

    logits: Tensor
    """(T, vocab)"""
    weights: dict[int, Tensor]
    """decoder layer -> (head, T, T) as it returns them; no layer that returns none, or several."""
    modules: tuple[AttentionModule, ...]
    """Those that return them."""


def own_pass(model: Any, ids: tuple[int, ...], layers: int) -> OwnPass:
    """Run `model` once, with eager attention, and find its weights and who returned them (by identity of the tensors).

    Args:
        model: its blocks announce themselves, see `dashboard.engine.capture`.
        ids: token ids.
        layers: decoder layers; where weights cannot be told by identity, as many of them are taken in order.
    """
    seen: list[tuple[int | None, AttentionModule, Tensor]] = []

    def hook(module: nn.Module, _args: Any, output: Any) -> None:
        record = kernels.current()
        if record is not None and isinstance(output, tuple | list):
            seen.extend(
                (record.layer, AttentionModule(module, i, value.shape[1]), value)
                for i, value in enumerate(output)
                if torch.is_tensor(value) and value.ndim == 4
            )

    # before the hooks by which a block says that it has ended
    handles = [module.register_forward_hook(hook, prepend=True) for module in model.modules()]
    try:
        with kernels.recording(Job(), keep=False):
            given = run(model, ids, output_attentions=True)
    finally:
        for handle in handles:
            handle.remove()
    weights = [value for value in (getattr(given, "attentions", None) or ()) if value is not None]
    # the innermost is first: its hook fires first
    sources = [next((entry for entry in seen if _same(entry[2], value)), None) for value in weights]
    by_layer: dict[int | None, list[Tensor]] = {}
    for i, (value, source) in enumerate(zip(weights, sources, strict=True)):
        by_layer.setdefault(source[0] if source else i if len(weights) == layers else None, []).append(value[0])
    return OwnPass(
        given.logits[0].float(),
        {layer: values[0] for layer, values in by_layer.items() if layer is not None and len(values) == 1},
        tuple({id(source[1].module): source[1] for source in sources if source}.values()),
    )


def _same(one: Tensor, other: Tensor) -> bool:
    return one is other or (one.data_ptr() == other.data_ptr() and one.shape == other.shape)
