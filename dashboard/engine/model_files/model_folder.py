"""A model's folder: the files that transformers would read, inspected before anything is loaded."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.errors import (
    DashboardError,
    FolderMissing,
    FolderWithoutModel,
    ModelAdapter,
    ModelBroken,
    ModelIsDataset,
    ModelUnsafe,
)

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SMALL = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")
"""Files beside the weights: configuration, tokenizer, chat template."""
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
_DATASETS = ("dataset_info*.json", "dataset_dict.json", "*.parquet", "*.arrow")
NAMED_FILES = 3
"""Most files of a folder that a message names."""
SAMPLE = 4096
"""Bytes of a tensor that are hashed, at each of three offsets."""
_VOCABULARIES = ("tokenizer.json", "vocab*", "*.model", "merges.txt", "*.tiktoken", "tekken.json")
_WRAPPER = r"(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
UNWRAP = {rf"^(?:module\.|{_WRAPPER})+": "", rf"(?<=\.)(?:{_WRAPPER})+": "", rf"(?<=\.)(?:{_WRAPPER})+(?=.)": ""}
"""Removes the prefixes of DDP, torch.compile, FSDP and checkpointing from weights' names (transformers replaces each
pattern once)."""


@dataclass(frozen=True)
class StoredTensor:
    """One entry of a safetensors header."""

    dtype: str
    """safetensors' name: ``F32``, ``BF16``, ``U8``, …"""
    shape: tuple[int, ...]
    nbytes: int


def read_config(folder: Path, model: str) -> dict[str, Any]:
    """The folder's ``config.json``.

    Raises:
        FolderMissing: there is no such folder.
        ModelAdapter: it has only an adapter's configuration.
        ModelIsDataset: it has a data set's files.
        FolderWithoutModel: it has no configuration.
        ModelBroken: it is damaged.
    """
    path = folder / CONFIG
    if not path.is_file() and not path.is_symlink():
        if (folder / "adapter_config.json").is_file():
            raise ModelAdapter(model=model, base=_base_of(folder))
        raise _without_config(folder, model)
    return _json_mapping(path, model)


def _without_config(folder: Path, model: str) -> DashboardError:
    """Why a folder without ``config.json`` is no model."""
    if not folder.is_dir():
        return FolderMissing(model=model)
    names = sorted(path.name for path in folder.iterdir())
    if any(fnmatch.fnmatch(name, pattern) for pattern in _DATASETS for name in names):
        return ModelIsDataset(model=model)
    more = ", …" if len(names) > NAMED_FILES else ""
    return FolderWithoutModel(model=model, files=", ".join(names[:NAMED_FILES]) + more or "–")


def _base_of(folder: Path) -> str:
    try:
        adapter = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        return str(adapter["base_model_name_or_path"])[:100]
    except (OSError, ValueError, KeyError, TypeError):
        return "?"


