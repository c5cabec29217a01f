"""Logit lens and direct logit attribution: requests and results."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.api.arrays import Floats, Ints
from dashboard.engine.api.request import RunQuestion


# -- through the layers -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LensRequest(RunQuestion["Lens"]):
    """What the model would say if it ended at each step of the stream. Raises StreamRefused."""

    positions: tuple[int, ...]
    """Ascending; not empty."""
    half_steps: bool = False
    """After each attention too, before the layer's MLP."""
    pins: tuple[int, ...] = ()
    """Token ids to follow."""


@dataclass(frozen=True)
class Lens:
    """The model's own end (norm, head, scaling, capping) on the residual before, between and after its layers."""

    steps: tuple[tuple[int, str], ...]
    """(layer, ``embedding`` | ``attention`` | ``output``), first to last; the embedding's layer is -1."""
    positions: tuple[int, ...]
    top_ids: Ints
    """(step, pos, 5) likeliest tokens."""
    top_probs: Floats
    """(step, pos, 5)"""
    entropy_nats: Floats
    """(step, pos) [nats]"""
    kl_nats: Floats
    """(step, pos) KL(p_final‖p_step) [nats]"""
    pin_probs: Floats
    """(pin, step, pos)"""
    pin_log_probs: Floats
    """(pin, step, pos) ln p [nats], also where p is too small for its own array."""
    pin_ranks: Ints
    """(pin, step, pos) 1 = likeliest; ties count those strictly likelier."""
    settled: Ints
    """(pos,) first step, of those that are no half steps, from which the final top token stays on top."""
    error: float
    """Largest |Δ| between the last step's logits and the model's own, at the last of the positions."""


@dataclass(frozen=True)
class AttributionRequest(RunQuestion["Attribution"]):
    """What each part of the model adds to one logit after one position. Raises StreamRefused."""

    pos: int
    token: int


@dataclass(frozen=True)
class Attribution:
    """Direct logit attribution: what each part of the model adds to one logit, the final norm's scale held fixed.

    `embedding`, `attention`, `mlp` and `constant` sum to `logit`; `heads` and `heads_rest` to their layer's
    `attention`.
    """

    pos: int
    token: int
    logit: float
    """Before a final soft-cap."""
    embedding: float
    attention: Floats
    """(layer,)"""
    mlp: Floats
    """(layer,)"""
    constant: float
    """Biases of the final norm and of the head."""
    heads: Floats
    """(layer, head); NaN for heads that a layer lacks."""
    heads_rest: Floats
    """(layer,) what attention adds beside its heads: biases, and all of it in a layer without heads."""
    error: float
    """Sum of the parts - logit."""
