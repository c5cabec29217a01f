"""Which models can be chosen where an engine is elsewhere: what the registry there says, without its folders."""

from __future__ import annotations

from dataclasses import replace

from dashboard.engine.api.model import ModelSpec, PinnedCommit
from dashboard.engine.models import registry
from dashboard.errors import ModelNotDeployed
from dashboard.settings import Settings


class ModelList:
    """The models of the machine that computes them."""

    def __init__(self, settings: Settings, only: tuple[str, ...] = ()) -> None:
        """`only`: ids of those that are deployed; empty: all that the settings allow."""
        self._settings, self._only = settings, only

    def listed(self) -> tuple[ModelSpec, ...]:
        """Those that a person can choose from, in the operator's order."""
        if self._only:
            return tuple(self.find(model) for model in self._only)
        return tuple(map(_without_folder, registry.available_models(self._settings)))

    def find(self, model: str) -> ModelSpec:
        """The model of an id. Raises the ``Model…`` errors."""
        if self._only and model not in self._only:
            raise ModelNotDeployed(model=model, deployed=", ".join(self._only))
        return _without_folder(registry.find(model, self._settings))

    def newest(self, model: str) -> PinnedCommit:
        """The commit that is kept to there, and the hub's. Raises the ``Model…`` errors."""
        self.find(model)
        return registry.newest_commit(model, self._settings)


def _without_folder(spec: ModelSpec) -> ModelSpec:
    """Where it lies is nobody's business elsewhere."""
    return replace(spec, folder=None)
