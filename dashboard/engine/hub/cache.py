"""The Hugging Face cache of this machine: where it is, which snapshot a revision means, and whether it is whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dashboard.engine.model_files import model_folder
from dashboard.errors import DashboardError
from dashboard.process.folders import cache_folder
from dashboard.settings import Settings

COMMIT = re.compile(r"[0-9a-f]{40}")
_TEMPLATES = re.compile(r"additional_chat_templates/[^/]+\.jinja")


@dataclass(frozen=True)
class Snapshot:
    """One commit of a model in a cache."""

    name: str
    """Of the model on the hub."""
    commit: str
    folder: Path
    cache: Path


def caches(settings: Settings) -> tuple[Path, ...]:
    """Hugging Face's cache, as its own variables say, and that of earlier versions where there is one."""
    from huggingface_hub import constants

    own = own_cache(settings)
    return (Path(constants.HF_HUB_CACHE), *([own] if own.is_dir() else []))


def own_cache(settings: Settings) -> Path:
    """Where earlier versions had their models; nothing is added to it."""
    return cache_folder(settings) / "hub"


def snapshots(name: str, revision: str, settings: Settings) -> Iterator[Snapshot]:
    """What the caches have of a revision (empty: the default branch), whole or not."""
    import huggingface_hub as hf
    from huggingface_hub import constants

    for cache in caches(settings):
        wanted = revision or constants.DEFAULT_REVISION
        config = hf.try_to_load_from_cache(name, model_folder.CONFIG, cache_dir=cache, revision=wanted)
        if isinstance(config, str):
            folder = Path(config).parent
            yield Snapshot(name, folder.name, folder, cache)


def missing_files(snapshot: Snapshot) -> tuple[str, ...]:
    """Names of the files without which the model is not what it is on the hub; none: it can be opened.

    The hub's list of the commit's files says it where the cache holds one; else weights, configuration and a
    vocabulary have to be there.
    """
    folder = snapshot.folder
    try:
        config = model_folder.read_config(folder, snapshot.name)
        weights = model_folder.weight_names(folder, config, snapshot.name)
    except (DashboardError, OSError):
        return (model_folder.CONFIG if not (folder / model_folder.CONFIG).is_file() else model_folder.WEIGHTS,)
    there = {path.name for path in folder.iterdir() if path.exists()}
    small = small_files(_listed(snapshot))
    if not small and not model_folder.vocabulary_files(folder):
        small = ["tokenizer.json"]
    links = [path.name for path in folder.iterdir() if path.is_symlink()]
    expected = dict.fromkeys([*small, *weights, *links])
    return tuple(name for name in expected if name not in there and not (folder / name).is_file())


def small_files(names: Iterable[str]) -> list[str]:
    """Those of a model's files that transformers may read beside the weights."""
    beside = (name for name in names if "/" not in name and any(Path(name).match(p) for p in model_folder.SMALL))
    return [*beside, *(name for name in names if _TEMPLATES.fullmatch(name))]


def _listed(snapshot: Snapshot) -> list[str]:
    """The hub's list of the commit's files; empty where the cache has none."""
    import huggingface_hub as hf
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        tree = hf.get_cached_repo_tree(snapshot.name, revision=snapshot.commit, cache_dir=snapshot.cache)
    except CachedRepoTreeNotFoundError:
        return []
    return [file.path for file in tree]
