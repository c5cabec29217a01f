"""Runs kept in memory, bounded in bytes over all users."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from dashboard.engine.base import RunSummary
from dashboard.engine.layers import Layer
from dashboard.run_key import RunKey

T = TypeVar("T")


class Run:
    """What one forward pass left, and what was computed from it since."""

    def __init__(
        self, summary: RunSummary, layers: tuple[Layer | None, ...], residual: Tensor, logits: Tensor | None
    ) -> None:
        """Keep the pass.

        Args:
            summary: of the pass.
            layers: captured attention.
            residual: (T, d) output of the base model.
            logits: (T, vocab) raw logits, only of families whose head cannot be run on the residual.
        """
        self.summary, self.layers, self.residual, self.logits = summary, layers, residual, logits
        self.derived: OrderedDict[Any, tuple[Any, int]] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Memory of the pass and of what was derived [bytes]."""
        return self.summary.nbytes + sum(size for _, size in self.derived.values())


class RunStore:
    """Least recently used runs go first; what is evicted is computed again when asked for."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes."""
        self.limit = limit
        self._lock = threading.Lock()
        self._runs: OrderedDict[RunKey, Run] = OrderedDict()

    def find(self, key: RunKey) -> Run | None:
        """The kept run, which is then the most recently used; or ``None``."""
        with self._lock:
            run = self._runs.get(key)
            if run is not None:
                self._runs.move_to_end(key)
            return run

    def keep(self, key: RunKey, run: Run) -> None:
        """Keep `run`, evicting others as needed."""
        with self._lock:
            self._runs[key] = run
            self._runs.move_to_end(key)
            self._evict()

    def derive(self, run: Run, name: Any, make: Callable[[], T], size: Callable[[T], int], most: int = 8) -> T:
        """`make()`, kept with the run under `name`; of each kind (``name[0]``) the `most` recent are kept."""
        with self._lock:
            if name in run.derived:
                run.derived.move_to_end(name)
                found: T = run.derived[name][0]
                return found
        made = make()
        with self._lock:
            run.derived[name] = (made, size(made))
            same = [other for other in run.derived if other[0] == name[0]]
            for other in same[:-most]:
                del run.derived[other]
            self._evict()
        return made

    def _evict(self) -> None:
        while len(self._runs) > 1 and self._bytes() > self.limit:
            self._runs.popitem(last=False)

    def _bytes(self) -> int:
        return sum(run.nbytes for run in self._runs.values())

    def facts(self) -> dict[str, int]:
        """How many runs are kept, and their bytes."""
        with self._lock:
            return {"runs": len(self._runs), "run_bytes": self._bytes()}
