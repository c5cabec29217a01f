"""Errors of an engine in another process: the gate, its key, its version, and what is deployed there."""

from __future__ import annotations

from dashboard.errors.base import DashboardError
from dashboard.errors.request import Busy


class EngineUnreachable(DashboardError):
    """Nothing answers at the engine's address. Facts: ``address, reason``."""


class EngineKeyWrong(DashboardError):
    """The gate does not know the key, or none was given. Facts: ``address``."""


class EngineVersionDiffers(DashboardError):
    """Dashboard and gate are of different versions. Facts: ``here, there``."""


class EngineBusy(Busy):
    """As many calls as it takes are on their way. Facts: ``ahead``."""


class ModelNotDeployed(DashboardError):
    """The engine elsewhere serves other models. Facts: ``model, deployed``."""


class EngineFailed(DashboardError):
    """Something unexpected was raised in the engine elsewhere. Facts: ``reason``, the name of it."""
