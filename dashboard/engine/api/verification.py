"""A loaded model compared with plain transformers."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.request import ModelQuestion


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
