"""A run: the kernel inputs and residuals of one forward pass, and what was computed from them since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from torch import Tensor

from dashboard.engine.api.model import RunSummary
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer

T = TypeVar("T")


@dataclass
class Run:
    """The record of one forward pass, and results computed from it; no view of it needs the model again."""

    summary: RunSummary
    layers: tuple[Layer | None, ...]
    reasons: dict[int, str]
    """Layer -> why it has no attention map."""
    heads: int
    """Query heads of a layer."""
    residual: Tensor
    """(T, d) output of the base model."""
    stream: tuple[Tensor, ...]
    """(T, d) the residual stream before the first layer and after each."""
    logits: Tensor | None = None
    """(T, vocab) raw logits, only of families whose head cannot be run on the residual."""
    derived: OrderedDict[Any, tuple[Any, int]] = field(default_factory=OrderedDict)
    """name -> what was computed, and its bytes."""

    @property
    def nbytes(self) -> int:
        """Memory of the pass and of what was derived [bytes]."""
        return self.summary.nbytes + sum(size for _, size in self.derived.values())


def without_values(layers: Iterable[Layer | None]) -> tuple[tuple[Layer | None, ...], int]:
    """The layers without tensors that they do not read, and their bytes.

    Families with one product for query, key and value (GPT-2) pass the kernel views of it, which keep the values alive.
    """
    compact = tuple(_compact(layer) if isinstance(layer, KernelInputs) else layer for layer in layers)
    storages = {pointer: size for layer in compact if layer is not None for pointer, size in layer.storages().items()}
    return compact, sum(storages.values())


def _compact(layer: KernelInputs) -> KernelInputs:
    return replace(layer, query=_unshared(layer.query), key=_unshared(layer.key))


def _unshared(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor


def tensor_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of tensors."""
    return sum(tensor.nbytes for tensor in tensors)
