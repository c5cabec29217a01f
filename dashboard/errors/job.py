"""Errors of background jobs."""

from __future__ import annotations

from dashboard.errors.base import DashboardError


class JobUnknown(DashboardError):
    """No job has this id, or not any more."""


class JobDamaged(DashboardError):
    """What a job was to do cannot be read."""


class JobPartDamaged(DashboardError):
    """A part of the results was not as it was written; it was removed."""


class JobWithoutRows(DashboardError):
    """Nothing of the job is finished."""


class JobRunning(DashboardError):
    """The job waits or runs, so it is not removed."""


class JobOutdated(DashboardError):
    """The job was begun with another model or version. Facts: ``what, then, now``."""


class JobFailed(DashboardError):
    """Our mistake ended the job. Facts: ``reason``, the name of an exception."""


class JobsFull(DashboardError):
    """More jobs or bytes than are kept, and none that may be removed. Facts: ``jobs, limit`` [MB]."""


class JobDiskFull(DashboardError):
    """The disk has no space left."""


class JobDiskRefused(DashboardError):
    """The disk cannot be read or written. Facts: ``reason``, in the system's words."""
