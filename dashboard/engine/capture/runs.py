"""Runs kept in memory, bounded in bytes over all users."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from dashboard.engine.api.model import RunSummary
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer
from dashboard.engine.models.failures import memory_in_words
from dashboard.run_key import RunKey

T = TypeVar("T")
MOST = 8
"""So many derived things of a kind are kept with a run."""
REMEMBERED = 8
"""So many passes tell how long the next one takes."""
SHORT = 8
"""Tokens of the shorter of two runs that tell what longer ones hold."""


@dataclass
class Run:
    """What one forward pass left, and what was computed from it since; looking needs no model, only this."""

    summary: RunSummary
    layers: tuple[Layer | None, ...]
    reasons: dict[int, str]
    """Layer -> why it has no attention map."""
    heads: int
    """Query heads of a layer."""
    residual: Tensor
    """(T, d) output of the base model."""
    stream: tuple[Tensor, ...]
    """(T, d) the residual stream before the first layer and after each."""
    logits: Tensor | None = None
    """(T, vocab) raw logits, only of families whose head cannot be run on the residual."""
    derived: OrderedDict[Any, tuple[Any, int]] = field(default_factory=OrderedDict)
    """name -> what was computed, and its bytes."""

    @property
    def nbytes(self) -> int:
        """Memory of the pass and of what was derived [bytes]."""
        return self.summary.nbytes + sum(size for _, size in self.derived.values())


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

    def derived(self, run: Run, name: Any) -> Any:
        """What is kept with the run under `name`, which is then the most recently used of it; or ``None``."""
        with self._lock:
            if name not in run.derived:
                return None
            run.derived.move_to_end(name)
            return run.derived[name][0]

    def derive(
        self,
        run: Run,
        name: Any,
        make: Callable[[], T],
        size: Callable[[T], int],
        held: AbstractContextManager[object] | None = None,
    ) -> T:
        """`make()`, kept with the run under `name`; of each kind (``name[0]``) the `MOST` recent are kept.

        Args:
            run: what it is derived from.
            name: kind and whatever tells it from others of its kind; hashable.
            make: computes it.
            size: bytes of what was made.
            held: held while making, so that one thread makes it and those that waited find it.
        """
        found: T | None = self.derived(run, name)
        if found is not None:
            return found
        with memory_in_words(), held or contextlib.nullcontext():
            found = self.derived(run, name)
            if found is None:
                found = make()
                self._keep_derived(run, name, found, size(found))
            return found

    def _keep_derived(self, run: Run, name: Any, made: object, nbytes: int) -> None:
        with self._lock:
            run.derived[name] = (made, nbytes)
            same = [other for other in run.derived if other[0] == name[0]]
            for other in same[:-MOST]:
                del run.derived[other]
            self._evict()

    def _evict(self) -> None:
        while len(self._runs) > 1 and self._bytes() > self.limit:
            self._runs.popitem(last=False)
        # the last run itself stays: it fits, or it would have been refused; what was derived from it need not
        for run in self._runs.values():
            while run.derived and self._bytes() > self.limit:
                run.derived.popitem(last=False)

    def _bytes(self) -> int:
        return sum(run.nbytes for run in self._runs.values())

    def facts(self) -> dict[str, int]:
        """How many runs are kept, and their bytes."""
        with self._lock:
            return {"runs": len(self._runs), "run_bytes": self._bytes()}


class Kept:
    """Least recently used results go first; bounded in bytes."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes."""
        self._limit = limit
        self._lock = threading.Lock()
        self._found: OrderedDict[Any, tuple[Any, int]] = OrderedDict()

    def find(self, name: Any) -> Any:
        """What is kept under `name`, which is then the most recently used; or ``None``."""
        with self._lock:
            if name not in self._found:
                return None
            self._found.move_to_end(name)
            return self._found[name][0]

    def keep(self, name: Any, made: object, nbytes: int) -> None:
        """Keep what was made, evicting others as needed."""
        with self._lock:
            self._found[name] = (made, nbytes)
            while len(self._found) > 1 and self._bytes() > self._limit:
                self._found.popitem(last=False)

    def _bytes(self) -> int:
        return sum(size for _, size in self._found.values())

    def facts(self) -> dict[str, int]:
        """How many results are kept, and their bytes."""
        with self._lock:
            return {"results": len(self._found), "result_bytes": self._bytes()}


def without_values(layers: Iterable[Layer | None]) -> tuple[tuple[Layer | None, ...], int]:
    """The layers, nothing kept alive but what they read, and their bytes.

    Families with one product for query, key and value (GPT-2) give the kernel views of it, which keep the values alive.
    """
    kept = tuple(_compact(layer) if isinstance(layer, KernelInputs) else layer for layer in layers)
    storages = {where: size for layer in kept if layer is not None for where, size in layer.storages().items()}
    return kept, sum(storages.values())


def _compact(layer: KernelInputs) -> KernelInputs:
    return replace(layer, query=_own(layer.query), key=_own(layer.key))


def _own(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor
