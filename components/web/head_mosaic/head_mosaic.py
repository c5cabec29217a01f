"""The mosaic: every head of every layer as one canvas, to be hovered, walked through by keyboard and picked from."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.web.shared.source import source
from dashboard.i18n import Catalogue
from dashboard.tokens import shortened

Bytes = NDArray[np.uint8]

MESSAGE_BYTES = 2_000_000
"""One mosaic sends at most so much to the browser, whatever the model and the prompt."""
ORDERED_TILES = 1024
"""In order of a metric at most so many heads are drawn: what is interesting stands first."""
_TOKEN_LENGTH = 40
_WORDS = (
    *("head", "token", "span", "weight", "weight_pooled", "later", "first_hidden", "missing", "picked", "keys"),
    *("axes", "ordered", "scale"),
)
_CELL_BYTES = 500
"""Room for a cell's two labels in the header, whatever the script."""

_mosaic = st.components.v2.component(
    "head_mosaic",
    html=source("head_mosaic/head_mosaic.html"),
    css=source("shared/card.css", "head_mosaic/head_mosaic.css"),
    js=source(
        "shared/life.js",
        "shared/catalogue_text.js",
        "shared/card.js",
        "head_mosaic/mosaic_layout.js",
        "head_mosaic/mosaic_picture.js",
        "head_mosaic/mosaic_words.js",
        "head_mosaic/mosaic_reveal.js",
        "head_mosaic/head_mosaic.js",
    ),
)
_mark = st.components.v2.component("head_mosaic_mark", js=source("head_mosaic/mosaic_mark.js"))


def head_mosaic(
    *,
    tiles: Bytes,
    first_column: Bytes,
    order: Sequence[tuple[int, int]],
    flow: str,
    captions: Sequence[str],
    tokens: Sequence[str],
    block: int,
    selected: tuple[int, int],
    hide_first: bool,
    lut: Bytes,
    text: Catalogue,
    key: str,
    on_pick: Callable[[int, int], None],
    missing: AbstractSet[int] = frozenset(),
    shape: tuple[str, str] = ("", ""),
) -> None:
    """Draw the mosaic; a picked head reaches `on_pick` in the callback phase, before the page runs again.

    The container ``<key>_detail`` comes into view then.

    Args:
        tiles: (layer, head, side, side) weight x 255, each cell the largest of ``block x block`` weights.
        first_column: (layer, head, side) replaces column 0 when `hide_first`: the same without key 0.
        order: (layer, head) pairs to draw; their sequence matters for the ordered flow.
        flow: ``grid`` (layers left to right, heads top to bottom) or ``ordered`` (reading order, with captions).
        captions: one a pair of `order`, e.g. the metric's value; may be empty texts.
        tokens: visible label of every token of the prompt.
        block: tokens that a cell stands for along each side.
        selected: (layer, head) to mark.
        hide_first: leave out what heads give to the first token.
        lut: (256, 3) colours of the steps 0..255.
        text: the catalogue.
        key: widget key; ``session_state[key]`` holds the pick during its callback.
        on_pick: called with layer and head.
        missing: layers without attention: hatched, cannot be picked.
        shape: how many weights there are, above the tiles; and the tensors that hold them, on hover.
    """
    message = mosaic_message(
        tiles=tiles,
        first_column=first_column,
        order=order,
        flow=flow,
        captions=captions,
        tokens=tokens,
        block=block,
        hide_first=hide_first,
        lut=lut,
        text=text,
        name=key,
        missing=missing,
        shape=shape,
    )

    with st.container(gap=None):
        _mosaic(key=key, data=message, on_pick_change=partial(_picked, key, on_pick))
        # apart from the tiles: Streamlit does not send an unchanged message again
        _mark(key=f"{key}_mark", data={"mosaic": key, "selected": [int(selected[0]), int(selected[1])]})


def _picked(key: str, on_pick: Callable[[int, int], None]) -> None:
    if pick := st.session_state[key].get("pick"):
        on_pick(int(pick["layer"]), int(pick["head"]))


