"""Weights as the steps of a colour scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def weight_steps(weights: ArrayLike) -> list[int]:
    """(token,) weights in [0, 1] as steps 0..255; -1 where there is none (NaN)."""
    values = np.asarray(weights, dtype=np.float64)
    steps = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255)
    return [int(step) for step in np.where(np.isnan(values), -1, steps)]
