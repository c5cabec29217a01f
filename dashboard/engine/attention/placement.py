"""Where a run's query and key lie: on the model's device, or in the computer's memory where the device is too full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer

ROWS = 256
"""Most query rows, or positions with their logits, that are computed at once."""
COPIES = 4
"""Tensors of that size that live at once while they are computed: scores, weights, sums, the result."""


def work_bytes(tokens: int, heads: int, vocab: int) -> int:
    """What the largest block of work on a run takes [bytes]: a block of weights, or of logits, in float32."""
    return 4 * COPIES * ROWS * max(heads * tokens, vocab)


def fits(free: int, work: int) -> bool:
    """Whether the device has room for the work on a run whose query and key stay there.

    Args:
        free: memory of the device that is free after the pass [bytes].
        work: as `work_bytes`.
    """
    return free >= work


def free_bytes(device: torch.device) -> int | None:
    """Free memory of a CUDA device [bytes], that which torch holds in reserve included; ``None`` elsewhere."""
    if device.type != "cuda":
        return None
    reserve = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + reserve


def placed(layers: Sequence[Layer | None], free: int | None, work: int) -> tuple[Layer | None, ...]:
    """The layers, with query and key in the computer's memory unless `fits`; their weights do not change.

    Args:
        layers: of one run, on the device of its pass.
        free: as `free_bytes`; ``None`` = all stays.
        work: as `work_bytes`.
    """
    if free is None or fits(free, work):
        return tuple(layers)
    return tuple(_in_host_memory(layer) if isinstance(layer, KernelInputs) else layer for layer in layers)


def _in_host_memory(layer: KernelInputs) -> KernelInputs:
    return replace(layer, query=layer.query.cpu(), key=layer.key.cpu(), computed_on=layer.device)
