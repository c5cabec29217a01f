"""Entropy and distances of distributions, given as probabilities (those of the engine are given as ln p, in torch)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, rel_entr

Floats = NDArray[np.float64]


def entropy(p: Floats) -> Floats:
    """Shannon entropy, ``-Σ p ln p``; 0 ln 0 = 0.

    Args:
        p: (..., outcome) probabilities or attention weights.

    Returns:
        (...) entropy [nats], in [0, ln outcomes] where `p` sums to 1; NaN where one is NaN.
    """
    return np.asarray(entr(p).sum(axis=-1))


def total_variation(p: Floats, q: Floats) -> Floats:
    """Total variation, ``1/2 Σ|p - q|``: how much mass would have to move.

    Args:
        p: (..., outcome) probabilities.
        q: (..., outcome) probabilities.

    Returns:
        (...) in [0, 1].
    """
    return np.abs(p - q).sum(axis=-1) / 2


def js_divergence(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence, the mean KL of `p` and `q` to their midpoint.

    ``JSD = 1/2 KL(p||m) + 1/2 KL(q||m), m = (p+q)/2``. 0 for equal, ln 2 for disjoint (Lin 1991).

    Args:
        p: (..., outcome) probabilities.
        q: (..., outcome) probabilities.

    Returns:
        (...) divergence [nats], in [0, ln 2].
    """
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1) / 2
    return np.clip(divergence, 0, math.log(2))
