"""Next-token predictions: the likeliest candidates at one position, and the outcome at each."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.api.arrays import Floats, Ints
from dashboard.engine.api.decoding import DecodeSettings, Processed
from dashboard.engine.api.request import RunQuestion
from dashboard.tokens import Token


# -- next token ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class CandidatesRequest(RunQuestion["Candidates"]):
    """The k likeliest tokens after one position, and pinned ones."""

    pos: int
    k: int
    pins: tuple[int, ...] = ()
    """Token ids that are among them whatever their rank."""


@dataclass(frozen=True)
class ProcessedRequest(RunQuestion[Processed]):
    """What decode settings make of the distribution after one position; no forward pass. Raises NothingLeft.

    The text up to `pos` is the prompt that the model's rules count from.
    """

    pos: int
    ids: tuple[int, ...]
    """Tokens whose q is asked for."""
    settings: DecodeSettings


@dataclass(frozen=True)
class PositionTableRequest(RunQuestion["PositionTable"]):
    """Prediction and outcome at every position."""


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
