"""Scratch buffers reused by every step: allocating (rows, vocab) tensors costs more than the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class ScratchBuffers:
    """One growing buffer for each dtype and device."""

    def __init__(self) -> None:
        """Nothing is allocated yet."""
        self._buffers: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def get(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
        """An uninitialised tensor; it shares its memory with the one given before for this dtype and device."""
        key, count = (dtype, torch.device(device)), math.prod(shape)
        if key not in self._buffers or self._buffers[key].numel() < count:
            self._buffers[key] = torch.empty(count, dtype=dtype, device=device)
        return self._buffers[key][:count].view(*shape)

    def like(self, tensor: Tensor) -> Tensor:
        """An uninitialised tensor of the same shape, dtype and device."""
        return self.get(tensor.shape, tensor.dtype, tensor.device)
