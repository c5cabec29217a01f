"""Tokens as a person sees them: every character visible, nothing interpreted."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Sequence

from dashboard.engine.base import Token

_GLYPHS = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"}
ISOLATE = "\u2068{}\u2069"


def visible(token: Token) -> str:
    """The token's text with space as ``·``, newline as ``⏎``, broken bytes as hex, hidden characters by code point."""
    if token.text is None:
        return "".join(f"‹{byte:02X}›" for byte in token.raw) or "‹ ›"
    return visible_text(token.text) or "‹ ›"


def visible_text(text: str) -> str:
    """`text` with every character that does not show (or that steers its neighbours) made visible."""
    shown = "".join(_visible_character(character) for character in text)
    return "◌" + shown if shown and unicodedata.combining(shown[0]) else shown


def _visible_character(character: str) -> str:
    if character in _GLYPHS:
        return _GLYPHS[character]
    if unicodedata.category(character) in _HIDDEN_CATEGORIES:
        return f"‹U+{ord(character):04X}›"
    return character


def shortened(text: str, length: int = 14) -> str:
    """At most `length` characters, the cut marked by ``…``."""
    return text if len(text) <= length else text[: length - 1] + "…"


def plotly_label(text: str) -> str:
    """`text` so that Plotly shows it literally: tags, template braces and TeX signs escaped, direction isolated.

    Plotly turns the entities back when it draws, after it has looked for tags, ``%{…}`` and (in notebooks) ``$…$``.
    """
    return ISOLATE.format(html.escape(text, quote=False).replace("%{", "%&#123;").replace("$", "&#36;"))


def axis_labels(tokens: Sequence[Token], length: int = 14) -> list[str]:
    """One tick label a token, literal in Plotly."""
    return [plotly_label(shortened(visible(token), length)) for token in tokens]
