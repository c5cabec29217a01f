"""Replay: attention of families that do not call transformers' attention interface.

The inputs of each layer's attention module are recorded by hooks; on demand that one module is run again with its own
eager code and ``output_attentions``.
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

_CACHES = {"past_key_values", "past_key_value", "layer_past"}


@dataclass(frozen=True)
class AttentionModule:
    """A module and where in its output the weights stand."""

    module: nn.Module
    output: int
    heads: int
    lead: int = 0
    """Tokens of the family's own before the prompt's, which it leaves out of what it returns."""


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
            self._held = (weakref.ref(layer, self._forget), found)
        return found

    def _forget(self, layer: weakref.ref[ReplayedLayer]) -> None:
        """Drop the map of a layer that is gone: heads x T x T. Without the lock, which this very thread may hold."""
        held = self._held
        if held is not None and held[0] is layer:
            self._held = None


class ReplayedLayer:
    """One layer's inputs; see `dashboard.engine.capture.kernel_inputs.Layer`."""

    def __init__(self, found: AttentionModule, given: dict[str, Any], record: Record, last: LastMap) -> None:
        """Keep references to what the module was called with, by name."""
        self._found, self._given, self._last = found, given, last
        self._number = record.layer
        self.tokens, self.heads = record.tokens, found.heads

    def weights(self, heads: Sequence[int] | None, rows: tuple[int, int]) -> Tensor:
        """See `Layer.weights`."""
        whole = self._last.of(self)
        part = whole if heads is None else whole[list(heads)]
        return part[:, rows[0] : rows[1]].float().clone()

    def run_again(self) -> Tensor:
        """(head, T, T) as the module's own eager code computes it.

        Raises:
            LayerHasNoAttention: from some length on the family's attention is no such map (chunks, hashes).
        """
        with torch.inference_mode():
            weights: Tensor = self._found.module(**self._given)[self._found.output][0]
        weights = weights[:, self._found.lead :, self._found.lead :]
        if weights.shape != (self.heads, self.tokens, self.tokens):
            reason = f"over {self.tokens} tokens its weights are no map of queries and keys"
            raise LayerHasNoAttention(layer=self._number, reason=reason)
        return weights

    def storages(self) -> dict[int, int]:
        """See `Layer.storages`."""
        return storages_of(list(self._given.values()))


def record_inputs(modules: Sequence[AttentionModule]) -> list[Any]:
    """Hooks on a model's attention modules: what they are given is recorded, in a thread that records."""
    last = LastMap()
    return [found.module.register_forward_pre_hook(_recorder(found, last), with_kwargs=True) for found in modules]


def _recorder(found: AttentionModule, last: LastMap) -> Any:
    names = list(inspect.signature(found.module.forward).parameters)

    def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        record = kernels.current()
        if record is None or not record.keep:
            return
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        # a cache holds the keys by now; they would come a second time
        given = {name: None if name in _CACHES or isinstance(value, Cache) else value for name, value in given.items()}
        if "output_attentions" in names:
            given["output_attentions"] = True
        record.attended(ReplayedLayer(found, given, record, last))

    return hook


@dataclass(frozen=True)
class ReferencePass:
    """What the model itself computes over a few tokens, with its own eager attention."""

    tokens: int
    logits: Tensor
    """(T, vocab)"""
    weights: dict[int, Tensor]
    """decoder layer -> (head, T, T) as it returns them; no layer that returns none, or several."""
    modules: tuple[AttentionModule, ...]
    """Those that return them."""
    unplaced: bool = False
    """It returns weights that are no one layer's."""


def reference_pass(model: Any, ids: tuple[int, ...], layers: int) -> ReferencePass:
    """Run `model` once, with eager attention, and find its weights and who returned them (by identity of the tensors).

    Args:
        model: its blocks announce themselves, see `dashboard.engine.capture.capture`.
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
                for layer, source, given in seen
                if (lead := _lead(given, value)) >= 0
            ),
            (i if len(weights) == layers else None, None),
        )
        by_layer[layer].append(value[0])
        if source is not None:
            modules[id(source.module)] = source
    one_each = {layer: values[0] for layer, values in by_layer.items() if layer is not None and len(values) == 1}
    unplaced = len(one_each) < len(by_layer)
    return ReferencePass(len(ids), output.logits[0].float(), one_each, tuple(modules.values()), unplaced)


def _lead(given: Tensor, returned: Tensor) -> int:
    """How many first queries and keys of `given` the model left out of what it `returned`; -1: it is another tensor."""
    if given.untyped_storage().data_ptr() != returned.untyped_storage().data_ptr():
        return -1
    lead = given.shape[-1] - returned.shape[-1]
    rest = given[..., lead:, lead:]
    same = (
        rest.shape == returned.shape and rest.data_ptr() == returned.data_ptr() and rest.stride() == returned.stride()
    )
    return lead if lead >= 0 and same else -1
