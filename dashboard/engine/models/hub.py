"""Models of the Hugging Face hub: commit pinned at the first fetch, safetensors only, from the cache when offline."""

from __future__ import annotations

import errno
import glob
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from dashboard.engine.device.memory import first_line
from dashboard.engine.models import model_folder
from dashboard.errors import CacheUnwritable, DashboardError, ModelBroken, ModelUnknown, ModelUnreachable, ModelUnsafe
from dashboard.process.folders import cache_folder, data_folder
from dashboard.settings import Settings

PINS = "pins.json"


def fetch(model: str, settings: Settings) -> tuple[Path, str]:
    """Folder with the files of `model`, and their commit.

    Raises:
        ModelUnknown: the hub has no such model, or denies it to this user.
        ModelUnreachable: it is not on this machine and the hub cannot be reached.
        ModelUnsafe: no weights as safetensors, or code of its own.
        CacheUnwritable: the cache cannot be written.
    """
    import huggingface_hub as hf
    from huggingface_hub import errors

    _trust_certificates(settings)
    cache = _hub_cache(settings)
    commit = pinned_commit(model, settings)
    if commit:
        try:
            folder = Path(hf.snapshot_download(model, revision=commit, cache_dir=cache, local_files_only=True))
            if _is_complete(folder, model):
                return folder, commit
        except (errors.LocalEntryNotFoundError, OSError):
            pass  # removed from the cache: fetch the pinned commit again
    if settings.offline:
        raise ModelUnreachable(model=model, reason="LOGITSCOPE_OFFLINE")
    try:
        info = hf.HfApi().model_info(model, revision=commit)
        _check(model, info)
        folder = _download(model, info, cache)
        pin(model, str(info.sha), settings)
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise ModelUnknown(model=model) from error
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, OSError) as error:
        if getattr(error, "errno", None) in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
            raise CacheUnwritable(folder=cache or os.environ["HF_HOME"], reason=first_line(error)) from error
        raise ModelUnreachable(model=model, reason=type(error).__name__) from error
    except Exception as error:
        # the hub's HTTP client has errors of its own; anything else is our mistake
        if type(error).__module__.split(".")[0].startswith(("httpx", "httpcore")):
            raise ModelUnreachable(model=model, reason=type(error).__name__) from error
        raise
    return folder, str(info.sha)


def _download(model: str, info: Any, cache: Path | None) -> Path:
    """Download only what transformers would read: the small files first, which name the weight files."""
    import huggingface_hub as hf

    names = [sibling.rfilename for sibling in info.siblings or []]
    small = [n for n in names if "/" not in n and any(Path(n).match(p) for p in model_folder.SMALL)]
    templates = [n for n in names if n.startswith("additional_chat_templates/") and n.endswith(".jinja")]
    if not small:
        raise ModelBroken(model=model, reason="it has no config.json")
    revision: dict[str, Any] = {"revision": info.sha, "cache_dir": cache}
    folder = Path(hf.snapshot_download(model, allow_patterns=[glob.escape(n) for n in small + templates], **revision))
    config = model_folder.read_config(folder, model)
    weights = model_folder.weight_names(folder, config, model, available=names)
    hf.snapshot_download(model, allow_patterns=[glob.escape(name) for name in weights], **revision)
    return folder


def _is_complete(folder: Path, model: str) -> bool:
    """Whether all files of a download are still there."""
    try:
        model_folder.check_links(folder, model)
        config = model_folder.read_config(folder, model)
        return all((folder / name).is_file() for name in model_folder.weight_names(folder, config, model))
    except DashboardError:
        return False


def _check(model: str, info: Any) -> None:
    """Raise ModelUnsafe where the hub's metadata show that the model cannot be loaded, before anything is fetched."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    names = [sibling.rfilename for sibling in info.siblings or []]
    if not any(name.endswith(".safetensors") and "/" not in name for name in names):
        raise ModelUnsafe(model=model, reason="it has no weights as safetensors")
    config = info.config or {}
    if "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING_NAMES:
        raise ModelUnsafe(model=model, reason="it brings code of its own (auto_map)")


def _trust_certificates(settings: Settings) -> None:
    """Have downloads trust the operator's certificates (the hub's client reads these variables)."""
    if settings.ca_bundle:
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            os.environ[name] = settings.ca_bundle


def _hub_cache(settings: Settings) -> Path | None:
    """Folder of the hub's cache; ``None``: as ``HF_HOME`` says."""
    return None if os.environ.get("HF_HOME") else cache_folder(settings) / "hub"


def pinned_commit(model: str, settings: Settings) -> str | None:
    """The commit of the first fetch of `model`."""
    commit = _pins(settings).get(model)
    return str(commit) if commit else None


def _pins(settings: Settings) -> dict[str, str]:
    """Those of the data folder, and of the cache folder, where earlier versions had them."""
    return _pins_in(cache_folder(settings)) | _pins_in(data_folder(settings))


def _pins_in(folder: Path) -> dict[str, str]:
    try:
        pins = json.loads((folder / PINS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return pins if isinstance(pins, dict) else {}


def pin(model: str, commit: str, settings: Settings) -> None:
    """Store `commit`, so that the same id always means the same weights; atomic and safe between processes."""
    import filelock

    folder = data_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / f"{PINS}.lock"):
        pins = _pins(settings) | {model: commit}
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            json.dump(pins, file, indent=1)
        Path(file.name).replace(folder / PINS)
