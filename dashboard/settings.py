"""Settings: what the operator decides, from the environment or one TOML file. Standard library only."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dashboard.errors import SettingInvalid

PREFIX = "LOGITSCOPE_"
BUNDLED = "smollm2-135m-instruct"


def default_cache_dir() -> Path:
    """The user's cache folder for this system, ``…/logitscope``."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "logitscope"


@dataclass(frozen=True)
class Settings:
    """One field a setting. Environment: ``LOGITSCOPE_`` + upper-case name; file: the same names in lower case."""

    model: str = BUNDLED
    """The model that a page opens with."""
    models: tuple[str, ...] = (
        BUNDLED,
        "gpt2",
        "distilgpt2",
        "openai-community/gpt2-medium",
        "HuggingFaceTB/SmolLM2-360M-Instruct",
        "Qwen/Qwen3-0.6B",
        "EleutherAI/pythia-160m",
    )
    """Models that may be chosen, in the list's order; ``*`` as an entry allows any id of the hub."""
    local_models: tuple[str, ...] = ()
    """Folders with a config, a tokenizer and safetensors; each becomes ``local/<folder name>``."""
    cache_dir: Path = field(default_factory=default_cache_dir)
    """Where models and background jobs are kept."""
    ca_bundle: str = ""
    """File of certificates to trust when downloading; empty: the system's."""
    offline: bool = False
    """Never ask the hub; only what is on this machine."""
    device: str = "auto"
    """``auto`` (cuda, mps, xpu, cpu: the first there is) or a torch device."""
    dtype: str = "float32"
    """``float32``, ``bfloat16``, ``float16`` or ``auto`` (as stored). Anything but float32 changes numbers."""
    threads: int = 0
    """CPU threads for torch; 0: by what is computed and by how busy the machine is (`dashboard.engine.threads`)."""
    max_models: int = 2
    """Models held in memory at once."""
    max_tokens: int = 0
    """Longest prompt [tokens]; 0: what the model reads."""
    max_generated: int = 50_000
    """Most tokens that one run of texts may make, over all its rows."""
    max_scored: int = 2_000_000
    """Most tokens that one request may score or put through the model for it."""
    run_bytes: int = 2 << 30
    """Memory for runs of all users together [bytes]."""
    jobs_bytes: int = 2 << 30
    """Disk for background jobs of all users together [bytes]; the oldest finished ones are removed first."""
    busy_seconds: float = 120.0
    """How long a run waits for the device before it says so [s]."""
    language: str = "auto"
    """``en``, ``es`` or ``auto`` (the browser's)."""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the file that ``LOGITSCOPE_CONFIG`` names, then the environment, which wins.

        Raises:
            SettingInvalid: names the setting, its value and what it should be.
        """
        environ = os.environ if environ is None else environ
        raw: dict[str, object] = {}
        if path := environ.get(PREFIX + "CONFIG"):
            raw.update(_read_file(path))
        raw.update(
            {f.name: environ[PREFIX + f.name.upper()] for f in fields(cls) if PREFIX + f.name.upper() in environ}
        )
        default = cls()
        return replace(default, **{name: _convert(name, value, getattr(default, name)) for name, value in raw.items()})


def _read_file(path: str) -> dict[str, object]:
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingInvalid(setting="config", value=path, reason=str(error)) from error
    for name in found.keys() - {f.name for f in fields(Settings)}:
        raise SettingInvalid(setting=name, value=found[name], reason="there is no such setting")
    return found


def _convert(name: str, value: object, default: object) -> Any:
    try:
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if isinstance(default, bool):
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}[
                str(value).lower()
            ]
        if isinstance(default, Path):
            return Path(str(value)).expanduser()
        converted = type(default)(value)  # type: ignore[call-arg]
        if isinstance(converted, int | float) and not converted >= 0:
            raise ValueError("it must be 0 or more")
        return converted
    except (KeyError, TypeError, ValueError) as error:
        raise SettingInvalid(setting=name, value=value, reason=str(error)) from error
