"""Next-token predictions: the likeliest candidates at one position, and the outcome at each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
from dashboard.engine.api.arrays import Floats, Ints
from dashboard.tokens import Token


# -- next token ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Candidates:
    """The k likeliest tokens after one position, and pinned ones that are not among them, from the raw logits."""

    pos: int
    ids: Ints
    """(k',) likeliest first, then the pinned ones."""
    ranks: Ints
    """(k',) 1 = likeliest; ties count those strictly likelier."""
    logits: Floats
    """(k',)"""
    probs: Floats
    """(k',) softmax over the whole vocabulary, temperature 1."""
    entropy_nats: float
    """Of the whole distribution [nats]."""
    tokens: tuple[Token, ...]
    """(k',) the candidates as tokens."""


@dataclass(frozen=True)
class PositionTable:
    """For every position: what was predicted and what followed."""

    predicted: tuple[Token, ...]
    """(pos,) the likeliest next token."""
    predicted_prob: Floats
    """(pos,)"""
    actual_log_prob: Floats
    """(pos,) ln p of the token that follows [nats]; NaN at the last position."""
    actual_rank: Ints
    """(pos,) 1 = likeliest; ties count those strictly likelier; 0 at the last position: nothing follows."""
    entropy_nats: Floats
    """(pos,) of the whole distribution [nats]."""
