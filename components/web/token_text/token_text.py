"""The running text as tokens: coloured by a weight, walked through by keyboard, picked from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike, NDArray

from components.web.shared.source import source
from components.web.shared.weight_steps import weight_steps
from dashboard.i18n import Catalogue

_text = st.components.v2.component(
    "token_text",
    html=source("token_text/token_text.html"),
    css=source("shared/card.css", "token_text/token_text.css"),
    js=source(
        "shared/life.js",
        "shared/catalogue_text.js",
        "shared/card.js",
        "shared/contrast.js",
        "shared/nearest_line.js",
        "token_text/token_window.js",
        "token_text/token_text.js",
    ),
)


def token_text(
    *,
    tokens: Sequence[str],
    weights: ArrayLike | None,
    selected: int | None,
    hover: Sequence[str],
    lut: NDArray[np.uint8],
    dark: bool,
    text: Catalogue,
    key: str,
    on_pick: Callable[[int], None] | None,
    special: Sequence[bool] | None = None,
    below: Sequence[str] | None = None,
    hits: Sequence[bool] | None = None,
    max_height: int = 220,
) -> None:
    """Draw the tokens as wrapped text; a picked one reaches `on_pick` before the page runs again.

    Args:
        tokens: visible labels; one with ``⏎`` also ends its line.
        weights: (token,) in [0, 1], the background; NaN: no background. ``None``: plain text.
        selected: index to mark, if any.
        hover: one text a token, shown under the pointer and on focus.
        lut: (256, 3) colours of the weights 0..1.
        dark: whether the page is dark.
        text: the catalogue.
        key: widget key.
        on_pick: called with the index; ``None``: the text can only be read.
        special: which tokens are special (drawn apart).
        below: one visible label a token, written below it, e.g. what the model says next; shortened where it is long.
        hits: with `below`: which of them get a tick.
        max_height: a longer text scrolls inside this height [CSS px].

    Raises:
        ValueError: the arguments that hold one value a token differ in length.
    """
    special = [False] * len(tokens) if special is None else special
    steps = None if weights is None else weight_steps(weights)
    _check_lengths(tokens=tokens, hover=hover, special=special, weights=steps, below=below, hits=hits)

    def picked() -> None:
        index = st.session_state[key].get("pick")
        if index is not None and on_pick is not None:
            on_pick(int(index))

    data = {
        "tokens": list(tokens),
        "steps": steps,
        "selected": selected,
        "hover": list(hover),
        "special": [bool(flag) for flag in special],
        "below": None if below is None else list(below),
        "hits": None if hits is None else [bool(flag) for flag in hits],
        "colours": np.asarray(lut).tolist(),
        "dark": dark,
        "pickable": on_pick is not None,
        "max_height": max_height,
        "words": _words(text),
    }
    _text(key=key, data=data, on_pick_change=picked)


def _check_lengths(**given: Sequence[object] | None) -> None:
    lengths = {name: len(values) for name, values in given.items() if values is not None}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"one value a token is needed: {lengths}")


def _words(text: Catalogue) -> dict[str, str]:
    words = {name: text(f"web.tokens.{name}") for name in ("label", "more_before", "more_after")}
    return words | {"locale": text.locale}
