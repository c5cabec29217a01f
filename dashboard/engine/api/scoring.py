"""What an engine says of given texts: exact, teacher-forced log-probabilities; nothing is drawn.

The vocabulary of `dashboard.engine.api.model` goes on here; arrays are read-only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dashboard.engine.api.arrays import Floats, Ints
from dashboard.engine.api.request import ModelQuestion

ID_BYTES = 8
"""A token id in a tuple."""
ARRAY_BYTES = 112
"""An array beside its numbers."""


@dataclass(frozen=True)
class ScoreRequest(ModelQuestion["Scores"]):
    """Exact log-probabilities of every completion behind every prompt; equal ones are computed once.

    Raises PromptEmpty, NothingToScore, TokenBeyondModel, ScoresTooLong, ScoresTooLarge, WordsNotMarked.
    """

    prompts: tuple[tuple[int, ...], ...]
    """Token ids, each at least one: what begins a text has no probability."""
    completions: tuple[tuple[int, ...], ...]
    """Token ids, each at least one, the leading space in the first."""
    boundary: bool = False
    """Also how likely it is that the last word ends with the completion, by the tokens of `Tokenizer.word_ends`."""

    @property
    def nbytes(self) -> int:
        """Memory of its ids [bytes]."""
        return ID_BYTES * self.count

    @property
    def count(self) -> int:
        """Tokens of its prompts and completions."""
        return sum(map(len, (*self.prompts, *self.completions)))


@dataclass(frozen=True)
class SentenceRequest(ModelQuestion["SentenceScores"]):
    """Texts of their own, each with a beginning that is given: whole sentences, or pairs of a prompt and an ending.

    Raises as `ScoreRequest`.
    """

    sentences: tuple[tuple[int, ...], ...]
    """Token ids, what is given included."""
    given: tuple[int, ...]
    """(sentence,) so many tokens at its start are given, not scored; at least one, e.g. the beginning-of-text token."""
    boundary: bool = False
    """As in `ScoreRequest`."""

    @property
    def nbytes(self) -> int:
        """Memory of its ids [bytes]."""
        return ID_BYTES * self.count

    @property
    def count(self) -> int:
        """Tokens of its sentences."""
        return sum(map(len, self.sentences))


@dataclass(frozen=True)
class Scores:
    """``L = Σ_j ln p(c_j | x, c_<j)`` of every completion c behind every prompt x."""

    log_p: Floats
    """(prompt, completion) L: the sum over its tokens [nats]."""
    node_log_p: Floats
    """(prompt, node) ln p of each token of the completions' tree, given the tokens before it [nats]."""
    paths: Ints
    """(completion, token) its nodes; -1 after its last."""
    boundary_log_mass: Floats | None
    """(prompt, completion) ln of the probability that the next token begins a new word, punctuation, a new line or the
    end [nats]: ``L* = L +`` this; ``None`` when it was not asked for."""
    tokens: int
    """That went through the model."""
    seconds: float
    way: str
    """``tree`` (many completions in one pass), or how rows of a batch went on from a prompt: ``copied``, ``anew``,
    ``shared``."""

    @property
    def lengths(self) -> Ints:
        """(completion,) tokens."""
        return (self.paths >= 0).sum(1)  # type: ignore[no-any-return]

    @property
    def token_log_p(self) -> Floats:
        """(prompt, completion, token) ln p of each token [nats]; NaN after a completion's last."""
        found = self.node_log_p[:, self.paths]
        found[:, self.paths < 0] = np.nan
        return found

    @property
    def nbytes(self) -> int:
        """Memory of its arrays [bytes]."""
        return _nbytes(self.log_p, self.node_log_p, self.paths, self.boundary_log_mass)


@dataclass(frozen=True)
class SentenceScores:
    """Ln p of every token of some texts, given those before it in its text."""

    token_log_p: tuple[Floats, ...]
    """(sentence,) of (token,): those behind what is given [nats]."""
    log_p: Floats
    """(sentence,) their sums [nats]."""
    boundary_log_mass: Floats | None
    """(sentence,) as in `Scores`."""
    lengths: Ints
    """(sentence,) tokens scored."""
    tokens: int
    """That went through the model."""
    seconds: float
    way: str
    """As in `Scores`."""

    @property
    def nbytes(self) -> int:
        """Memory of its arrays [bytes]."""
        rows = sum(row.nbytes + ARRAY_BYTES for row in self.token_log_p)
        return rows + _nbytes(self.log_p, self.boundary_log_mass, self.lengths)


def _nbytes(*arrays: Floats | Ints | None) -> int:
    return sum(array.nbytes for array in arrays if array is not None)
