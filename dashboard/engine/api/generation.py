"""What an engine makes beyond the prompt: texts, how they were drawn, and exact comparisons of decode settings.

The vocabulary of `dashboard.engine.api.model` goes on here; arrays are read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np

from dashboard.engine.api.arrays import Floats, Ints, read_only
from dashboard.engine.api.decoding import PURE, DecodeSettings
from dashboard.engine.api.request import RunQuestion
from dashboard.errors import TextsUnfinished

ALTERNATIVES = 10
"""So many of the likeliest tokens are kept of every step."""
FLOAT_NOISE = 1e-4
"""ln p of one model differs at most so much between batch sizes [nats]; draws decided by less are marked."""
DROPPED_SCORE = -1e8
"""A beam score at or below this is of a row that transformers could not fill; it is dropped, and counted."""


# -- texts ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Column:
    """One way of making texts: decode settings, and how many texts of which length."""

    settings: DecodeSettings
    num_return_sequences: int = 1
    """Texts, the rows of the column; with beams those returned, at most `num_beams`."""
    max_new_tokens: int = 20
    num_beams: int = 1
    """1: greedy or drawn token by token; more: transformers' beam search or beam-sample."""
    length_penalty: float = 1.0
    """Of beams: a score is divided by length to this power."""
    stop_strings: tuple[str, ...] = ()
    """A text ends with the token that completes one of these, or one of the model's own (`ModelRules`)."""
    seed: int = 0
    """Of the noise, [0, 2^64); a draw depends on (seed, row, step) alone, beams on the seed alone."""


@dataclass(frozen=True)
class GenerateRequest(RunQuestion["Generated"]):
    """Texts to make from one prompt: the rows of all columns without beams advance together.

    Cancelled, or without the device for too long, after the first token, the answer is what came. Raises
    GenerationTooLong, GenerationTooLarge, NothingLeft.
    """

    columns: tuple[Column, ...]
    forced: tuple[int, ...] = ()
    """Tokens that every text begins with: given, not drawn, but told like the others. Not with beams."""
    first_row: int = 0
    """Number of the first row: its noise is that of this row."""


IntArray = TypeVar("IntArray")
FloatArray = TypeVar("FloatArray")


@dataclass(frozen=True)
class TokenFacts(Generic[IntArray, FloatArray]):
    """How likely n tokens were, to the model and to the sampler: one of each row of a step, or all of a text."""

    ids: IntArray
    """(n,)"""
    log_p: FloatArray
    """(n,) ln p: the model's own, softmax of the raw logits [nats]. Of one pass over the whole text where that crosses
    a length at which the family changes."""
    log_q: FloatArray
    """(n,) ln q: of the distribution really drawn from [nats]; NaN for beams, which draw no single token."""
    ranks: IntArray
    """(n,) by p, 1 = likeliest; ties count those strictly likelier."""
    margins: FloatArray
    """(n,) by how much the draw was won, on the scale of ln q [nats]; NaN where nothing was drawn. Below float noise
    another batch size may draw another token."""
    alternatives: IntArray
    """(n, 10) likeliest tokens by p."""
    alternative_log_p: FloatArray
    """(n, 10) [nats]"""
    alternative_log_q: FloatArray
    """(n, 10) [nats]; -inf where cut, NaN for beams."""
    alternative_cut_by: IntArray
    """(n, 10) 0 = not cut, else 1 + place in `Generated.names` of the column."""


@dataclass(frozen=True)
class Step(TokenFacts[Ints, Floats]):
    """One token of each row of a column that has not ended; n = rows."""

    column: int
    rows: Ints
    """(row,) their numbers."""
    stopped: tuple[str, ...]
    """(row,) why it ends with this token; empty where it goes on."""


OnStep = Callable[[Step], None]
"""Called with every step of every sampled column; from the thread that computes."""


@dataclass(frozen=True)
class Output(TokenFacts[Ints, Floats]):
    """One text: the tokens behind the prompt, the one that ended it included; n = steps."""

    column: int
    """Place in the request."""
    row: int
    """Of beams: 0 = best."""
    stopped: str
    """``end`` (end of text), ``limit``, ``stop`` (a stop string), ``cancelled``, or ``busy`` (others took the
    device)."""
    score: float = float("nan")
    """Of beams: Σ (ln p, processed, / temperature) over the tokens, divided by length^length_penalty: no
    log-probability."""


@dataclass(frozen=True)
class BeamTree:
    """What a search looked at, kept and let go: one node a candidate continuation, parents before children."""

    parents: Ints
    """(node,) -1: the prompt."""
    ids: Ints
    """(node,) token."""
    steps: Ints
    """(node,) 0-based."""
    scores: Floats
    """(node,) accumulated, before division by length."""
    states: tuple[str, ...]
    """(node,) ``kept`` (went on), ``pruned`` or ``finished``."""
    returned: tuple[bool, ...]
    """(node,) whether a returned text goes through it."""


