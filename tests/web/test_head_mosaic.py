"""The mosaic's message: its size, its order, and what pooling keeps."""

import json
import struct
from typing import Any

import numpy as np
import pytest

from components.web.head_mosaic.head_mosaic import MESSAGE_BYTES, ORDERED_TILES, mosaic_message, pooled_to_fit
from dashboard.i18n import Catalogue


def message(layers: int = 2, heads: int = 3, side: int = 4, **changes: Any) -> bytes:
    tiles = np.arange(layers * heads * side * side, dtype=np.int64).reshape(layers, heads, side, side)
    order = [(layer, head) for layer in range(layers) for head in range(heads)]
    given: dict[str, Any] = {
        "tiles": (tiles % 256).astype(np.uint8),
        "first_column": np.full((layers, heads, side), 7, np.uint8),
        "order": order,
        "flow": "grid",
        "captions": ["0.70"] * len(order),
        "tokens": [f"·{i}" for i in range(side * changes.get("block", 1))],
        "block": 1,
        "name": "mosaic",
        "hide_first": False,
        "lut": np.zeros((256, 3), np.uint8),
        "text": Catalogue("en"),
    }
    return mosaic_message(**given | changes)


def read(content: bytes) -> tuple[dict[str, Any], np.ndarray]:
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    tiles = np.frombuffer(content[4 + length + 768 :], np.uint8)
    return header, tiles.reshape(len(header["order"]), header["side"], header["side"])


def test_tiles_travel_in_the_order_asked_for():
    header, tiles = read(message(order=[(1, 2), (0, 1)], captions=["b", "a"]))
    assert header["order"] == [[1, 2], [0, 1]] and header["captions"] == ["b", "a"]
    assert tiles[0, 0, 0] == 5 * 16 and tiles[1, 0, 0] == 16


def test_the_first_column_is_replaced_only_when_the_first_token_is_left_out():
    _, shown = read(message())
    _, hidden = read(message(hide_first=True))
    assert (hidden[:, :, 0] == 7).all() and (hidden[:, :, 1:] == shown[:, :, 1:]).all()
    assert not (shown[:, :, 0] == 7).all()


def test_the_given_tiles_are_not_changed_by_leaving_out_the_first_token():
    tiles = np.full((1, 1, 4, 4), 200, np.uint8)
    tiles.flags.writeable = False
    message(layers=1, heads=1, tiles=tiles, hide_first=True)
    assert (tiles == 200).all()


def test_layers_without_attention_are_not_sent():
    header, tiles = read(message(missing={0}))
    assert header["missing"] == [0] and {layer for layer, _ in header["order"]} == {1}
    assert len(tiles) == 3


@pytest.mark.parametrize(("layers", "heads"), [(30, 9), (12, 12), (80, 64), (126, 128)])
@pytest.mark.parametrize("flow", ["grid", "ordered"])
def test_a_message_stays_below_two_megabytes_for_any_model(layers, heads, flow):
    order = [(layer, head) for layer in range(layers) for head in range(heads)]
    content = message(
        tiles=np.broadcast_to(np.uint8(9), (layers, heads, 64, 64)),
        first_column=np.broadcast_to(np.uint8(9), (layers, heads, 64)),
        order=order,
        captions=["distance 12.34"] * len(order),
        tokens=["👩‍🚀" * 40] * 8192,
        block=128,
        flow=flow,
    )
    header, tiles = read(content)
    assert len(content) <= MESSAGE_BYTES
    assert (tiles == 9).all()
    assert len(tiles) == (min(len(order), ORDERED_TILES) if flow == "ordered" else len(order))
    assert header["cells"][-1]["last"] == 8191
    assert ("1,024 of" in header["words"]["cut"]) == (len(tiles) < len(order))


def test_pooling_to_fit_keeps_the_largest_weight_and_says_how_many_tokens_a_cell_holds():
    tiles = np.zeros((2, 5, 5), np.uint8)
    tiles[0, 4, 3] = 250
    tiles[1, 0, 0] = 3
    small, factor = pooled_to_fit(tiles, room=2 * 9)
    assert factor == 2 and small.shape == (2, 3, 3)
    assert small[0, 2, 1] == 250 and small[0].sum() == 250 and small[1, 0, 0] == 3


def test_what_fits_is_not_pooled():
    tiles = np.arange(50, dtype=np.uint8).reshape(2, 5, 5)
    small, factor = pooled_to_fit(tiles, room=50)
    assert factor == 1 and (small == tiles).all()


def test_cells_name_their_first_and_last_token_and_the_last_cell_ends_with_the_prompt():
    header, _ = read(message(side=4, block=3, tokens=[f"t{i}" for i in range(11)]))
    assert header["cells"][0] == {"first": 0, "last": 2, "first_token": "t0", "last_token": "t2"}
    assert header["cells"][3] == {"first": 9, "last": 10, "first_token": "t9", "last_token": "t10"}


def test_as_many_captions_as_heads_are_asked_for():
    with pytest.raises(ValueError, match="6 heads, 1 captions"):
        message(captions=["0.1"])
