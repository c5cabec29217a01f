"""Models of the Hugging Face hub: commit pinned at the first fetch, safetensors only, from the cache when offline."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from dashboard.errors import ModelUnknown, ModelUnreachable, ModelUnsafe
from dashboard.settings import Settings

FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
PINS = "pins.json"


def fetch(model: str, settings: Settings) -> tuple[Path, str]:
    """Folder with the files of `model`, and the commit that they belong to.

    Raises:
        ModelUnknown: the hub has no such model, or does not give it to this user.
        ModelUnreachable: it is not on this machine and the hub cannot be asked.
        ModelUnsafe: no weights as safetensors, or code of its own.
    """
    import huggingface_hub as hf
    from huggingface_hub import errors

    _trust(settings)
    cache = _cache(settings)
    commit = pinned(model, settings)
    if commit:
        try:
            return Path(hf.snapshot_download(model, revision=commit, cache_dir=cache, local_files_only=True)), commit
        except (errors.LocalEntryNotFoundError, OSError):
            pass  # pinned, and since removed from the cache: fetch that commit again
    if settings.offline:
        raise ModelUnreachable(model=model, reason="LOGITSCOPE_OFFLINE")
    try:
        info = hf.HfApi().model_info(model, revision=commit)
        _check(model, info)
        folder = hf.snapshot_download(model, revision=info.sha, cache_dir=cache, allow_patterns=FILES)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise ModelUnknown(model=model) from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, OSError) as error:
        raise ModelUnreachable(model=model, reason=type(error).__name__) from error
    except Exception as error:
        # the hub's HTTP client has errors of its own; anything else is our mistake
        if type(error).__module__.split(".")[0].startswith(("httpx", "httpcore")):
            raise ModelUnreachable(model=model, reason=type(error).__name__) from error
        raise
    pin(model, str(info.sha), settings)
    return Path(folder), str(info.sha)


def _check(model: str, info: Any) -> None:
    names = [sibling.rfilename for sibling in info.siblings or []]
    if not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise ModelUnsafe(model=model, reason="it has no weights as safetensors")
    if "auto_map" in (info.config or {}):
        raise ModelUnsafe(model=model, reason="it brings code of its own (auto_map)")


def _trust(settings: Settings) -> None:
    """Have downloads trust the operator's certificates (the hub's client reads these variables)."""
    if settings.ca_bundle:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            os.environ[name] = settings.ca_bundle


def _cache(settings: Settings) -> Path | None:
    """``None``: where ``HF_HOME`` says."""
    return None if os.environ.get("HF_HOME") else settings.cache_dir / "hub"


def pinned(model: str, settings: Settings) -> str | None:
    """The commit that `model` was first fetched at."""
    found = _pins(settings).get(model)
    return str(found) if found else None


def _pins(settings: Settings) -> dict[str, str]:
    try:
        found = json.loads((settings.cache_dir / PINS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def pin(model: str, commit: str, settings: Settings) -> None:
    """Remember `commit`, so that the same id means the same weights ever after; atomic and safe between processes."""
    import filelock

    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(settings.cache_dir / f"{PINS}.lock"):
        pins = _pins(settings) | {model: commit}
        with tempfile.NamedTemporaryFile("w", dir=settings.cache_dir, delete=False, encoding="utf-8") as file:
            json.dump(pins, file, indent=1)
        Path(file.name).replace(settings.cache_dir / PINS)
