"""The models in this machine's Hugging Face caches, for lists: quick enough to be asked at every click."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dashboard.engine.api.model import split_revision
from dashboard.engine.hub.cache import caches
from dashboard.engine.hub.pins import pins
from dashboard.engine.model_files.inventory import FolderFacts, folder_facts
from dashboard.settings import Settings

_PREFIX = "models--"


@dataclass(frozen=True)
class CachedModel:
    """A snapshot that may be opened; what it lacks beside weights and a vocabulary is looked at then."""

    name: str
    """On the hub."""
    commit: str
    references: tuple[str, ...]
    """Branches and tags that the cache knows for this commit."""
    facts: FolderFacts


_Stamp = tuple[tuple[str, int], ...]
_known: dict[tuple[str, str], tuple[_Stamp, tuple[CachedModel, ...]]] = {}
"""By a model's folder in a cache and dtype: times of its folders, and what it holds then."""


def cached_models(settings: Settings) -> dict[str, CachedModel]:
    """Id -> model: ``name`` for the default branch or a pin, ``name@branch``, or ``name@commit`` without either.

    A pinned id is in it where its commit is here. What is no causal language model by its names is left out.
    """
    pinned = pins(settings)
    names_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pin, commit in pinned.items():
        names_of[split_revision(pin)[0], commit].append(pin)
    models: dict[str, CachedModel] = {}
    for repository in (path for cache in caches(settings) for path in _repositories(cache)):
        for model in _models(repository, settings.dtype):
            for name in _ids(model, pinned, names_of[model.name, model.commit]):
                models.setdefault(name, model)
    return dict(sorted(models.items(), key=lambda entry: entry[0].lower()))


def _repositories(cache: Path) -> list[str]:
    try:
        with os.scandir(cache) as entries:
            return sorted(entry.path for entry in entries if entry.name.startswith(_PREFIX))
    except OSError:
        return []  # there is no cache yet


def _models(repository: str, dtype: str) -> tuple[CachedModel, ...]:
    """What a model's folder holds; read again when a folder in it has changed."""
    try:
        stamp = _stamp(repository)
        known = _known.get((repository, dtype))
        if known is None or known[0] != stamp:
            known = _known[repository, dtype] = (stamp, tuple(_read(Path(repository), dtype)))
    except OSError:
        return ()  # half of it is there: somebody makes or removes it just now
    return known[1]


def _stamp(repository: str) -> _Stamp:
    """Names and times of the folders of branches, tags and commits."""
    with os.scandir(repository) as above, os.scandir(f"{repository}/snapshots") as commits:
        folders = [*(entry for entry in above if entry.name == "refs"), *commits]
        return tuple(sorted((entry.name, entry.stat().st_mtime_ns) for entry in folders))


def _read(repository: Path, dtype: str) -> list[CachedModel]:
    name = repository.name.removeprefix(_PREFIX).replace("--", "/")
    references = _references(repository / "refs")
    models = []
    for path in sorted((repository / "snapshots").iterdir()):
        facts = folder_facts(path, dtype)
        if facts is not None and facts.opens:
            models.append(CachedModel(name, path.name, tuple(references[path.name]), facts))
    return models


def _references(folder: Path) -> dict[str, list[str]]:
    """Commit -> the branches and tags that mean it."""
    references: dict[str, list[str]] = defaultdict(list)
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in sorted(names)):
            commit = path.read_text(encoding="utf-8", errors="replace").strip()
            references[commit].append(path.relative_to(folder).as_posix())
    return references


def _ids(model: CachedModel, pinned: Mapping[str, str], pinned_here: list[str]) -> list[str]:
    """What the snapshot is called, pins before branches and tags; its commit where it has neither."""
    by_reference = [model.name if name == "main" else f"{model.name}@{name}" for name in model.references]
    free = [name for name in by_reference if pinned.get(name, model.commit) == model.commit]
    return list(dict.fromkeys([*pinned_here, *free])) or [f"{model.name}@{model.commit}"]
