"""Caches of runs and of answers: least recently used go first, bounded in bytes over all users."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.request import Answer, Request, RunQuestion
from dashboard.run_key import RunKey

if TYPE_CHECKING:
    from dashboard.engine.capture.runs import Run

MOST = 8
"""So many answers of a type are kept with a run."""


class RunStore:
    """Runs, and the answers that were computed from each: they go with it, and are computed again when asked for."""

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

    def cached(self, request: RunQuestion[Answer]) -> Answer | None:
        """The answer that is kept with its run; both are then the most recently used."""
        run = self.find(request.run)
        if run is None:
            return None
        summary: Any = run.summary
        return summary if isinstance(request, RunRequest) else self.cached_with(run, request)

    def cached_with(self, run: Run, name: Hashable) -> Any:
        """What is kept with `run` under `name`, which is then the most recently used of it; or ``None``."""
        with self._lock:
            if name not in run.derived:
                return None
            run.derived.move_to_end(name)
            return run.derived[name][0]

    def keep_with(self, run: Run, name: Hashable, answer: object, nbytes: int) -> None:
        """Keep an answer with `run`, evicting as needed; of each type of `name` the `MOST` recent are kept."""
        with self._lock:
            run.derived[name] = (answer, nbytes)
            same = [other for other in run.derived if type(other) is type(name)]
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


class ResultCache:
    """Answers that belong to no run in memory: texts, trees, scores."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes."""
        self._limit = limit
        self._lock = threading.Lock()
        self._answers: OrderedDict[Request[Any], tuple[Any, int]] = OrderedDict()

    def cached(self, request: Request[Answer]) -> Answer | None:
        """The kept answer, which is then the most recently used; or ``None``."""
        with self._lock:
            if request not in self._answers:
                return None
            self._answers.move_to_end(request)
            answer: Answer = self._answers[request][0]
            return answer

    def keep(self, request: Request[Answer], answer: Answer, nbytes: int) -> None:
        """Keep an answer, evicting others as needed."""
        with self._lock:
            self._answers[request] = (answer, nbytes)
            while len(self._answers) > 1 and self._bytes() > self._limit:
                self._answers.popitem(last=False)

    def _bytes(self) -> int:
        return sum(size for _, size in self._answers.values())

    def facts(self) -> dict[str, int]:
        """How many answers are kept, and their bytes."""
        with self._lock:
            return {"results": len(self._answers), "result_bytes": self._bytes()}
