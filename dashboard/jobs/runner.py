"""JobRunner: a queue of jobs, executed by one thread a process; finished chunks stay on disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from dashboard.errors import DashboardError, JobDamaged, JobRunning, JobUnknown
from dashboard.jobs.atomic_files import disk_errors, private_folder
from dashboard.jobs.execution import CurrentRun, Execution, Kind, RunChunk
from dashboard.jobs.folder import JobFolder, JobState
from dashboard.jobs.quota import MOST_JOBS, evict_jobs, job_folders
from dashboard.jobs.spec import JobSpec
from dashboard.jobs.status import LIVE, JobStatus, job_status

_LOG = logging.getLogger(__name__)


class JobRunner:
    """Background jobs. Safe from any number of threads; several processes may share a folder, one job runs once.

    Nothing runs by itself: after a restart a job that was running is ``interrupted``, and `resume` goes on after its
    finished chunks.

    **Who has the id has the job**: may see its results, stop it and delete it; nobody else finds it, so ids are never
    listed to visitors. The id is a hash of the specification, so it is as hard to guess as the specification: whoever
    asks for the very same thing (a published benchmark on the same model) shares the job with everyone who did.
    """

    def __init__(self, root: Path, limit: int, most: int = MOST_JOBS) -> None:
        """Keep jobs below `root`: at most `limit` bytes and `most` jobs. Touches nothing yet."""
        self._root, self._limit, self._most = root, limit, most
        self._kinds: dict[str, Kind] = {}
        self._guard = threading.RLock()
        self._queue: dict[str, Execution] = {}
        """By id; the first is running."""
        self._unsaved_states: dict[str, JobState] = {}
        """Ends that could not be written."""
        self._thread: threading.Thread | None = None

    def register(self, kind: str, run_chunk: RunChunk, current_run: CurrentRun | None = None) -> None:
        """Register how jobs of a kind are run; a second call holds from the next start on.

        Args:
            kind: their `JobSpec.kind`.
            run_chunk: gives the rows of some items, called in the runner's thread. Must honour ``control.cancel``.
            current_run: what ``spec.run`` would say here and now; where it differs, a job is not gone on with.
        """
        self._kinds[kind] = Kind(run_chunk, current_run)

    # -- start and stop ------------------------------------------------------------------------------------------------
    def start(self, spec: JobSpec) -> JobStatus:
        """Put a job into the queue; an unfinished one continues after its finished chunks.

        Raises:
            KeyError: no work is registered for its kind; our mistake.
            JobsFull: the quota is used up by jobs that may not be evicted.
            JobDiskFull, JobDiskRefused: the disk does not take it.
        """
        kind = self._kinds[spec.kind]
        with self._guard:
            with disk_errors():
                private_folder(self._root)
            folder = JobFolder(self._root, spec.id)
            removed = 0
            if not _there(folder):
                removed = evict_jobs(self._root, spec.id, self._limit, self._most, more=len(spec.text))
                folder.create(spec)
            return self._enqueue(folder, kind, removed)

    def resume(self, job_id: str) -> JobStatus:
        """Go on after the finished chunks.

        Raises:
            JobUnknown: there is no such job.
            JobDamaged: its files cannot be read, or this version has no such work.
            JobDiskFull, JobDiskRefused: the disk does not take it.
        """
        folder = JobFolder(self._root, job_id)
        kind = self._kinds.get(folder.spec().kind)
        if kind is None:
            raise JobDamaged
        with self._guard:
            return self._enqueue(folder, kind, 0)

    def _enqueue(self, folder: JobFolder, kind: Kind, removed: int) -> JobStatus:
        lock = None if folder.id in self._queue or folder.finished() else folder.claim()
        if lock is not None:  # else it runs here, is done, or another process has it
            try:
                execution = Execution(folder, lock, kind, self._evict)
                execution.queue(removed)
            except BaseException:
                lock.release()
                raise
            self._unsaved_states.pop(folder.id, None)
            self._queue[folder.id] = execution
            if self._thread is None:
                self._thread = threading.Thread(target=self._run_queue, daemon=True, name="jobs")
                self._thread.start()
        return self.status(folder.id)

    def _evict(self, job_id: str) -> int:
        return evict_jobs(self._root, job_id, self._limit, self._most)

    def _run_queue(self) -> None:
        while True:
            with self._guard:
                if not self._queue:
                    self._thread = None
                    return
                execution = next(iter(self._queue.values()))
            self._retire(execution, *execution.run())

    def _retire(self, execution: Execution, name: str, error: DashboardError | None = None) -> None:
        with self._guard:  # whoever sees its end can start it again
            execution.end(name, error)
            if not execution.saved:
                self._unsaved_states[execution.folder.id] = execution.state
            del self._queue[execution.folder.id]

    def cancel(self, job_id: str) -> JobStatus:
        """Stop a job, wherever it runs; its finished chunks stay.

        Work that is under way ends at its next step: the state is ``stopping`` until then.

        Raises:
            JobUnknown: there is no such job.
        """
        folder = JobFolder(self._root, job_id)
        with self._guard:
            execution = self._queue.get(job_id)
            if execution is None:
                if folder.claimed():
                    folder.ask_to_stop()
            elif execution is next(iter(self._queue.values())):
                execution.cancel.set()
            else:
                self._retire(execution, "cancelled")
        return self.status(job_id)

    def close(self, seconds: float | None = None) -> None:
        """Cancel every job of this process and wait for the thread to end, at most `seconds` [s]."""
        with self._guard:
            thread = self._thread
            for job_id in reversed(list(self._queue)):
                self.cancel(job_id)
        if thread is not None:
            thread.join(seconds)

    # -- look ----------------------------------------------------------------------------------------------------------
    def status(self, job_id: str) -> JobStatus:
        """How far a job is. Raises JobUnknown, JobDamaged."""
        folder = JobFolder(self._root, job_id)
        with self._guard:
            execution = self._queue.get(job_id)
            queue_position = list(self._queue).index(job_id) if execution else 0
            unsaved = self._unsaved_states.get(job_id)
        # looked at before the state: one that ends meanwhile is not taken for interrupted
        live = execution is not None or folder.claimed()
        state = unsaved or folder.state()
        if state.name in LIVE and not live:
            live = folder.claimed()  # or begins meanwhile
        return job_status(
            job_id,
            state,
            done=state.done(folder.parts()),
            live=live,
            stopping=(execution is not None and execution.cancel.is_set()) or folder.asked_to_stop(),
            items_in_progress=execution.items_in_progress if execution else 0.0,
            queue_position=queue_position,
            nbytes=folder.nbytes(),
        )

    def spec(self, job_id: str) -> JobSpec:
        """What a job is to do. Raises JobUnknown, JobDamaged."""
        return JobFolder(self._root, job_id).spec()

    def jobs(self) -> list[JobStatus]:
        """Every job that is kept, of all visitors: for the operator, not for a page. Damaged ones are in the log."""
        statuses = []
        for folder in job_folders(self._root):
            try:
                statuses.append(self.status(folder.id))
            except DashboardError as error:
                _LOG.warning("job %s cannot be read: %s", folder.id, error)
        return statuses

    # -- results -------------------------------------------------------------------------------------------------------
    def frames(self, job_id: str, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The finished rows part by part, in the items' order; also while the job runs.

        Raises:
            JobUnknown: there is no such job.
            JobPartDamaged: a part could not be read and was removed; the job can be resumed.
        """
        folder = JobFolder(self._root, job_id)
        return (table.to_pandas() for table in folder.tables(columns))

    def frame(self, job_id: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """All finished rows at once, at most these columns; empty when nothing is finished. Raises as `frames`."""
        folder = JobFolder(self._root, job_id)
        tables = list(folder.tables(columns))
        return pa.concat_tables(tables).to_pandas() if tables else pd.DataFrame(columns=list(columns or ()))

    def parquet(self, job_id: str) -> BinaryIO:
        """The finished rows as one Parquet file with its provenance, opened for reading; also while the job runs.

        Raises:
            JobUnknown, JobDamaged, JobPartDamaged: as `frames` and `resume`.
            JobWithoutRows: nothing is finished.
        """
        return JobFolder(self._root, job_id).joined()

    def delete(self, job_id: str) -> None:
        """Remove a job with all its results.

        Raises:
            JobUnknown: there is no such job.
            JobRunning: it waits or runs, here or in another process.
        """
        folder = JobFolder(self._root, job_id)
        with self._guard:
            if not folder.path.exists():
                raise JobUnknown
            if job_id in self._queue or not folder.delete():
                raise JobRunning
            self._unsaved_states.pop(job_id, None)


def _there(folder: JobFolder) -> bool:
    try:
        folder.spec()
    except (JobUnknown, JobDamaged):
        return False
    return True
