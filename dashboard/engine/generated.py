"""What an engine makes beyond the prompt: texts, how they were drawn, and exact comparisons of decode settings.

The vocabulary of `dashboard.engine.base` goes on here; arrays are read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dashboard.engine.base import DecodeSettings, Floats, Ints, Token

Flags = NDArray[np.bool_]

ALTERNATIVES = 10
"""So many of the likeliest tokens are kept of every step."""
FLOAT_NOISE = 1e-4
"""ln p of one model differs at most so much between batch sizes [nats]; draws decided by less are marked."""
DROPPED = -1e8
"""A beam score at or below this is of a row that transformers could not fill; it is dropped, and counted."""


# -- texts ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Column:
    """One way of making texts: decode settings, and how many texts of which length."""

    settings: DecodeSettings
    rows: int = 1
    """Texts; with beams those returned, at most `num_beams`."""
    max_new_tokens: int = 20
    num_beams: int = 1
    """1: greedy or drawn token by token; more: transformers' beam search or beam-sample."""
    length_penalty: float = 1.0
    """Of beams: a score is divided by length to this power."""
    stop: tuple[str, ...] = ()
    """A text ends with the token that completes one of these."""
    seed: int = 0
    """Of the noise, [0, 2^64); a draw depends on (seed, row, step) alone, beams on the seed alone."""
    begin: tuple[int, ...] = ()
    """Tokens that every text begins with, right after the prompt; not drawn, but told like the others."""
    first_row: int = 0
    """The number of the first row: its noise is that of this row."""


@dataclass(frozen=True)
class GenerateRequest:
    """Texts to make from one prompt: the rows of all columns without beams advance together."""

    columns: tuple[Column, ...]


@dataclass(frozen=True)
class GenerationCost:
    """What texts would cost, before they are made."""

    tokens: int
    """At most, over all rows."""
    seconds: float
    """From the last passes and steps; NaN before the first."""
    nbytes: int
    """Memory of keys and values meanwhile [bytes]."""


@dataclass(frozen=True)
class Drawn:
    """One token as it comes."""

    column: int
    row: int
    step: int
    token: Token
    log_p: float
    log_q: float
    rank: int


OnStep = Callable[[tuple[Drawn, ...]], None]
"""Told the tokens of one step; from the thread that computes."""


@dataclass(frozen=True)
class Output:
    """One text: its tokens, and how likely each was to the model and to the sampler."""

    column: int
    """Place in the request."""
    row: int
    """Counted from the column's `first_row`; of beams: 0 = best."""
    tokens: tuple[Token, ...]
    """(step,) the column's `begin` among them."""
    begun: int
    """So many of them are the column's `begin`."""
    log_p: Floats
    """(step,) ln p: the model's own, softmax of the raw logits [nats]."""
    log_q: Floats
    """(step,) ln q: of the distribution really drawn from [nats]; NaN for beams, which draw no single token."""
    ranks: Ints
    """(step,) by p, 1 = likeliest; ties count those strictly likelier."""
    close: Flags
    """(step,) the draw was decided by less than float noise: another batch size may draw another token."""
    top_tokens: tuple[tuple[Token, ...], ...]
    """(step, ALTERNATIVES) likeliest by p."""
    top_log_p: Floats
    """(step, ALTERNATIVES)"""
    top_log_q: Floats
    """(step, ALTERNATIVES) -inf where cut; NaN for beams."""
    top_cut_by: tuple[tuple[str, ...], ...]
    """(step, ALTERNATIVES) the first setting that removed it; empty where it stays."""
    stopped: str
    """``end`` (end of text), ``limit``, ``stop`` (a stop string) or ``cancelled``."""
    text: str
    """The tokens decoded together."""
    beam_score: float = float("nan")
    """Of beams: Σ (ln p, processed) / T over the tokens, divided by length^length_penalty: no log-probability."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Token ids in order."""
        return tuple(token.id for token in self.tokens)


@dataclass(frozen=True)
class BeamTree:
    """What a beam search kept and what it let go: one node a candidate continuation, parents before children."""

    column: int
    tokens: tuple[Token, ...]
    """(node,)"""
    parents: Ints
    """(node,) -1: the prompt."""
    steps: Ints
    """(node,) 0-based."""
    scores: Floats
    """(node,) accumulated, before division by length."""
    kept: Flags
    """(node,) went on to the next step, or ended as a finished text."""
    output: Ints
    """(node,) row of the text that ends here; -1: none."""


@dataclass(frozen=True)
class Generated:
    """Texts of all columns."""

    outputs: tuple[Output, ...]
    """By column, then by row."""
    trees: tuple[BeamTree, ...]
    """One a column with beams."""
    dropped: tuple[int, ...]
    """(column,) rows of beams that transformers could not fill (score at or below DROPPED)."""
    effective: tuple[tuple[str, ...], ...]
    """(column,) settings that had a processor, in the order in which they ran."""
    seconds: float
    first_seconds: float
    """Until the first token was drawn."""
    model_seconds: float
    """Of `seconds`, those spent in forward passes of the sampled columns."""
    cancelled: bool

    @property
    def count(self) -> int:
        """Tokens made, over all rows."""
        return sum(len(output.tokens) - output.begun for output in self.outputs)


# -- settings compared without drawing -----------------------------------------------------------------------------
@dataclass(frozen=True)
class CompareRequest:
    """Decode settings to be compared exactly at some positions of a run."""

    settings: tuple[DecodeSettings, ...]
    positions: tuple[int, ...]
    """Ascending; the distribution after each."""


@dataclass(frozen=True)
class SettingsComparison:
    """What decode settings leave at each position, and how far apart they are."""

    positions: tuple[int, ...]
    kept: Ints
    """(setting, pos) tokens with q > 0."""
    kept_mass: Floats
    """(setting, pos) Σ p over them."""
    entropy_nats: Floats
    """(setting, pos) of q [nats]."""
    entropy_before_nats: Floats
    """(pos,) of p [nats]."""
    pairs: tuple[tuple[int, int], ...]
    """Settings compared: (0, 1), (0, 2), …"""
    total_variation: Floats
    """(pair, pos) in [0, 1]"""
    js_nats: Floats
    """(pair, pos) in [0, ln 2]"""


# -- what the model would say, without drawing ---------------------------------------------------------------------
@dataclass(frozen=True)
class TreeRequest:
    """Exact continuations, best first, until finished ones hold `mass` or there are `nodes`."""

    depth: int = 3
    """Tokens of a finished continuation; one that ends earlier is finished too."""
    mass: float = 0.5
    nodes: int = 200
    branch: int = 50
    """At most so many children of a node; the rest of its probability is told, not shown."""
    settings: DecodeSettings = field(default_factory=DecodeSettings)
    """Probabilities are q of these; the default leaves p."""


@dataclass(frozen=True)
class ProbabilityTree:
    """Continuations of a prompt with their exact probabilities; parents before children."""

    tokens: tuple[Token, ...]
    """(node,)"""
    parents: Ints
    """(node,) -1: the prompt."""
    depths: Ints
    """(node,) 1 = right after the prompt."""
    probs: Floats
    """(node,) of the whole path after the prompt [1]."""
    finished: Flags
    """(node,) at full depth, or the end of the text."""
    expanded: Flags
    """(node,) its children were looked at."""
    found_mass: float
    """Σ probs of finished nodes."""
    reached: str
    """Why it ended: ``mass``, ``nodes`` or ``all`` (nothing left to expand)."""
