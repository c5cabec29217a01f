"""Disk quota: evicts finished jobs, oldest first, then idle unfinished ones."""

from __future__ import annotations

import logging
from pathlib import Path

from dashboard.errors import JobsFull
from dashboard.jobs.atomic_files import disk_errors
from dashboard.jobs.folder import JobFolder
from dashboard.jobs.spec import ID

MOST_JOBS = 100
"""Jobs that are kept."""
_LOG = logging.getLogger(__name__)


def job_folders(root: Path) -> list[JobFolder]:
    """Every job that is kept, damaged ones too."""
    if not root.is_dir():
        return []
    with disk_errors():
        return [JobFolder(root, path.name) for path in root.iterdir() if ID.fullmatch(path.name)]


def evict_jobs(root: Path, keep: str, limit: int, most: int = MOST_JOBS, more: int = 0) -> int:
    """Remove other jobs until the limits hold; returns how many.

    Args:
        root: the folder of all jobs.
        keep: id of the job that needs the space; it stays.
        limit: most bytes of all jobs.
        most: most jobs.
        more: bytes that are about to be written.

    Raises:
        JobsFull: that would not be enough; nothing was removed.
    """
    jobs = job_folders(root)
    size = {job.id: job.nbytes() for job in jobs}
    surplus_bytes = sum(size.values()) + more - limit
    surplus_jobs = len({*size, keep}) - most
    chosen = []
    for job in sorted((job for job in jobs if job.id != keep), key=_rank):
        if surplus_bytes <= 0 and surplus_jobs <= 0:
            break
        if not job.claimed():
            chosen.append(job)
            surplus_bytes -= size[job.id]
            surplus_jobs -= 1
    if surplus_bytes > 0 or surplus_jobs > 0:
        raise JobsFull(jobs=most, limit=round(limit / 1e6, 1))
    return sum(_removed(job, keep) for job in chosen)


def _rank(job: JobFolder) -> tuple[bool, float]:
    return not job.finished(), job.changed()


def _removed(job: JobFolder, keep: str) -> bool:
    gone = job.delete()
    if gone:
        _LOG.info("job %s was removed to make room for %s", job.id, keep)
    return gone
