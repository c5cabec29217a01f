"""Tokens as data, and as a person sees them: every character visible, nothing interpreted."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_GLYPHS = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Zs"}
NO_CHARACTER = "\ufffd"
"""Stands for bytes that are no character."""
ISOLATE = "\u2068{}\u2069"
_STEERING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Token:
    """One token of a prompt, as data."""

    id: int
    piece: str
    """As the tokenizer writes it (``Ġclass``, ``▁the``, ``<0x0A>``)."""
    text: str | None
    """In a prompt the text that it stands for as it was typed, by itself what its piece says; a special token's is its
    name. ``None`` when its bytes alone are not valid UTF-8."""
    raw: bytes
    """In a prompt the bytes of the typed text that it stands for: those of all tokens join to it, and a token that the
    tokenizer adds has none. By itself those of its piece."""
    special: bool


def without_surrogates(text: str) -> str:
    """`text` with the replacement character for lone surrogates, which no tokenizer and no UTF-8 file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def continues_word(character: str) -> bool:
    """Whether a word may go on with it: a letter, digit, mark, joiner, or a piece of a broken character.

    Marks are accents and vowel signs. The Code tab's scripts say the same in ``templates/word.py.txt``.
    """
    category = unicodedata.category(character)
    return category[0] in "LNM" or category == "Cf" or character == NO_CHARACTER


def visible(token: Token) -> str:
    """The token's text with space as ``·``, newline as ``⏎``, broken bytes as hex, hidden characters by code point.

    So is a ``·`` or ``⏎`` of the text itself: it is no space.
    """
    if token.text is None:
        return "".join(f"‹{byte:02X}›" for byte in token.raw) or "‹ ›"
    parts = re.split(f"([{''.join(_GLYPHS.values())}])", token.text)
    return "".join(_code_point(part) if place % 2 else visible_text(part) for place, part in enumerate(parts)) or "‹ ›"


def in_sentence(token: Token) -> str:
    """A token that a sentence names: `visible`, as every chart labels it; the direction of its text stays its own."""
    return ISOLATE.format(visible(token))


def plain(token: Token) -> str:
    """A token as a part of a text that is read: `visible` with blanks for ``·``."""
    return visible(token).replace("·", " ")  # a dot of the text itself stands there as its code


def visible_text(text: str) -> str:
    """`text` with every character that does not show (or that steers its neighbours) made visible."""
    shown = "".join(_visible_character(character) for character in text)
    return "◌" + shown if shown and unicodedata.combining(shown[0]) else shown


def steered_by_none(text: str) -> str:
    """`text` of several lines as typed; characters that turn the direction of what follows stand as their codes."""
    return _STEERING.sub(lambda match: _code_point(match[0]), text)


def _visible_character(character: str) -> str:
    if character in _GLYPHS:
        return _GLYPHS[character]
    return _code_point(character) if unicodedata.category(character) in _HIDDEN_CATEGORIES else character


def _code_point(character: str) -> str:
    return f"‹U+{ord(character):04X}›"


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
