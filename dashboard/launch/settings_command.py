"""The command ``settings``: what is in force and where it comes from, as a settings file, or the schema of such a file.

Standard library only: it answers before anything is installed.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from dashboard import __version__, settings
from dashboard.i18n import Catalogue
from dashboard.settings import ALLOWED, BYTES, PREFIX, SECRETS, Settings, origins, unknown, without_password

_BYTES_WRITTEN = r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*([kKmMgGtT]([iI]?[bB])?)\s*$"
"""Bytes with a unit, as `dashboard.settings` reads them; plain numbers may be numbers."""


def show(options: argparse.Namespace, text: Catalogue) -> int:
    """Print the settings, or with ``--schema`` what a settings file may hold. Raises SettingInvalid."""
    if options.schema:
        print(json.dumps(schema(), indent=2, ensure_ascii=False), flush=True)
        return 0
    print(settings_file(text), flush=True)
    for name in unknown():
        print("# " + text("launcher.unknown_setting", name=name))
    return 0


_WITHOUT = {"cache_dir": "launcher.own_cache", "data_dir": "launcher.own_data"}
"""What folders are where nobody names them."""


# -- what is in force ---------------------------------------------------------------------------------------------
def settings_file(text: Catalogue) -> str:
    """The settings in force as TOML that ``LOGITSCOPE_CONFIG`` can name, each with where it comes from.

    Raises:
        SettingInvalid: names the setting that cannot be read.
    """
    given, places = Settings.load(), origins()
    lines = [f"# Logitscope {__version__}: " + text("launcher.settings_in_force", variable=PREFIX + "CONFIG")]
    for field in fields(Settings):
        value = getattr(given, field.name)
        place = places.get(field.name) or text("launcher.by_default")
        if field.name in SECRETS and value:
            address = toml(without_password(value))
            lines.append(f"# {field.name} = {address}  # {place}; " + text("launcher.password_hidden"))
        elif value is None:
            lines.append(f"# {field.name}: " + text(_WITHOUT[field.name]))
        else:
            lines.append(f"{field.name} = {toml(value)}  # {place}")
    return "\n".join(lines)


def toml(value: object) -> str:
    """A setting's value as TOML writes it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(part) for part in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        # a string of JSON is one of TOML, but for one character that JSON leaves as it is
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


# -- schema -------------------------------------------------------------------------------------------------------
def schema() -> dict[str, Any]:
    """JSON schema (2020-12) of the settings file: kinds, bounds, defaults, and what each setting means."""
    meanings, default = _meanings(), Settings()
    properties = {
        field.name: {
            "description": meanings[field.name],
            **_kind(field.name, getattr(default, field.name)),
            **_default(getattr(default, field.name)),
        }
        for field in fields(Settings)
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Logitscope {__version__}",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _kind(name: str, default: object) -> dict[str, Any]:
    if isinstance(default, tuple):
        return {"type": "array", "items": {"type": "string"}}
    if isinstance(default, bool):
        return {"type": "boolean"}
    if isinstance(default, int | float):
        number = {"type": "integer" if isinstance(default, int) else "number", "minimum": int(name in ALLOWED)}
        return {"anyOf": [number, {"type": "string", "pattern": _BYTES_WRITTEN}]} if name in BYTES else number
    return {"type": "string"} | ({"pattern": f"^({ALLOWED[name][0]})$"} if name in ALLOWED else {})


def _default(value: object) -> dict[str, Any]:
    return {} if value is None else {"default": list(value) if isinstance(value, tuple) else value}


def _meanings() -> dict[str, str]:
    """What each setting means, by its name: the words that stand below it in the class."""
    source = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    (body,) = (node.body for node in source.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    return {
        node.target.id: " ".join(words.value.value.replace("`", "").split())
        for node, words in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
        and isinstance(words.value.value, str)
    }
