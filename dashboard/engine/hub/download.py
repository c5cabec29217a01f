"""Downloading a model from the hub into Hugging Face's cache: the files that are needed, with progress and a stop."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.engine.api.model import CallControl
from dashboard.engine.hub.cache import small_files
from dashboard.engine.model_files import model_folder
from dashboard.engine.model_files.adapter_folder import ADAPTER_CONFIG
from dashboard.engine.model_files.model_folder import StoredTensor
from dashboard.errors import AdapterOnHub, Cancelled, ModelBroken, ModelUnsafe

Check = Callable[[dict[str, Any], Mapping[str, StoredTensor]], None]
"""Raises where a model of that configuration, with those tensors (none: not known), cannot be loaded here."""
CHUNK = 1 << 20
"""Bytes after which a download reports its progress and hears a stop; the client's own are ten times as many."""
_BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16}
"""Of a number of that type; 8 where it is not listed."""


@dataclass(frozen=True)
class Download:
    """What transformers would read of one commit of a model, and how it is fetched."""

    name: str
    """Of the model on the hub."""
    info: Any
    """The hub's answer about the commit, with the files' sizes."""
    cache: Path
    """Where to."""
    control: CallControl
    """Progress in bytes, and whether to stop."""
    token: bool | None
    """``False``: ask as anybody would; ``None``: as the operator."""

    def run(self, check: Check) -> Path:
        """Fetch what the cache does not have yet; gives the snapshot's folder.

        The small files come first: they name the weights, and `check` looks at them before any weight is fetched.

        Raises:
            Cancelled: ``control.cancel`` was set.
            ModelUnsafe, ModelBroken, AdapterOnHub: its files cannot be what is loaded here.
            OSError, huggingface_hub's errors: the network, the hub or the cache refuses.
        """
        sizes = {sibling.rfilename: sibling.size or 0 for sibling in self.info.siblings or []}
        check_safe(self.name, self.info)
        small = small_files(sizes)
        if model_folder.CONFIG not in small and ADAPTER_CONFIG in small:
            raise AdapterOnHub(model=self.name)
        if model_folder.CONFIG not in small:
            raise ModelBroken(model=self.name, reason="it has no config.json")
        folder = self._fetch(small, sizes)
        config = model_folder.read_config(folder, self.name)
        weights = model_folder.weight_names(folder, config, self.name, available=sizes)
        check(config, _tensors(self.info))
        self._fetch(weights, sizes)
        return folder

    def _fetch(self, names: list[str], sizes: Mapping[str, int]) -> Path:
        """Fetch those that are not there yet; gives the folder that they are in.

        Raises:
            OSError: the disk has no room for them.
        """
        import huggingface_hub as hf
        from huggingface_hub import constants

        constants.DOWNLOAD_CHUNK_SIZE = CHUNK
        place: dict[str, Any] = {"cache_dir": self.cache, "revision": str(self.info.sha)}
        missing = [name for name in names if not isinstance(hf.try_to_load_from_cache(self.name, name, **place), str)]
        total = sum(sizes[name] for name in missing)
        _check_room(self.cache, total)
        return Path(
            hf.snapshot_download(
                self.name,
                allow_patterns=[glob.escape(name) for name in names],
                tqdm_class=_progress_of(self.control, total),
                token=self.token,
                **place,
            )
        )


def _progress_of(control: CallControl, total: int) -> type:
    """A progress bar that draws nothing: it tells `control` of the bytes that are on the disk, and hears its stop."""
    from huggingface_hub.utils import tqdm

    lock, done = threading.Lock(), [0]

    class Progress(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            # the client has three bars: bytes received, bytes written (this name), files
            self._writes = options.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*args, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            if control.cancel.is_set():
                raise Cancelled
            if self._writes and total:
                with lock:
                    done[0] += int(n or 0)
                    control.on_download(min(done[0], total), total)
                    control.progress(min(done[0] / total, 1.0))

    return Progress


def _check_room(cache: Path, needed: int) -> None:
    """Raise OSError where the disk of the cache has less room than `needed` [bytes]."""
    folder = next((path for path in (cache, *cache.parents) if path.is_dir()), None)
    if folder is not None and (free := shutil.disk_usage(folder).free) < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {needed / 1e9:.1f} GB > {free / 1e9:.1f} GB")


def check_safe(name: str, info: Any) -> None:
    """Raise ModelUnsafe where the hub's answer shows that the model cannot be loaded, before anything is fetched."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    names: Iterable[str] = [sibling.rfilename for sibling in info.siblings or []]
    if not any(file.endswith(".safetensors") and "/" not in file for file in names):
        raise ModelUnsafe(model=name, reason="it has no weights as safetensors")
    config = info.config or {}
    if "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING_NAMES:
        raise ModelUnsafe(model=name, reason="it brings code of its own (auto_map)")


def _tensors(info: Any) -> dict[str, StoredTensor]:
    """What the weights hold, as the hub counted it: numbers of each type; empty where it did not count."""
    counted = getattr(info.safetensors, "parameters", None) or {}
    return {
        dtype: StoredTensor(dtype, (int(count),), int(count) * _BITS.get(dtype, 8) // 8)
        for dtype, count in counted.items()
    }
