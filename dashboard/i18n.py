"""The message catalogue: every word of the interface, in English and Spanish, and numbers with the region's signs.

``locale/<language>/<topic>.toml`` holds tables of texts; the id of a text is its path, ``attention.title``. Facts are
filled in with ``{name}`` and are never interpreted. A counted noun stands with its count: ``{tokens:token|tokens}`` is
``1 token`` or ``1,234 tokens``.
"""

from __future__ import annotations

import numbers
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "es": "Español"}
_SIGNS = {"en": (".", ","), "es": (",", "."), "es-MX": (".", ",")}
"""The decimal and the thousands sign by locale."""
_AS_IN_MEXICO = {"419", "BR", "BZ", "CU", "DO", "GT", "HN", "MX", "NI", "PA", "PE", "PR", "SV", "US"}
"""Regions whose Spanish writes 1,234.5 (CLDR); the others write 1.234,5."""
_FOLDER = Path(__file__).parent / "locale"


@dataclass(frozen=True)
class Message:
    """A text that is not said yet: as a fact of another one it is said in that one's language."""

    id: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Catalogue:
    """The texts of one language: ``text("attention.title")``.

    Attributes:
        language: one of LANGUAGES.
        locale: whose signs numbers have, for JavaScript's ``toLocaleString``: ``en``, ``es`` or ``es-MX``.
        decimal_sign: of that locale.
    """

    def __init__(self, language: str, browser: str | None = None) -> None:
        """Read the catalogue of `language`; `browser` is its locale, whose region decides the signs of Spanish."""
        self.language = language
        spoken, *region = re.split("[-_]", browser or "")
        mexican = language == spoken == "es" and _AS_IN_MEXICO.intersection(region)
        self.locale = "es-MX" if mexican else language
        self.decimal_sign, thousands = _SIGNS[self.locale]
        self._signs = str.maketrans(".,", self.decimal_sign + thousands)
        self._texts = _texts(language)

    def __call__(self, message_id: str, **facts: object) -> str:
        """The text with its facts filled in.

        Raises:
            KeyError: no such text, or a fact is missing; both are our mistakes.
        """
        return self.fill(self._texts[message_id], facts)

    def fill(self, template: str, facts: Mapping[str, object]) -> str:
        """A text from elsewhere (a lesson's) with its facts filled in, as those of the catalogue. Raises KeyError."""
        written = {name: _Fact(self._write(value)) for name, value in facts.items()}
        return template.format_map(written) if facts else template

    def __contains__(self, message_id: str) -> bool:
        """Whether there is such a text."""
        return message_id in self._texts

    def number(self, value: float, digits: int | None = None, form: str = "f") -> str:
        """`value` with thousands apart and the region's signs.

        Args:
            value: any number.
            digits: decimals, or what `form` counts; ``None``: as many as `value` has.
            form: of Python's formats: ``f``, ``g`` (significant digits) or ``e`` (a power of ten).
        """
        shown = f"{value:,}".removesuffix(".0") if digits is None else f"{value:,.{digits}{form}}"
        return shown.translate(self._signs)

    def _write(self, value: object) -> str:
        """Numbers with the region's signs, messages in this language; everything else as it is."""
        if isinstance(value, Message):
            return self(value.id, **value.facts)
        if isinstance(value, numbers.Integral | float) and not isinstance(value, bool):
            return self.number(value)  # type: ignore[arg-type]
        return str(value)


class _Fact(str):
    """A fact as its text names it: alone, or with the noun that it counts, as ``one|many``."""

    def __format__(self, nouns: str) -> str:
        one, bar, many = nouns.partition("|")
        return f"{self} {one if self == '1' else many}" if bar else str(self)


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
    for choice in (wanted, default, (locale or "")[:2].lower()):
        if choice in LANGUAGES:
            return str(choice)
    return "en"
