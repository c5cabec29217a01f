"""Caches of runs and of results: least recently used go first, bounded in bytes over all users."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from dashboard.engine.capture.runs import Run, T
from dashboard.engine.device.memory import explain_memory_errors
from dashboard.run_key import RunKey

MOST = 8
"""So many derived things of a kind are kept with a run."""


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
        with explain_memory_errors(), held or contextlib.nullcontext():
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
