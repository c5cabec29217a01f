"""What a list says of a model's folder: bytes stored, memory needed, and whether it may be a causal language model.

Some hundred folders are looked at while a page is drawn: names, sizes and the configuration are read, headers of
weights only where the configuration does not say their dtype. Loading reads them all.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from dashboard.engine.model_files import gguf_file, model_checks, model_folder
from dashboard.errors import DashboardError

_SHARD = re.compile(r"model-\d+-of-(\d+)\.safetensors")


@dataclass(frozen=True)
class FolderFacts:
    """By names and sizes of files, and the configuration."""

    nbytes: int
    """Of the weight files that transformers would read."""
    memory: float
    """That the model needs in the operator's dtype [bytes]."""
    opens: bool
    """Weights and a vocabulary are there, and by its names it may be a causal language model."""


_Stamp = tuple[int, int]
_known: dict[tuple[Path, str], tuple[_Stamp, FolderFacts]] = {}
"""By path and dtype: when it was changed last (folder and configuration; time and size of a file), what was read."""


def folder_facts(folder: Path, dtype: str) -> FolderFacts | None:
    """The facts of a model's folder, or of a GGUF file, in the operator's `dtype`; ``None``: it cannot be opened."""
    try:
        if gguf_file.is_gguf(folder):
            return _of_gguf(folder, dtype)
        stamp = (folder.stat().st_mtime_ns, (folder / model_folder.CONFIG).stat().st_mtime_ns)
        known = _known.get((folder, dtype))
        if known is None or known[0] != stamp:
            known = _known[folder, dtype] = (stamp, _read(folder, dtype))
        return known[1]
    except (DashboardError, OSError, RecursionError):
        return None


def _of_gguf(path: Path, dtype: str) -> FolderFacts:
    stat = path.stat()
    stamp = (stat.st_mtime_ns, stat.st_size)
    known = _known.get((path, dtype))
    if known is None or known[0] != stamp:
        header = gguf_file.read_header(path, path.name)
        gguf_file.check_header(header, path.name)
        memory = model_checks.needed_memory(header.as_loaded(), {}, dtype)
        known = _known[path, dtype] = (stamp, FolderFacts(stat.st_size, memory, opens=True))
    return known[1]


def _read(folder: Path, dtype: str) -> FolderFacts:
    config = model_folder.read_config(folder, folder.name)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    opens = model_checks.may_be_causal(config) and model_folder.has_vocabulary(names)
    if not opens:
        return FolderFacts(0, 0.0, opens=False)
    weights = _weights(folder, config, names)
    nbytes = sum((folder / name).stat().st_size for name in weights)
    stored = model_checks.stored_dtype(config)
    if stored is None:
        tensors = model_folder.stored_tensors(folder, weights, folder.name)
        return FolderFacts(nbytes, model_checks.needed_memory(tensors, config, dtype), opens=True)
    return FolderFacts(nbytes, model_checks.estimated_memory(nbytes, stored, config, dtype), opens=True)


def _weights(folder: Path, config: dict[str, object], names: list[str]) -> list[str]:
    """As `model_folder.weight_names`; an index is not read where the names of the shards say that they are all there.

    Raises:
        ModelUnsafe, ModelBroken: see `model_folder.weight_names`.
    """
    if "transformers_weights" not in config and model_folder.WEIGHTS not in names:
        shards = {name: match[1] for name in names if (match := _SHARD.fullmatch(name))}
        if shards and model_folder.INDEX in names and set(shards.values()) == {f"{len(shards):05d}"}:
            return list(shards)
    return model_folder.weight_names(folder, config, folder.name)
