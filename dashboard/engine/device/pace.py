"""Pace: an estimate of seconds from the last measurements."""

from __future__ import annotations

from collections import deque

import numpy as np

REMEMBERED = 8
"""Measurements that an estimate is fitted to."""


class Pace:
    """Seconds by the number of tokens: a fixed part and a part a token, fitted to the last measurements."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self._passes: deque[tuple[int, float]] = deque(maxlen=REMEMBERED)

    def add(self, tokens: int, seconds: float) -> None:
        """Add a measurement."""
        self._passes.append((tokens, seconds))

    def seconds(self, tokens: int) -> float:
        """The estimate for so many tokens; NaN before the first measurement."""
        counts, times = np.array(list(self._passes) or [(1, np.nan)]).T
        if len(set(counts)) > 1:
            rate, fixed = np.polyfit(counts, times, 1)
            if rate >= 0 and fixed >= 0:
                return float(fixed + rate * tokens)
        return float(times.sum() / counts.sum() * tokens)
