"""A job's folder: specification, state and finished parts; a lock lets one process at a time work in it."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import filelock
import pyarrow as pa

from dashboard.errors import JobDamaged, JobPartDamaged, JobUnknown, JobWithoutRows
from dashboard.jobs.atomic_files import PART, disk_errors, is_whole, private_folder, write_signed, write_whole
from dashboard.jobs.parquet_parts import read_parts, schema_of, write_joined, write_part
from dashboard.jobs.spec import ID, JobSpec

CLAIM_SECONDS = 0.25
"""A claim waits so long: somebody may only be looking whether the job is claimed."""
_SPEC, _STATE, _STOP, _JOINED = "spec.json", "state.json", "stop", "joined"
_SUFFIX = ".parquet"
_JOINING = threading.Lock()
"""Held while parts are joined: nobody in this process removes what another is about to open."""


@dataclass(frozen=True)
class JobState:
    """How far a job is, as it is kept; the finished chunks are the parts that are there, and nothing else."""

    kind: str
    items: int
    chunk: int
    """Items of a chunk."""
    name: str = "interrupted"
    """``queued``, ``running``, ``finished``, ``cancelled``, ``failed``, or that it was never said."""
    seconds: float = 0.0
    """Worked so far, over all its turns [s]."""
    rate: float | None = None
    """Items a second, over the last chunks; ``None`` before the first."""
    removed: int = 0
    """Older jobs that were evicted for it."""
    error: str = ""
    """Name of the error with which it failed."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of that error."""

    def done(self, chunks: Iterable[int]) -> int:
        """Items in these chunks; the last one may be shorter than the others."""
        return sum(min(self.chunk, self.items - chunk * self.chunk) for chunk in chunks)


