"""Moves the jobs of earlier versions, which lay below the cache folder."""

from __future__ import annotations

import contextlib
import logging
import shutil
from pathlib import Path

from dashboard.errors import DashboardError
from dashboard.jobs.atomic_files import PART, private_folder
from dashboard.jobs.folder import JobFolder
from dashboard.jobs.quota import job_folders

_LOG = logging.getLogger(__name__)


def move_jobs(old: Path, new: Path) -> None:
    """Move every job below `old` to `new`, each whole or not at all; what stays is in the log.

    A job stays while another process works in it, where `new` has it already, and where the disk refuses.
    """
    if old == new or not old.is_dir():
        return
    try:
        private_folder(new)
        jobs = job_folders(old)
    except (OSError, DashboardError) as error:
        _LOG.warning("jobs in %s could not be moved to %s: %s", old, new, error)
        return
    for job in jobs:
        try:
            _move(job, new)
        except (OSError, DashboardError) as error:
            _LOG.warning("job %s in %s could not be moved to %s: %s", job.id, old, new, error)
    with contextlib.suppress(OSError):  # something is left in it
        old.rmdir()


def _move(job: JobFolder, new: Path) -> None:
    lock = job.claim(seconds=0)
    if lock is None:
        _LOG.warning("job %s is at work in %s and stays there until the next start", job.id, job.path.parent)
        return
    try:
        if not (new / job.id).exists():
            _move_folder(job.path, new / job.id)
    finally:
        job.unlock(lock)


def _move_folder(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError:  # another disk
        part = target.with_name(target.name + PART)
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(path, part)
        part.rename(target)
        shutil.rmtree(path)
