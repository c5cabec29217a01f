"""The components' JavaScript and CSS: files beside the Python, joined and passed inline."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def source(*names: str) -> str:
    """The named files of this folder as one text, in order: an inline module cannot import its neighbours."""
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)