def mosaic_message(
    *,
    tiles: Bytes,
    first_column: Bytes,
    order: Sequence[tuple[int, int]],
    flow: str,
    captions: Sequence[str],
    tokens: Sequence[str],
    block: int,
    hide_first: bool,
    lut: Bytes,
    text: Catalogue,
    name: str,
    missing: AbstractSet[int] = frozenset(),
    shape: tuple[str, str] = ("", ""),
) -> bytes:
    """What `head_mosaic` sends: length of the header (uint32), header (JSON), `lut`, one tile a head; <= MESSAGE_BYTES.

    Raises:
        ValueError: `order` and `captions` differ in length, or `flow` is unknown.
    """
    if len(order) != len(captions) or flow not in {"grid", "ordered"}:
        raise ValueError(f"{len(order)} heads, {len(captions)} captions, flow {flow!r}")
    shown = [(pair, caption) for pair, caption in zip(order, captions, strict=True) if pair[0] not in missing]
    cut = ""
    if flow == "ordered" and len(shown) > ORDERED_TILES:
        cut = text("web.mosaic.cut", shown=ORDERED_TILES, heads=len(shown))
        shown = shown[:ORDERED_TILES]
    header: dict[str, object] = {
        "flow": flow,
        "layers": tiles.shape[0],
        "heads": tiles.shape[1],
        "order": [[int(layer), int(head)] for (layer, head), _ in shown],
        "captions": [caption for _, caption in shown],
        "name": name,
        "shape": shape,
        "hide_first": hide_first,
        "missing": sorted(int(layer) for layer in missing),
        "words": _words(text, tiles.shape[0], tiles.shape[1], hide_first=hide_first) | {"cut": cut},
    }
    room = MESSAGE_BYTES - len(_json(header)) - lut.size - tiles.shape[-1] * _CELL_BYTES
    drawn = _tiles_in_order(tiles, first_column, [pair for pair, _ in shown], hide_first=hide_first)
    drawn, factor = pooled_to_fit(drawn, room)
    header |= {"side": drawn.shape[-1], "block": block * factor}
    header["cells"] = _cells(tokens, block * factor, drawn.shape[-1])
    encoded = _json(header)
    return struct.pack("<I", len(encoded)) + encoded + lut.astype(np.uint8).tobytes() + drawn.tobytes()


def _json(header: dict[str, object]) -> bytes:
    return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _tiles_in_order(
    tiles: Bytes, first_column: Bytes, order: Sequence[tuple[int, int]], *, hide_first: bool
) -> NDArray[np.uint8]:
    """(head of `order`, side, side), a copy."""
    pairs = np.asarray(order, dtype=np.intp).reshape(-1, 2)
    drawn = tiles[pairs[:, 0], pairs[:, 1]]
    if hide_first:
        drawn[:, :, 0] = first_column[pairs[:, 0], pairs[:, 1]]
    return drawn


def pooled_to_fit(tiles: Bytes, room: int) -> tuple[Bytes, int]:
    """(head, side, side) max-pooled by the smallest factor with which it fits into `room` bytes, and that factor."""
    heads, side = tiles.shape[0], tiles.shape[-1]
    factor = next((f for f in range(1, side + 1) if heads * (-(-side // f)) ** 2 <= room), side)
    if factor == 1:
        return tiles, 1
    small = -(-side // factor)
    pad = small * factor - side
    padded = np.pad(tiles, ((0, 0), (0, pad), (0, pad)))
    # (head, small, factor, small, factor)
    return padded.reshape(heads, small, factor, small, factor).max(axis=(2, 4)), factor


def _cells(tokens: Sequence[str], block: int, side: int) -> list[dict[str, object]]:
    """What each row or column stands for: position and label of its first and last token."""
    ends = [(min(i * block, len(tokens) - 1), min((i + 1) * block, len(tokens)) - 1) for i in range(side)]
    return [
        {
            "first": first,
            "last": last,
            "first_token": shortened(tokens[first], _TOKEN_LENGTH),
            "last_token": shortened(tokens[last], _TOKEN_LENGTH),
        }
        for first, last in ends
    ]


def _words(text: Catalogue, layers: int, heads: int, *, hide_first: bool) -> dict[str, str]:
    words = {name: text(f"web.mosaic.{name}") for name in _WORDS}
    words["sideways"] = text("web.mosaic.sideways", last=layers - 1)
    words["without"] = text("web.mosaic.first_hidden") if hide_first else ""
    label = text("web.mosaic.label", layers=layers, heads=heads)
    if hide_first:
        label += " " + text("web.mosaic.label_without_first")
    return words | {"label": label, "locale": text.locale}
