"""Execution of one job: chunk after chunk, each saved as soon as it is done."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import filelock
import pyarrow as pa

from dashboard.engine.api.model import CallControl
from dashboard.errors import Busy, Cancelled, DashboardError, JobFailed, JobOutdated
from dashboard.jobs.folder import JobFolder
from dashboard.jobs.parquet_parts import Rows, common_schema, table_of
from dashboard.jobs.spec import JobSpec
from dashboard.jobs.status import Pace

BUSY_SECONDS = 1.0
"""Pause before it asks again for a device that others hold."""
_LOG = logging.getLogger(__name__)

RunChunk = Callable[[JobSpec, Sequence[Any], CallControl], Rows]
"""The rows of some items; must honour ``control.cancel`` and report the share that is done to ``control.progress``."""
CurrentRun = Callable[[JobSpec, CallControl], Mapping[str, Any]]
"""What ``spec.run`` would say if the job were made now, here."""


@dataclass(frozen=True)
class Kind:
    """How jobs of a kind are run."""

    run_chunk: RunChunk
    current_run: CurrentRun | None = None


class Execution:
    """One turn of a job, from the queue to its end."""

    def __init__(self, folder: JobFolder, lock: filelock.BaseFileLock, kind: Kind, evict: Callable[[str], int]) -> None:
        """Of the job in `folder`, claimed with `lock`; `evict` frees disk for it and counts the jobs removed."""
        self.folder = folder
        self.cancel = threading.Event()
        self.items_in_progress = 0.0
        """Items done of the chunk that is being computed."""
        self.state = folder.state()
        self._items = 0
        self.saved = True
        """Whether the last state could be written."""
        self._lock, self._kind, self._evict = lock, kind, evict

    def queue(self, removed: int) -> None:
        """Save that it waits in the queue; `removed` jobs were evicted for it."""
        self.folder.forget_stop()
        self.state = replace(self.state, name="queued", error="", facts={}, removed=self.state.removed + removed)
        self.folder.save(self.state)

    def run(self) -> tuple[str, DashboardError | None]:
        """Compute until it is finished, cancelled or failed; returns the arguments of `end` and raises nothing."""
        try:
            self._save(name="running")
            self._compute(self.folder.spec())
        except Cancelled:
            return "cancelled", None
        except DashboardError as error:
            return "failed", error
        except Exception as error:  # noqa: BLE001 - our mistake; the thread lives on for other jobs
            # without the exception's own text: there may be users' words in it
            lines = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("job %s: %s\n%s", self.folder.id, type(error).__name__, lines)
            return "failed", JobFailed(reason=type(error).__name__)
        return "finished", None

    def end(self, name: str, error: DashboardError | None = None) -> None:
        """Save how it ended and release the lock."""
        facts = dict(error.facts) if error else {}
        try:
            self._save(name=name, error=type(error).__name__ if error else "", facts=facts)
        except DashboardError as refused:
            self.saved = False
            _LOG.warning("job %s: its end was not saved: %s", self.folder.id, refused)
        finally:
            self._lock.release()

    def _save(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self.folder.save(self.state)

    def _compute(self, spec: JobSpec) -> None:
        control = CallControl(cancel=self.cancel, progress=self._progress)
        pace = Pace(self.state.rate)
        schemas = self.folder.sweep()
        self._check(spec, control)
        while (chunk := self.folder.missing(spec.chunks)) is not None:
            began = time.monotonic()
            schemas = [self._chunk(spec, chunk, control, schemas)]
            seconds = time.monotonic() - began
            pace.add(len(spec.items_of(chunk)), seconds)
            removed = self._evict(self.folder.id)
            self._save(seconds=self.state.seconds + seconds, rate=pace.rate, removed=self.state.removed + removed)
        self.folder.joined().close()

    def _check(self, spec: JobSpec, control: CallControl) -> None:
        """Numbers of two models or versions never stand in one result."""
        if self._kind.current_run is None or self.folder.missing(spec.chunks) is None:
            return
        now = self._patient(lambda: self._kind.current_run(spec, control))  # type: ignore[misc]
        for name in {**spec.run, **now}:
            if spec.run.get(name) != now.get(name):
                raise JobOutdated(what=name, then=spec.run.get(name), now=now.get(name))

    def _chunk(self, spec: JobSpec, chunk: int, control: CallControl, schemas: Sequence[pa.Schema]) -> pa.Schema:
        items = spec.items_of(chunk)
        self._items = len(items)
        table = table_of(self._patient(lambda: self._kind.run_chunk(spec, items, control)))
        schema = common_schema([*schemas, table.schema])
        self.folder.add(chunk, table)
        self.items_in_progress = 0.0
        return schema

    def _patient(self, call: Callable[[], Any]) -> Any:
        """What `call` returns, called again while others hold the device."""
        while True:
            self._stop_if_asked()
            try:
                return call()
            except Busy:
                self.cancel.wait(BUSY_SECONDS)

    def _progress(self, share: float) -> None:
        self.items_in_progress = min(max(share, 0.0), 1.0) * self._items
        if self.folder.asked_to_stop():
            self.cancel.set()

    def _stop_if_asked(self) -> None:
        if self.cancel.is_set() or self.folder.asked_to_stop():
            raise Cancelled