@dataclass(frozen=True)
class Generated:
    """Texts of all columns."""

    outputs: tuple[Output, ...]
    """By column, then by row."""
    names: tuple[tuple[str, ...], ...]
    """(column,) settings and rules that had a processor, in the order in which they ran."""
    beams: tuple[BeamTree | None, ...]
    """(column,) of those with beams."""
    dropped: tuple[int, ...]
    """(column,) rows of beams that transformers could not fill."""
    seconds: float
    prompt_seconds: float
    """Of `seconds`, those until the first token could be drawn."""
    way: str
    """How rows went on: ``shared`` (one prompt for all), ``copied`` or ``anew``; empty when all columns have beams."""
    unfinished: str = ""
    """Why not all is there: ``cancelled``, or ``busy`` (others took the device between two steps); empty: all is."""

    def whole(self) -> Generated:
        """These texts, to be counted. Raises TextsUnfinished where others took the device before all were there."""
        if self.unfinished == "busy":
            raise TextsUnfinished
        return self


def assembled(steps: Iterable[Step], request: GenerateRequest, *, unfinished: str) -> tuple[Output, ...]:
    """The texts that `steps` (in order) make up so far.

    Args:
        steps: of sampled columns.
        request: whose steps they are.
        unfinished: why a text without an end stopped.
    """
    texts: dict[tuple[int, int], list[tuple[Step, int]]] = {}
    for step in steps:
        for index, row in enumerate(step.rows):
            texts.setdefault((step.column, int(row)), []).append((step, index))
    names = [field.name for field in fields(TokenFacts)]
    outputs = []
    for (column, row), parts in sorted(texts.items()):
        facts: dict[str, Any] = {
            name: read_only(np.stack([getattr(step, name)[index] for step, index in parts])) for name in names
        }
        last, index = parts[-1]
        stopped = last.stopped[index] or unfinished
        outputs.append(Output(**facts, column=column, row=request.first_row + row, stopped=stopped))
    return tuple(outputs)


# -- settings compared without drawing -----------------------------------------------------------------------------
@dataclass(frozen=True)
class CompareRequest(RunQuestion["SettingsComparison"]):
    """Decode settings to be compared exactly at the positions of a run. Raises NothingLeft.

    Each position is the end of a prompt that the model's rules count from.
    """

    settings: tuple[DecodeSettings, ...]
    positions: tuple[int, int]
    """[start, stop): the distribution after each."""


@dataclass(frozen=True)
class SettingsComparison:
    """What decode settings leave at each position, and how far apart they are."""

    kept: Ints
    """(setting, pos) tokens with q > 0."""
    kept_mass: Floats
    """(setting, pos) Σ p over them."""
    entropy_nats: Floats
    """(setting, pos) of q [nats]."""
    own_entropy_nats: Floats
    """(pos,) of p [nats]."""
    total_variation: Floats
    """(setting, setting, pos) in [0, 1]"""
    js_nats: Floats
    """(setting, setting, pos) Jensen-Shannon divergence in [0, ln 2]"""


# -- what the model would say, without drawing ---------------------------------------------------------------------
@dataclass(frozen=True)
class TreeRequest(RunQuestion["ProbabilityTree"]):
    """Exact continuations of a prompt, likeliest first, until finished ones hold `mass` or there are `nodes`.

    Raises GenerationTooLong, NothingLeft.
    """

    settings: DecodeSettings = PURE
    """Probabilities are q of these; the default leaves p."""
    depth: int = 3
    """Tokens of a finished continuation; one that ends earlier is finished too."""
    mass: float = 0.5
    nodes: int = 100
    limit: int = 0
    """Tokens at most of the texts that these settings make, where a rule of the model forces the last; 0: not said."""


@dataclass(frozen=True)
class ProbabilityTree:
    """Continuations of a prompt with their exact probabilities; parents before children."""

    parents: Ints
    """(node,) -1: the prompt."""
    ids: Ints
    """(node,) token."""
    depths: Ints
    """(node,) 1 = right after the prompt."""
    probs: Floats
    """(node,) of the whole way from the prompt."""
    states: tuple[str, ...]
    """(node,) ``inner`` (has children here), ``open`` (could go on), ``end`` (of the text) or ``depth`` (all)."""
    finished_mass: float
    """Σ probs of nodes that are ``end`` or ``depth``."""
    unseen_mass: float
    """Probability of what was never looked at: beyond the likeliest children of a node."""
    seconds: float
    unfinished: str = ""
    """``busy``: others took the device before it had the mass or the nodes; empty: it has."""
