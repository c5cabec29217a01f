"""How long passes take, from the last ones."""

from __future__ import annotations

from collections import deque

import numpy as np

REMEMBERED = 8
"""So many passes tell how long the next one takes."""


class Pace:
    """How long forward passes take, by their tokens: a fixed part and a part for each token, from the last passes."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self._passes: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def add(self, tokens: int, seconds: float) -> None:
        """A pass was measured."""
        self._passes.append((tokens, seconds))

    def seconds(self, tokens: int) -> float:
        """Of a pass of so many tokens; ``nan`` before the first."""
        counts, times = np.array(list(self._passes) or [(1, np.nan)]).T
        if len(set(counts)) > 1:
            rate, fixed = np.polyfit(counts, times, 1)
            if rate >= 0 and fixed >= 0:
                return float(fixed + rate * tokens)
        return float(times.sum() / counts.sum() * tokens)
