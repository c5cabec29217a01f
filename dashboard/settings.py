"""Settings: what the operator decides, from the environment or one TOML file. Standard library only."""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from dashboard.errors import SettingInvalid, SettingUnknown

PREFIX = "LOGITSCOPE_"
BUNDLED = "smollm2-135m-instruct"
CACHED = "cache/*"
_SWITCH = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off", ""), False)
_UNITS = {"": 1, "b": 1} | {
    f"{letter}{end}": base**power
    for power, letter in enumerate("kmgt", 1)
    for end, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
"""Units of bytes in lower case."""
SECRETS = ("database", "engine_key")
"""Settings that may hold a password: never shown whole."""
BYTES = ("run_bytes", "result_bytes", "jobs_bytes")
_FOLDERS = ("cache_dir", "data_dir")


@dataclass(frozen=True)
class Settings:
    """One field a setting. Environment: ``LOGITSCOPE_`` + upper-case name; file: the same names in lower case."""

    model: str = BUNDLED
    """The model that a page opens with."""
    models: tuple[str, ...] = (
        BUNDLED,
        CACHED,
        "gpt2@*",
        "distilgpt2@*",
        "openai-community/gpt2-medium@*",
        "HuggingFaceTB/SmolLM2-360M-Instruct@*",
        "Qwen/Qwen3-0.6B@*",
        "EleutherAI/pythia-160m@*",
    )
    """Models that may be chosen: ids of the hub, ``name@revision``, ``name@*`` (any revision of it), ``cache/*`` (all
    in this machine's Hugging Face cache), ``*`` (any id that the hub shows to everybody)."""
    local_models: tuple[str, ...] = ()
    """Folders with a config, a tokenizer and safetensors, folders of LoRA adapters, and GGUF files; each becomes
    ``local/<its name>``."""
    cache_dir: Path | None = None
    """Where models and the log are; nothing: the user's cache folder (`dashboard.process.folders`)."""
    data_dir: Path | None = None
    """Where jobs, saved views and the commits of fetched models are; nothing: `cache_dir`, else the user's data
    folder."""
    database: str = field(default="", repr=False)
    """Where saved views and long links are: ``postgresql://user:password@host/name``; nothing: SQLite in `data_dir`."""
    engine_url: str = ""
    """Where the gate of an engine in another process is: ``http://host:8600``; nothing: models are in this process."""
    engine_key: str = field(default="", repr=False)
    """What the gate asks for, and what dashboards show it; at least 16 characters."""
    engine_fallback: bool = False
    """Whether a dashboard that finds no gate when it starts computes in its own process instead."""
    ca_bundle: str = ""
    """File of certificates to trust when downloading; empty: the system's."""
    offline: bool = False
    """Never ask the hub; only what is on this machine."""
    device: str = "auto"
    """``auto`` (cuda, mps, xpu, cpu: the first there is) or a torch device."""
    dtype: str = "float32"
    """``float32``, ``bfloat16``, ``float16`` or ``auto`` (as stored). Anything but float32 changes numbers."""
    threads: int = 0
    """CPU threads for torch; 0: by the size of the work and the load of the machine (`engine.device.threads`)."""
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
    result_bytes: int = 256 << 20
    """Memory for texts, scores and trees of all users together, kept so that nothing is computed twice [bytes]."""
    jobs_bytes: int = 2 << 30
    """Disk for background jobs of all users together [bytes]; the oldest finished ones are removed first."""
    busy_seconds: float = 120.0
    """How long a run waits for the device before it says so [s]."""
    check_links: bool = False
    """Whether the main chart of a link that is opened is checked against plain transformers by itself."""
    language: str = "auto"
    """``en``, ``es`` or ``auto`` (the browser's)."""
    embed_origins: tuple[str, ...] = ()
    """Whose pages may show ours in a frame, beside our own: ``https://course.example``, ``*`` (anyone's)."""

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the file that ``LOGITSCOPE_CONFIG`` names, then the environment, which wins.

        Raises:
            SettingInvalid: names the setting, its value and what it should be.
        """
        raw = _given(os.environ if environ is None else environ)
        default = cls()
        return replace(default, **{name: _setting(name, raw[name][0], getattr(default, name)) for name in raw})


def origins(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Where the settings that are given come from, by name: a variable of the environment or the path of the file.

    Raises:
        SettingInvalid: the file cannot be read.
    """
    return {name: origin for name, (_, origin) in _given(os.environ if environ is None else environ).items()}


def _given(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    """Settings as they are given, with where; what the environment says replaces what the file says."""
    path = environ.get(PREFIX + "CONFIG")
    given = {name: (value, path) for name, value in _read_file(path).items()} if path else {}
    variables = {f.name: PREFIX + f.name.upper() for f in fields(Settings)}
    return given | {name: (environ[variable], variable) for name, variable in variables.items() if variable in environ}


def unknown(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Variables that look like settings and are none, each with the one that may have been meant."""
    known = [name.upper() for name in ("config", "require_browser", *(f.name for f in fields(Settings)))]
    given = (name for name in (os.environ if environ is None else environ) if name.startswith(PREFIX))
    strange = sorted(name.removeprefix(PREFIX) for name in given if name.removeprefix(PREFIX) not in known)
    meant = {name: difflib.get_close_matches(name, known, 1) for name in strange}
    return tuple(PREFIX + name + (f" ({PREFIX}{near[0]}?)" if near else "") for name, near in meant.items())


def _read_file(path: str) -> dict[str, object]:
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingInvalid(setting="config", value=path, reason=str(error)) from error
    known = [f.name for f in fields(Settings)]
    for name in found.keys() - set(known):
        raise SettingUnknown(setting=name, file=path, nearest=difflib.get_close_matches(name, known, 1, 0)[0])
    return found


def _setting(name: str, value: object, default: object) -> Any:
    """The value of one setting.

    Raises:
        SettingInvalid: with what it should be.
    """
    if value == "" and not isinstance(default, tuple | bool):
        return default  # set to nothing: as if it were not set
    try:
        converted = _convert(name, value, default)
        parts = converted if isinstance(converted, tuple) else (converted,)
        if name in ALLOWED and not all(re.fullmatch(ALLOWED[name][0], str(part)) for part in parts):
            raise ValueError(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        shown = without_password(str(value)) if name in SECRETS else value
        raise SettingInvalid(setting=name, value=shown, reason=_possible(name, default)) from None
    return converted


def without_password(address: str) -> str:
    """An address to be shown: what may be a password, before the host or behind a question mark, as ``***``."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return "***"
    before, at, host = rest.rpartition("@")
    user = before.partition(":")[0]
    place, question, _ = host.partition("?")
    return f"{scheme}://" + f"{user}:***@" * bool(at) + place + "?***" * bool(question)


def _convert(name: str, value: object, default: object) -> Any:
    """`value` as the kind of `default`. Raises KeyError, TypeError, ValueError or OverflowError where it cannot be."""
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if isinstance(default, bool):
        return _SWITCH[str(value).strip().lower()]
    if name in _FOLDERS:
        return Path(str(value)).expanduser()
    if isinstance(default, int | float):
        return _number(name, value, type(default))
    return str(value).strip()


def _number(name: str, value: object, kind: type[int] | type[float]) -> int | float:
    converted = _nbytes(value) if name in BYTES else kind(str(value))
    if not (math.isfinite(converted) and converted >= 0):
        raise ValueError(value)
    return converted


def _nbytes(value: object) -> int:
    """Bytes, as a number or with a unit: ``4 GiB``, ``512 MB``, ``1.5g``."""
    found = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([a-z]*)", str(value).strip().lower())
    if found is None or found[2] not in _UNITS or ("." in found[1] and _UNITS[found[2]] == 1):
        raise ValueError(value)
    return round(float(found[1]) * _UNITS[found[2]]) if "." in found[1] else int(found[1]) * _UNITS[found[2]]


def _possible(name: str, default: object) -> str:
    """What a setting can be, for people of any language."""
    kinds = [(bool, " | ".join(filter(None, _SWITCH))), (int, "0 | 1 | 2 | …"), (float, "0 | 0.5 | 1 | …")]
    by_kind = next((words for kind, words in kinds if isinstance(default, kind)), "[…, …]")
    return f"{name} = " + ALLOWED.get(name, ("", _SIZES if name in BYTES else by_kind))[1]


_SIZES = "2147483648 | 2 GiB | 512 MB"
ALLOWED = {
    "max_models": (r"[1-9][0-9]*", "1 | 2 | 3 | …"),
    "run_bytes": (r"[1-9][0-9]*", _SIZES),
    "result_bytes": (r"[1-9][0-9]*", _SIZES),
    "language": (r"auto|en|es", "auto | en | es"),
    "embed_origins": (r"\*|https?://[A-Za-z0-9.*:-]+", "https://…,https://… | *"),
    "engine_url": (r"(https?://[^\s/@]+(/\S*)?)?", "http://…:8600 | https://…"),
    "engine_key": (r"([!-~]{16,})?", "openssl rand -hex 32"),
    "database": (r"(postgres(ql)?://\S+)?", "postgresql://…@…/…"),
    "device": (r"auto|cpu|mps|(cuda|xpu)(:[0-9]+)?", "auto | cuda | cuda:1 | mps | xpu | cpu"),
    "dtype": (r"auto|float32|bfloat16|float16", "float32 | bfloat16 | float16 | auto"),
}
"""What some settings can be: as a pattern, and for people."""
