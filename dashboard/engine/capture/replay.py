"""Replay: for families outside transformers' attention interface, a layer's attention module is run again on demand.

Hooks record the inputs of each attention module; the module then runs with its own eager code and
``output_attentions``.
"""

from __future__ import annotations

import inspect
import threading
import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import kernels
from dashboard.engine.capture.kernel_inputs import storages_of
from dashboard.engine.capture.kernels import Record
from dashboard.engine.models.anatomy import run
from dashboard.errors import LayerHasNoAttention

_CACHES = {"cache", "past_key_values", "past_key_value", "layer_past"}


@dataclass(frozen=True)
class AttentionModule:
    """A module that returns attention weights, and where in its output they are."""

    module: nn.Module
    output: int
    heads: int
    lead: int = 0
    """The family's own tokens before the prompt, which the model leaves out of the weights that it returns."""


class LastMap:
    """Cache of the last replayed map: a sweep asks for the same layer in many blocks of rows."""

    def __init__(self) -> None:
        """Empty."""
        self._lock = threading.Lock()
        self._entry: tuple[weakref.ref[ReplayedLayer], Tensor] | None = None

    def of(self, layer: ReplayedLayer) -> Tensor:
        """(head, T, T) of `layer`."""
        with self._lock:
            entry = self._entry
        # the layer itself, not its address: Python gives the address of a dropped layer to a new one
        if entry is not None and entry[0]() is layer:
            return entry[1]
        weights = layer.run_again()
        with self._lock:
            self._entry = (weakref.ref(layer, self._forget), weights)
        return weights

    def _forget(self, layer: weakref.ref[ReplayedLayer]) -> None:
        """Drop the map, heads x T x T, of a layer that is gone. Without the lock, which this thread may hold."""
        entry = self._entry
        if entry is not None and entry[0] is layer:
            self._entry = None


class ReplayedLayer:
    """The inputs of one layer's attention module; see `dashboard.engine.capture.kernel_inputs.Layer`."""

    def __init__(self, source: AttentionModule, arguments: dict[str, Any], record: Record, last: LastMap) -> None:
        """Store references to the arguments of the module's call, by name."""
        self._source, self._arguments, self._last = source, arguments, last
        self._number = record.layer
        self.tokens, self.heads = record.tokens, source.heads
        self.device = next(
            (value.device for value in arguments.values() if torch.is_tensor(value)), torch.device("cpu")
        )

    def weights(self, heads: Sequence[int] | None, rows: tuple[int, int], keys: int | None = None) -> Tensor:
        """See `Layer.weights`."""
        whole = self._last.of(self)
        part = whole if heads is None else whole[list(heads)]
        return part[:, rows[0] : rows[1], :keys].float().clone()

    def run_again(self) -> Tensor:
        """(head, T, T) as the module's own eager code computes it.

        Raises:
            LayerHasNoAttention: from some length on the family's attention is no such map (chunks, hashes).
        """
        with torch.inference_mode():
            weights: Tensor = self._source.module(**self._arguments)[self._source.output][0]
        weights = weights[:, self._source.lead :, self._source.lead :]
        if weights.shape != (self.heads, self.tokens, self.tokens):
            reason = f"over {self.tokens} tokens its weights are no map of queries and keys"
            raise LayerHasNoAttention(layer=self._number, reason=reason)
        return weights

    def storages(self) -> dict[int, int]:
        """See `Layer.storages`."""
        return storages_of(list(self._arguments.values()))


def record_inputs(modules: Sequence[AttentionModule]) -> list[Any]:
    """Hooks on attention modules that record their inputs in a thread that records."""
    last = LastMap()
    return [source.module.register_forward_pre_hook(_recorder(source, last), with_kwargs=True) for source in modules]


def _recorder(source: AttentionModule, last: LastMap) -> Any:
    names = list(inspect.signature(source.module.forward).parameters)

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        record = kernels.current()
        if record is None or not record.keep:
            return
        arguments = {**dict(zip(names, args, strict=False)), **kwargs}
        # a cache holds the keys by now; they would come a second time
        arguments = {
            name: None if name in _CACHES or isinstance(value, Cache) else value for name, value in arguments.items()
        }
        if "output_attentions" in names:
            arguments["output_attentions"] = True
        record.add_attention(ReplayedLayer(source, arguments, record, last))

    return hook


@dataclass(frozen=True)
class ReferencePass:
    """The model's own logits and weights over a few tokens, with eager attention: what a capture must reproduce."""

    tokens: int
    logits: Tensor
    """(T, vocab)"""
    weights: dict[int, Tensor]
    """decoder layer -> (head, T, T) as the model returns them; without layers that return none, or several."""
    modules: tuple[AttentionModule, ...]
    """Those that return them."""
    unplaced: bool = False
    """Whether the model returns weights that belong to no single layer."""


def reference_pass(model: Any, ids: tuple[int, ...], layers: int) -> ReferencePass:
    """Run `model` once with eager attention; its weights, and the modules that returned them (told by identity).

    Args:
        model: its blocks have the hooks of `dashboard.engine.capture.capture`.
        ids: token ids.
        layers: decoder layers; weights without a known module belong to them in order if there are as many.
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

    # before the hooks that record the end of a block
    handles = [module.register_forward_hook(hook, prepend=True) for module in model.modules()]
    try:
        with kernels.recording(CallControl(), keep=False):
            output = run(model, ids, output_attentions=True)
    finally:
        for handle in handles:
            handle.remove()
    weights = [value for value in (getattr(output, "attentions", None) or ()) if value is not None]
    by_layer: dict[int | None, list[Tensor]] = defaultdict(list)
    modules: dict[int, AttentionModule] = {}
    for i, value in enumerate(weights):
        # the innermost is first: its hook fires first
        layer, source = next(
            (
                (layer, replace(source, lead=lead))
                for layer, source, candidate in seen
                if (lead := _lead(candidate, value)) >= 0
            ),
            (i if len(weights) == layers else None, None),
        )
        by_layer[layer].append(value[0])
        if source is not None:
            modules[id(source.module)] = source
    one_each = {layer: values[0] for layer, values in by_layer.items() if layer is not None and len(values) == 1}
    unplaced = len(one_each) < len(by_layer)
    return ReferencePass(len(ids), output.logits[0].float(), one_each, tuple(modules.values()), unplaced)


def _lead(weights: Tensor, returned: Tensor) -> int:
    """How many first queries and keys of a module's weights the model left out; -1: it `returned` another tensor."""
    if weights.untyped_storage().data_ptr() != returned.untyped_storage().data_ptr():
        return -1
    lead = weights.shape[-1] - returned.shape[-1]
    rest = weights[..., lead:, lead:]
    same = (
        rest.shape == returned.shape and rest.data_ptr() == returned.data_ptr() and rest.stride() == returned.stride()
    )
    return lead if lead >= 0 and same else -1
