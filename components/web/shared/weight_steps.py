"""How strongly a token is coloured: ranks and surprisal as weights in [0, 1], weights as steps of a colour scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FULL_BITS = 16
"""Surprisal of the strongest colour [bits]."""
BANDS = (1, 5, 20, 100)
"""Last ranks of the weaker colours."""


def rank_weights(ranks: ArrayLike) -> NDArray[np.float64]:
    """(token,) ranks, 1 = likeliest, in five even steps from 0: 1, 2 to 5, 6 to 20, 21 to 100, and more."""
    return np.searchsorted(BANDS, np.asarray(ranks)) / len(BANDS)


def surprisal_weights(bits: ArrayLike) -> NDArray[np.float64]:
    """(token,) surprisal [bits] as a share of FULL_BITS, at most 1; NaN stays."""
    return np.clip(np.asarray(bits, dtype=np.float64) / FULL_BITS, 0, 1)


def weight_steps(weights: ArrayLike) -> list[int]:
    """(token,) weights in [0, 1] as steps 0..255; -1 where there is none (NaN)."""
    values = np.asarray(weights, dtype=np.float64)
    steps = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255)
    return [int(step) for step in np.where(np.isnan(values), -1, steps)]
