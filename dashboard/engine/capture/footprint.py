"""Memory footprint of a run by its tokens, measured when the model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SHORT = 8
"""Tokens of the shorter of the two runs that are measured."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a run holds: measured, as families differ in the inputs of their kernels."""

    token: float
    """Of each token [bytes]."""
    square: float
    """Of each pair of tokens: masks and position biases [bytes]."""
    window: int | None
    """More tokens than this need a mask of a byte for every pair."""

    @classmethod
    def measured(cls, nbytes: Callable[[int], int], window: int | None, context: int) -> Footprint:
        """Fit to the bytes of two short runs, of at most `context` tokens."""
        tokens = max(1, min(SHORT, context // 2))
        short, long = nbytes(tokens), nbytes(2 * tokens)
        square = max(0.0, (long - 2 * short) / (2 * tokens**2))
        return cls(short / tokens - square * tokens, square, None if square else window)

    def nbytes(self, tokens: int) -> int:
        """Of a run of so many tokens."""
        masked = self.window is not None and tokens > self.window
        return round(self.token * tokens + (self.square + masked) * tokens**2)
