"""Bytes that a run holds, measured when the model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SHORT = 8
"""Tokens of the shorter of two runs that tell what longer ones hold."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a run holds, by its tokens: measured, as families differ in what their kernels are given."""

    token: float
    square: float
    """Masks and position biases."""
    window: int | None
    """More tokens than this need a mask of a byte for every pair."""

    @classmethod
    def measured(cls, nbytes: Callable[[int], int], window: int | None, context: int) -> Footprint:
        """Through the bytes of two short runs, of at most `context` tokens."""
        tokens = max(1, min(SHORT, context // 2))
        short, long = nbytes(tokens), nbytes(2 * tokens)
        square = max(0.0, (long - 2 * short) / (2 * tokens**2))
        return cls(short / tokens - square * tokens, square, None if square else window)

    def nbytes(self, tokens: int) -> int:
        """Of a run of so many tokens."""
        masked = self.window is not None and tokens > self.window
        return round(self.token * tokens + (self.square + masked) * tokens**2)
