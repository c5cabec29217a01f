"""Replay: attention of families that do not call transformers' attention interface.

The inputs of each layer's attention module are recorded by hooks; on demand that one module is run again with its own
eager code and ``output_attentions``.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine.layers import storages_of

_NOT_REPLAYED = {"past_key_values", "past_key_value", "layer_past", "use_cache", "output_attentions", "cache_position"}
_inputs: ContextVar[dict[int, Any] | None] = ContextVar("replay", default=None)


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


class Replay:
    """Hooks on the attention modules of one model."""

    def __init__(self, modules: list[AttentionModule]) -> None:
        """Register permanent hooks; they do nothing in a thread that does not record."""
        self._last = LastMap()
        for found in modules:
            found.module.register_forward_pre_hook(self._hook(found), with_kwargs=True)

    def _hook(self, found: AttentionModule) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            inputs = _inputs.get()
            if inputs is not None:
                kept = {name: value for name, value in kwargs.items() if name not in _NOT_REPLAYED}
                inputs[id(found.module)] = ReplayedLayer(found, args, kept, self._last)

        return hook

    @contextlib.contextmanager
    def recording(self) -> Iterator[dict[int, Any]]:
        """Record the modules' inputs in this thread; gives id of the module -> layer."""
        inputs: dict[int, Any] = {}
        token = _inputs.set(inputs)
        try:
            yield inputs
        finally:
            _inputs.reset(token)


def find_attention_modules(model: Any, ids: tuple[int, ...]) -> tuple[list[Tensor], list[AttentionModule]]:
    """The model's own eager weights, and the modules that return them (found by identity of the tensors).

    Returns:
        (head, T, T) of each layer that has weights, in order; their modules, in the same order.
    """
    seen: list[tuple[nn.Module, int, Tensor]] = []

    def hook(module: nn.Module, _args: Any, _kwargs: Any, output: Any) -> None:
        if isinstance(output, tuple | list):
            seen.extend(
                (module, i, value) for i, value in enumerate(output) if torch.is_tensor(value) and value.ndim == 4
            )

    handles = [module.register_forward_hook(hook, with_kwargs=True) for module in model.modules()]
    try:
        with torch.inference_mode():
            device = next(model.parameters()).device
            given = model(input_ids=torch.tensor([ids], device=device), output_attentions=True, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    weights = [value for value in (getattr(given, "attentions", None) or ()) if value is not None]
    found = []
    for value in weights:
        same = [
            (m, i, v) for m, i, v in seen if v is value or (v.data_ptr() == value.data_ptr() and v.shape == value.shape)
        ]
        if same:
            module, output, _ = same[0]  # the innermost: its hook fires first
            found.append(AttentionModule(module, output, value.shape[1]))
    return [value[0] for value in weights], found
