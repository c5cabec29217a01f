"""Errors of the store: saved views and long links."""

from __future__ import annotations

from dashboard.errors.base import DashboardError


class StoreReadOnly(DashboardError):
    """The database, or its folder, cannot be written."""


class StoreBusy(DashboardError):
    """Somebody else holds the database locked."""


class StoreFull(DashboardError):
    """The disk of the database has no space left."""


class StoreCorrupt(DashboardError):
    """The database's file is damaged, or is none."""


class StoreNewer(DashboardError):
    """A later version made the database. Facts: ``revision, newest``."""


class StoreUnreachable(DashboardError):
    """The database server does not answer, or not to us."""


class StoreFailed(DashboardError):
    """Anything else that a database says. Facts: ``reason``, its code."""


class SavedViewUnknown(DashboardError):
    """No view has this id, or not any more, or it is not for this person."""


class SavedViewChanged(DashboardError):
    """Somebody else changed the view since it was read. Facts: ``version``, which is stored."""


class SavedViewNotYours(DashboardError):
    """Only its author may change the view."""


class SignInNeeded(DashboardError):
    """Nobody is signed in where a sign-in is set up."""


class TooManySavedViews(DashboardError):
    """The server keeps no more views. Facts: ``limit``."""


class LongLinkUnknown(DashboardError):
    """No text is kept for this link, or not any more."""


class LongLinkTooLong(DashboardError):
    """A text is longer than is kept for a link. Facts: ``size, limit`` [MB]."""


class LongLinksFull(DashboardError):
    """No more texts of links are kept. Facts: ``limit``."""
