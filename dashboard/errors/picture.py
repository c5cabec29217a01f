"""Errors of pictures that are drawn on this machine."""

from __future__ import annotations

from dashboard.errors.base import DashboardError


class PictureTooSmall(DashboardError):
    """Title and lines leave no room for the chart. Facts: ``width, height, needed`` [px]."""


class PictureTooLarge(DashboardError):
    """More pixels than a browser can draw. Facts: ``width, height``."""


class NoBrowser(DashboardError):
    """There is no Chromium or Chrome on this machine."""


class PicturesBusy(DashboardError):
    """Pictures of others are drawn for longer than we wait. Facts: ``seconds``."""


class PictureTooSlow(DashboardError):
    """The browser did not draw the picture in time; it was ended. Facts: ``seconds``."""


class PictureFailed(DashboardError):
    """The browser did not start, or broke. Facts: ``reason``, in its own words."""
