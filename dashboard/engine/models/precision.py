"""Rounding: how far two computations of the same numbers may lie apart, by the model's dtype."""

from __future__ import annotations

from typing import Any

import torch

RELATIVE_TOLERANCE = 1e-4
"""Float32 results may differ by so much of the largest: the same sums in another order [1]."""
HALF_PRECISION_FACTOR = 400
"""Float16 and bfloat16 may differ by so much more: the model's own results are rounded to 3 or 2 digits [1]."""


def tolerance_of(dtype: Any) -> float:
    """The relative difference allowed between two computations in `dtype` [1]."""
    return RELATIVE_TOLERANCE * (1 if dtype == torch.float32 else HALF_PRECISION_FACTOR)
