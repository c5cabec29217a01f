"""The components' JavaScript, HTML and CSS: files beside the Python, joined and passed inline."""

from __future__ import annotations

from pathlib import Path

_WEB = Path(__file__).parents[1]


def source(*names: str) -> str:
    """The named files below ``components/web`` as one text, in order: an inline module cannot import its neighbours."""
    return "\n".join((_WEB / name).read_text(encoding="utf-8") for name in names)
