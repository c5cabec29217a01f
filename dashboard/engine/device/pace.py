"""Pace: how long work takes here, learned from what was done; Work: how much there is to do."""

from __future__ import annotations

import math
import statistics
import threading
from collections import deque
from dataclasses import dataclass

from dashboard.engine.api.model import ModelCard

LAYER_SECONDS = 1e-3
"""Of calling one decoder layer, however many tokens."""
READ_SECONDS = 3e-10
"""Of a parameter, each time that the layers are called."""
TOKEN_SECONDS = 2.3e-11
"""Of a parameter, for each token."""
ROW_SECONDS = 2e-8
"""Of an entry of the vocabulary, in each distribution over it."""
CELL_SECONDS = 1.4e-9
"""Of an attention weight."""
FIRST = {
    "pass": (0.04, 0.97),
    "map": (0.001, 6.0),
    "rollout": (0.0055, 2.5),
    "query rows": (0.002, 15.0),
    "tiles": (0.02, 8.0),
    "candidates": (0.013, 1.0),
    "processed": (0.018, 1.0),
    "position table": (0.025, 1.8),
    "lens": (0.04, 0.86),
    "attribution": (0.0005, 0.67),
    "texts": (0.0, 1.67),
    "beams": (1.2, 1.6),
    "tree": (0.4, 1.2),
    "comparison": (0.045, 5.0),
    "scores": (0.02, 1.0),
}
"""Kind -> seconds besides, and how many times as long as that it took: fitted to `tests/engine/device/timings.json`."""

REMEMBERED = 12
"""Measurements of a kind that count."""
LEVELS = 5
"""The machine is as fast now as in the median of so many last measurements, of whatever kind."""
NEAR = math.log(4)
"""Measurements of works that are four times as long or as short count half."""
PRIOR = 4.0
"""So many measurements the plain seconds count for."""


@dataclass(frozen=True)
class Work:
    """What an answer takes, in terms that every model has."""

    kind: str
    """Works of one kind tell how long others of it take."""
    passes: float = 0.0
    """Times that the decoder layers are called."""
    tokens: float = 0.0
    """That go through them; other products of matrices count as the tokens whose pass multiplies as often, once a
    parameter each."""
    rows: float = 0.0
    """Distributions over the vocabulary."""
    cells: float = 0.0
    """Attention weights."""

    @classmethod
    def of_pass(cls, tokens: int, card: ModelCard) -> Work:
        """One forward pass over so many tokens."""
        return cls("pass", passes=1, tokens=tokens, rows=1, cells=card.all_heads * tokens**2)

    def plain_seconds(self, card: ModelCard) -> float:
        """How long it would take on the machine that the constants are of, with this model."""
        besides, times = FIRST[self.kind]
        return besides + times * (
            self.passes * (LAYER_SECONDS * card.layers + READ_SECONDS * card.parameters)
            + self.tokens * TOKEN_SECONDS * card.parameters
            + self.rows * ROW_SECONDS * card.vocab
            + self.cells * CELL_SECONDS
        )


class Pace:
    """Seconds of work with one model: what its sizes say, times what the last measurements were longer.

    How fast the machine is now, which other programs change, is told by the last measurements of whatever kind; what
    is particular to a kind, by those of that kind, nearer ones first.
    """

    def __init__(self, card: ModelCard) -> None:
        """Nothing is measured yet."""
        self.card = card
        self._lock = threading.Lock()
        self._levels: deque[float] = deque(maxlen=LEVELS)
        self._kinds: dict[str, deque[tuple[float, float]]] = {}

    def add(self, work: Work, seconds: float) -> None:
        """Add a measurement; never of the first passes of a model, which are cold."""
        size = math.log(work.plain_seconds(self.card))
        longer = math.log(max(seconds, 1e-6)) - size
        with self._lock:
            self._levels.append(longer - self._own(work.kind, size))
            self._kinds.setdefault(work.kind, deque(maxlen=REMEMBERED)).append((size, longer - self._level()))

    def seconds(self, work: Work) -> float:
        """The estimate."""
        plain = work.plain_seconds(self.card)
        with self._lock:
            return plain * math.exp(self._level() + self._own(work.kind, math.log(plain)))

    def _level(self) -> float:
        return statistics.median(self._levels) if self._levels else 0.0

    def _own(self, kind: str, size: float) -> float:
        """How much longer a kind takes, as a logarithm: the mean of its last measurements by how near they are."""
        total, weights = 0.0, PRIOR
        for known, longer in self._kinds.get(kind, ()):
            weight = 0.5 ** abs((known - size) / NEAR)
            total += weight * longer
            weights += weight
        return total / weights