def _json_mapping(path: Path, model: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelBroken(model=model, reason=f"{path.name}: {error}") from error
    if not isinstance(content, dict):
        raise ModelBroken(model=model, reason=f"{path.name}: {type(content).__name__} instead of a mapping")
    return content


def check_links(folder: Path, model: str) -> None:
    """Raise ModelBroken where a file is a broken link, as in a cache whose blobs were removed."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() and not path.exists():
            raise ModelBroken(model=model, reason=f"{path.name} is a link to a file that is not there")


def weight_names(
    folder: Path, config: dict[str, Any], model: str, available: Collection[str] | None = None
) -> list[str]:
    """The files below `folder` that transformers would read weights from, in its order of preference.

    Args:
        folder: the model's.
        config: its configuration.
        model: for messages.
        available: names of the files, where not all of them are on this machine yet; ``None``: those in `folder`.

    Raises:
        ModelUnsafe: there are only weight files that can run code.
        ModelBroken: there are none, or their index is damaged.
    """
    named = config.get("transformers_weights")
    for name in (named, WEIGHTS, INDEX):
        if isinstance(name, str) and ((folder / name).is_file() if available is None else name in available):
            names = _shards(folder / name, model) if name.endswith(".json") else [name]
            _check_inside(names, model)
            return names
    names = [path.name for path in folder.iterdir()] if available is None else list(available)
    if any(fnmatch.fnmatch(name, pattern) for pattern in _PICKLES for name in names):
        raise ModelUnsafe(model=model, reason="it has no weights as safetensors")
    raise ModelBroken(model=model, reason=f"there is neither {WEIGHTS} nor {INDEX}")


def _shards(index: Path, model: str) -> list[str]:
    shards = _json_mapping(index, model).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
        raise ModelBroken(model=model, reason=f"{index.name}: no weight_map")
    return sorted(set(shards.values()))


def _check_inside(names: list[str], model: str) -> None:
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts or not name.endswith(".safetensors"):
            raise ModelUnsafe(model=model, reason=f"it takes weights from {name[:100]}")


def stored_tensors(folder: Path, names: list[str], model: str) -> dict[str, StoredTensor]:
    """The tensors in the headers of the weight files; only the headers are read.

    Raises:
        ModelBroken: a file is missing, truncated or no safetensors.
    """
    tensors: dict[str, StoredTensor] = {}
    for name in names:
        try:
            tensors |= _header(folder / name)
        except FileNotFoundError as error:
            raise ModelBroken(model=model, reason=f"{name} is not there") from error
        except (OSError, ValueError, KeyError, TypeError, OverflowError, AttributeError) as error:
            raise ModelBroken(model=model, reason=f"{name}: {error or type(error).__name__}") from error
    return tensors


def _header(path: Path) -> dict[str, StoredTensor]:
    """A safetensors file: eight bytes with the header's length, the header as JSON, the tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError("it is cut off, or no safetensors file")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    tensors = {
        name: StoredTensor(entry["dtype"], tuple(entry["shape"]), entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
    }
    if 8 + length + sum(tensor.nbytes for tensor in tensors.values()) > size:
        raise ValueError("it is cut off")
    return tensors


def has_wrapper_names(names: Iterable[str]) -> bool:
    """Whether names of weights have a training framework's prefixes."""
    return any(re.search(pattern, name) for pattern in UNWRAP for name in names)


def vocabulary_files(folder: Path) -> list[str]:
    """Names of the files that may hold a tokenizer's vocabulary."""
    return sorted(path.name for path in folder.glob("*") if has_vocabulary([path.name]))


def has_vocabulary(names: Iterable[str]) -> bool:
    """Whether one of these files may hold a tokenizer's vocabulary."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in _VOCABULARIES for name in names)


def revision(folder: Path, names: list[str]) -> str:
    """Twelve hex digits of a hash over a folder's model files: names, sizes, beginnings, and samples of every tensor.

    Args:
        folder: the folder.
        names: its weight files.
    """
    digest = hashlib.sha256()
    small = [path.name for path in folder.iterdir() if any(path.match(pattern) for pattern in SMALL)]
    for name in sorted({*small, *names}):
        path = folder / name
        digest.update(f"{name} {path.stat().st_size}".encode())
        with path.open("rb") as file:
            digest.update(file.read(1 << 20))
            for offset in _sample_offsets(path) if name in names else ():
                file.seek(max(0, offset))
                digest.update(file.read(SAMPLE))
    return digest.hexdigest()[:12]


def _sample_offsets(path: Path) -> list[int]:
    """Offsets of beginning, middle and end of each tensor in a weight file: training changes all of a tensor."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        spans = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
        return [8 + length + offset for begin, end in spans for offset in (begin, (begin + end) // 2, end - SAMPLE)]
    except (OSError, ValueError, KeyError, TypeError, OverflowError, AttributeError, MemoryError):
        return []  # `stored_tensors` reports it before the model is loaded