class JobFolder:
    """One job on the disk. Methods raise the `disk_errors`."""

    def __init__(self, root: Path, job_id: str) -> None:
        """Of the job `job_id`, below `root`. Raises JobUnknown for what cannot be an id."""
        if not ID.fullmatch(job_id):
            raise JobUnknown
        self.id = job_id
        self.path = root / job_id
        self._lock_path = root / f"{job_id}.lock"

    # -- who works in it ----------------------------------------------------------------------------------------------
    def claim(self, seconds: float = CLAIM_SECONDS) -> filelock.BaseFileLock | None:
        """The lock, to be released; ``None`` when another process, or another runner, has it.

        The system frees it when its process ends, however it ends.
        """
        lock = filelock.FileLock(self._lock_path, thread_local=False)
        with disk_errors():
            try:
                return lock.acquire(timeout=seconds, poll_interval=0.02).lock
            except filelock.Timeout:
                return None

    def claimed(self) -> bool:
        """Whether some process runs it or will."""
        if not self._lock_path.exists():
            return False
        lock = self.claim(seconds=0)
        if lock is not None:
            lock.release()
        return lock is None

    # -- the specification ---------------------------------------------------------------------------------------------
    def create(self, spec: JobSpec) -> None:
        """Write the specification; parts that are there stay."""
        with disk_errors():
            private_folder(self.path)
            write_whole(self.path / _SPEC, lambda file: file.write(spec.text.encode()))

    def spec(self) -> JobSpec:
        """The specification.

        Raises:
            JobUnknown: there is no such job.
            JobDamaged: there was.
        """
        with disk_errors():
            try:
                spec = JobSpec.read((self.path / _SPEC).read_text(encoding="utf-8"))
            except FileNotFoundError as error:
                raise JobUnknown from error
            except ValueError as error:
                raise JobDamaged from error
        if spec.id != self.id:
            raise JobDamaged
        return spec

    # -- how far it is -------------------------------------------------------------------------------------------------
    def state(self) -> JobState:
        """The state that was last saved; where it cannot be read, that of an interrupted job. Raises as `spec`."""
        try:
            return JobState(**json.loads((self.path / _STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            spec = self.spec()
            return JobState(spec.kind, len(spec.items), spec.chunk)

    def save(self, state: JobState) -> None:
        """Keep how far it is."""
        with disk_errors():
            write_whole(self.path / _STATE, lambda file: file.write(json.dumps(asdict(state), default=str).encode()))

    def changed(self) -> float:
        """When it was last worked on [s since the epoch]; 0 when that cannot be told."""
        try:
            return (self.path / _STATE).stat().st_mtime
        except OSError:
            return 0.0

    def nbytes(self) -> int:
        """On the disk [bytes]."""
        with contextlib.suppress(FileNotFoundError):  # a file, or all of it, was removed meanwhile
            return sum(path.stat().st_size for path in self.path.glob("*"))
        return 0

    # -- the wish to stop, from any process ----------------------------------------------------------------------------
    def ask_to_stop(self) -> None:
        """Whoever works in it sees this."""
        with disk_errors():
            (self.path / _STOP).touch()

    def asked_to_stop(self) -> bool:
        """Whether somebody asked."""
        return (self.path / _STOP).exists()

    def forget_stop(self) -> None:
        """It begins anew."""
        with disk_errors():
            (self.path / _STOP).unlink(missing_ok=True)

    # -- finished parts ------------------------------------------------------------------------------------------------
    def parts(self) -> dict[int, Path]:
        """The finished parts by chunk, ascending; their contents are not looked at."""
        paths = sorted(self.path.glob(f"[0-9]*{_SUFFIX}"))
        return {int(path.name.partition("-")[0]): path for path in paths}

    def finished(self) -> bool:
        """Whether all is done; also where it can no longer be told."""
        try:
            state = self.state()
        except (JobUnknown, JobDamaged):
            return True
        return state.done(self.parts()) == state.items

    def missing(self, chunks: int) -> int | None:
        """The first chunk that is not finished; ``None`` when all are."""
        there = self.parts()
        return next((chunk for chunk in range(chunks) if chunk not in there), None)

    def add(self, chunk: int, table: pa.Table) -> None:
        """Keep what a chunk gave."""
        with disk_errors():
            write_signed(self.path, f"{chunk:06d}", _SUFFIX, lambda file: write_part(table, file))

    def sweep(self) -> list[pa.Schema]:
        """Remove damaged parts and what a killed process left half written; returns the columns of the others.

        Only for who has claimed the job.
        """
        with disk_errors(), _JOINING:
            for left in self.path.glob(f"*{PART}"):
                if not left.name.startswith(_SPEC):  # that one may be written without a claim
                    left.unlink(missing_ok=True)
            for path in self.parts().values():
                if not is_whole(path):
                    self._drop(path)
            return [schema_of(path) for path in self.parts().values()]

    def _drop(self, part: Path) -> None:
        part.unlink(missing_ok=True)
        self._remove_joined()

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The finished rows, part by part, in the items' order.

        Raises:
            JobUnknown: there is no such job (any more).
            JobPartDamaged: a part is not as it was written; it was removed, so that the job can be resumed.
        """
        with self._reading():
            (self.path / _SPEC).stat()  # fails where there is no such job
            if parts := self._whole_parts():
                yield from read_parts(list(parts.values()), columns)

    def _whole_parts(self) -> dict[int, Path]:
        parts = self.parts()
        for path in parts.values():
            if not is_whole(path):
                self._drop(path)
                raise JobPartDamaged
        return parts

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with disk_errors():
            try:
                yield
            except FileNotFoundError as error:
                raise (JobPartDamaged if (self.path / _SPEC).exists() else JobUnknown) from error

    def joined(self) -> BinaryIO:
        """The finished rows as one Parquet file with its provenance, opened; written when it is not there.

        Raises:
            JobUnknown, JobDamaged: as `spec`.
            JobPartDamaged: as `tables`.
            JobWithoutRows: nothing is finished.
        """
        spec = self.spec()
        with self._reading(), _JOINING:
            parts = self._whole_parts()
            if not parts:
                raise JobWithoutRows
            stem = f"{_JOINED}-{len(parts):06d}"
            there = next((path for path in self.path.glob(f"{stem}-*{_SUFFIX}") if is_whole(path)), None)
            if there is None:
                there = write_signed(self.path, stem, _SUFFIX, self._join(spec, parts))
            file = there.open("rb")
            self._remove_joined(but=there)
            return file

    def _join(self, spec: JobSpec, parts: Mapping[int, Path]) -> Callable[[BinaryIO], object]:
        provenance = spec.provenance(sum(len(spec.items_of(chunk)) for chunk in parts))
        return lambda file: write_joined(list(parts.values()), provenance, file)

    def _remove_joined(self, but: Path | None = None) -> None:
        for path in self.path.glob(f"{_JOINED}-*{_SUFFIX}"):
            if path != but:
                with contextlib.suppress(OSError):  # open elsewhere on Windows: goes the next time, or with the job
                    path.unlink()

    # -- its end -------------------------------------------------------------------------------------------------------
    def delete(self) -> bool:
        """Remove all of it; ``False`` when some process runs it."""
        lock = self.claim(seconds=0)
        if lock is None:
            return False
        try:
            with disk_errors():
                (self.path / _SPEC).unlink(missing_ok=True)  # from here on it is no job, whatever happens
                shutil.rmtree(self.path, ignore_errors=True)
        finally:
            self.unlock(lock)
        return True

    def unlock(self, lock: filelock.BaseFileLock) -> None:
        """Give back a claim on a folder that is no longer a job, with the lock's file."""
        with contextlib.suppress(OSError):  # while it is locked, where the system allows that
            self._lock_path.unlink()
        lock.release()
