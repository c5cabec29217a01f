"""The model's shares against the world's: how close, and in what order; and the Lorenz curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, pearsonr, spearmanr

Floats = NDArray[np.float64]

TOLERANCE = 0.2
# 0.9 - 0.7 is within 20 points although floats make it a little more
ROUNDING = 1e-9


@dataclass(frozen=True)
class Agreement:
    """A model's shares against real-world shares; NaN where a number does not exist (too few, or all the same)."""

    n: int
    """Completions that have both shares."""
    left_out: int
    """Completions that lack one."""
    mse: float
    """Mean squared difference, in [0, 1] for shares."""
    kendall: float
    """Kendall's tau_b, which allows for ties, in [-1, 1]."""
    spearman: float
    """Spearman's rank correlation, in [-1, 1]."""
    pearson: float
    """Pearson's correlation, in [-1, 1]; high also where the model exaggerates evenly."""
    within: int
    """Completions whose shares differ by at most the tolerance (20 points)."""


def agreement(model: Floats, world: Floats, tolerance: float = TOLERANCE) -> Agreement:
    """Agreement of shares, as Kirk et al. (2021) compare GPT-2 with US labour statistics.

    Args:
        model: (completion,) share of women by the model, as a fraction; NaN where it has none.
        world: (completion,) share of women in the statistics, as a fraction; NaN likewise.
        tolerance: largest difference that counts as close, as a fraction.

    Raises:
        ValueError: the two differ in length; the message gives both shapes.
    """
    if model.shape != world.shape or model.ndim != 1:
        raise ValueError(f"shares of shapes {model.shape} and {world.shape} do not pair up")
    both = ~(np.isnan(model) | np.isnan(world))
    ours, theirs = model[both], world[both]
    n = len(ours)
    apart = np.abs(ours - theirs)
    ranked = n >= 2 and np.ptp(ours) > 0 and np.ptp(theirs) > 0
    return Agreement(
        n,
        len(model) - n,
        float((apart**2).mean()) if n else math.nan,
        float(kendalltau(ours, theirs, variant="b").statistic) if ranked else math.nan,
        float(spearmanr(ours, theirs).statistic) if ranked else math.nan,
        float(pearsonr(ours, theirs).statistic) if ranked else math.nan,
        int((apart <= tolerance + ROUNDING).sum()),
    )


@dataclass(frozen=True)
class Lorenz:
    """Lorenz curve (Lorenz 1905): what part of the mass the least likely part of the completions holds."""

    completions: Floats
    """(point,) cumulative share of the completions, least likely first, from 0 to 1."""
    mass: Floats
    """(point,) cumulative share of the mass, from 0 to 1; never above `completions`. NaN when there is no mass."""
    left_out: int
    """Completions without a value."""


def lorenz(values: Floats) -> Lorenz:
    """Lorenz curve; twice the area between it and the diagonal is the Gini coefficient.

    Args:
        values: (completion,) shares or counts, at least 0; NaN is left out.
    """
    known = np.sort(values[~np.isnan(values)])
    held = np.concatenate([[0.0], np.cumsum(known)])
    with np.errstate(invalid="ignore"):
        mass = held / held[-1]
    return Lorenz(np.linspace(0, 1, len(held)) if len(known) else np.zeros(1), mass, len(values) - len(known))
