"""A loaded model, or single answers, compared with plain transformers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.request import LONG, ModelQuestion, Request, text_of
from dashboard.run_key import ModelVersion, digest_of


@dataclass(frozen=True)
class VerifyRequest(ModelQuestion["Verification"]):
    """The loaded model compared with plain transformers, loaded anew. Raises the ``Model…`` errors."""


@dataclass(frozen=True)
class Deviation:
    """The largest difference of one kind of number from plain transformers, on one text."""

    name: str
    """An id below ``verify.quantity.``, which says the unit."""
    tokens: int
    """Of the text."""
    error: float
    """NaN where the engine refuses."""
    bound: float
    refused: str = ""
    """Message id of the refusal; empty: the numbers were compared."""
    facts: tuple[tuple[str, object], ...] = ()
    """Of the refusal."""
    numbers: int = 0
    """So many were compared; 0: not counted."""

    @property
    def ok(self) -> bool:
        """Whether the difference is within its bound; what is refused is not wrong."""
        return bool(self.refused) or self.error <= self.bound


@dataclass(frozen=True)
class Verification:
    """A loaded model checked against plain transformers."""

    card: ModelCard
    rows: tuple[Deviation, ...]

    @property
    def ok(self) -> bool:
        """Whether every difference is within its bound."""
        return all(row.ok for row in self.rows)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of the texts, ascending."""
        return tuple(sorted({row.tokens for row in self.rows}))

    @property
    def quantities(self) -> tuple[tuple[str, float, tuple[Deviation | None, ...]], ...]:
        """(name, bound, its deviation at each of `lengths`); ``None``: transformers gives nothing to compare with."""
        there = {(row.name, row.tokens): row for row in self.rows}
        bounds = {row.name: row.bound for row in self.rows}
        return tuple(
            (name, bound, tuple(there.get((name, tokens)) for tokens in self.lengths)) for name, bound in bounds.items()
        )


@dataclass(frozen=True)
class CheckRequest(Request["AnswersChecked"]):
    """Answers to other requests compared with plain transformers, loaded anew and asked one by one.

    Raises as `VerifyRequest`, and RunTooLarge, ScoresTooLarge.
    """

    of: tuple[Request[Any], ...]
    """One at least, all of one model."""

    @property
    def version(self) -> ModelVersion:
        """Of the first."""
        return self.of[0].version

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Of the first."""
        return self.of[0].token_ids

    @cached_property
    def digest(self) -> str:
        """Of all of them: types and fields."""
        return digest_of([type(self).__name__, [request.digest for request in self.of]])

    def facts(self) -> dict[str, str | int]:
        """Of the first."""
        return self.of[0].facts()

    def text(self, longest: int = LONG, besides: Request[Any] | None = None) -> str:  # noqa: ARG002
        """What is checked."""
        return f"{type(self).__name__}({text_of(self.of, longest)})"


@dataclass(frozen=True)
class AnswersChecked:
    """The largest differences of some answers from plain transformers."""

    rows: tuple[Deviation, ...]
    """None of a request whose numbers transformers does not give by itself for this family."""
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether every difference is within its bound."""
        return all(row.ok for row in self.rows)
