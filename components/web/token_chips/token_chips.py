"""A prompt's tokens as chips, with position and id, and their ids to copy."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from components.web.shared.source import source
from dashboard.i18n import Catalogue
from dashboard.tokens import Token, visible

SPACES = ("Ġ", "▁")
"""How tokenizers spell a space at a token's beginning (byte-level, SentencePiece)."""

_chips = st.components.v2.component(
    "token_chips",
    html=source("token_chips/token_chips.html"),
    css=source("shared/controls.css", "token_chips/token_chips.css"),
    js=source("shared/life.js", "shared/clipboard.js", "shared/catalogue_text.js", "token_chips/token_chips.js"),
)


def token_chips(tokens: Sequence[Token], *, text: Catalogue, key: str) -> None:
    """Draw `tokens` in order: position above, text, id below; their shape, and a button that copies the ids.

    Args:
        tokens: of one prompt.
        text: the catalogue.
        key: widget key.
    """
    data = {
        "tokens": [visible(token) for token in tokens],
        "ids": [token.id for token in tokens],
        "pieces": [token.piece for token in tokens],
        "special": [token.special for token in tokens],
        "words": _words(tokens, text),
    }
    _chips(key=key, data=data)


def _words(tokens: Sequence[Token], text: Catalogue) -> dict[str, str]:
    words = {name: text(f"web.chips.{name}") for name in ("label", "more", "copy", "copied", "by_hand", "ids")}
    space = next((sign for sign in SPACES if any(token.piece.startswith(sign) for token in tokens)), None)
    signs = text("web.chips.signs") if space is None else text("web.chips.signs_spelled", sign=space)
    return words | {"shape": text("web.chips.shape", tokens=str(len(tokens))), "signs": signs, "locale": text.locale}
