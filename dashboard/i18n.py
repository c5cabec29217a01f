"""The message catalogue: every word of the interface, in English and Spanish.

``locale/<language>/<topic>.toml`` holds tables of texts; the id of a text is its path, ``attention.title``. Facts are
filled in with ``{name}`` and are never interpreted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "es": "Español"}
_FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True)
class Message:
    """A text that is not said yet: as a fact of another one it is said in that one's language."""

    id: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Catalogue:
    """The texts of one language: ``text("attention.title")``."""

    def __init__(self, language: str) -> None:
        """Read the catalogue of `language`, one of LANGUAGES."""
        self.language = language
        self._texts = _texts(language)

    def __call__(self, message_id: str, **facts: object) -> str:
        """The text with its facts filled in.

        Raises:
            KeyError: no such text, or a fact is missing; both are our mistakes.
        """
        template = self._texts[message_id]
        return template.format_map({name: self._write(value) for name, value in facts.items()}) if facts else template

    def __contains__(self, message_id: str) -> bool:
        """Whether there is such a text."""
        return message_id in self._texts

    def _write(self, value: object) -> str:
        """Numbers with the language's signs, whole ones with thousands; everything else as it is."""
        if isinstance(value, Message):
            return self(value.id, **value.facts)
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:,}" if self.language == "en" else f"{value:,}".replace(",", ".")
        if isinstance(value, float):
            shown = str(value).removesuffix(".0")
            return shown if self.language == "en" else shown.replace(".", ",")
        return str(value)


@cache
def _texts(language: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for path in sorted((_FOLDER / language).glob("*.toml")):
        for name, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            texts.update(_flatten(name, value))
    return texts


def _flatten(name: str, value: object) -> dict[str, str]:
    if isinstance(value, dict):
        return {k: v for key, child in value.items() for k, v in _flatten(f"{name}.{key}", child).items()}
    return {name: str(value)}


def pick_language(wanted: str | None, locale: str | None, default: str) -> str:
    """The language to open with: the link's, else the operator's, else the browser's, else English."""
    for choice in (wanted, default, (locale or "").split("-")[0].lower()):
        if choice in LANGUAGES:
            return str(choice)
    return "en"
