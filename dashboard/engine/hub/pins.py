"""What this server remembers of models of the hub: the commit of each id, and the name that the hub showed it under."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from dashboard.process.folders import cache_folder, data_folder
from dashboard.settings import Settings

PINS = "pins.json"
"""Id -> commit: the same id always means the same weights, whatever the hub or its cache hold by now."""
NAMES = "hub_names.json"
"""Id -> the hub's own name of it; an id is in it once the hub showed the model to a client without a token."""


def pinned_commit(model: str, settings: Settings) -> str | None:
    """The commit at which `model` was first opened."""
    return pins(settings).get(model)


def pins(settings: Settings) -> dict[str, str]:
    """All of them: those of the data folder, and of the cache folder, where earlier versions had them."""
    return _read(cache_folder(settings) / PINS) | _read(data_folder(settings) / PINS)


def pin(model: str, commit: str, settings: Settings) -> None:
    """Store `commit`. Raises OSError where the data folder cannot be written."""
    if pinned_commit(model, settings) != commit:
        _write(PINS, {model: commit}, settings, before=_read(cache_folder(settings) / PINS))


def public_name(model: str, settings: Settings) -> str | None:
    """The name that the hub showed `model` under to a client without a token; ``None``: it was never asked."""
    return _read(data_folder(settings) / NAMES).get(model)


def keep_public_name(model: str, name: str, settings: Settings) -> None:
    """Store that the hub shows `model` to everyone, as `name`. Raises OSError as `pin`."""
    if public_name(model, settings) != name:
        _write(NAMES, {model: name}, settings, before={})


def _read(path: Path) -> dict[str, str]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in entries.items() if value} if isinstance(entries, dict) else {}


def _write(name: str, entries: dict[str, str], settings: Settings, before: dict[str, str]) -> None:
    """Add `entries` to the file; atomic and safe between processes. `before`: what an earlier file says."""
    import filelock

    folder = data_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / f"{name}.lock"):
        whole = before | _read(folder / name) | entries
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
            json.dump(whole, file, indent=1)
        Path(file.name).replace(folder / name)
