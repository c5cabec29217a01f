"""Attention tables hold exactly the weights that exist, each beside its tokens."""

import numpy as np
import pandas as pd
import pytest

from dashboard.engine.api.attention import METRICS, QueryRows, WeightMap
from dashboard.frames.attention import (
    column_frame,
    head_frame,
    metric_frame,
    mosaic_frame,
    order_heads,
    query_rows_frame,
    row_frame,
    weight_table,
)
from tests.made import samples


def test_a_head_frame_has_one_row_a_weight_that_exists():
    frame = head_frame(samples.weight_map(4), samples.tokens(4))
    assert list(frame.columns) == ["query", "query_token", "key", "key_token", "weight"]
    assert list(zip(frame["query"], frame["key"], strict=True)) == [(q, k) for q in range(4) for k in range(q + 1)]
    assert frame.loc[frame["query"] == 3, "weight"].sum() == pytest.approx(1)
    assert frame.iloc[-1][["query_token", "key_token"]].tolist() == ["$x$", "$x$"]


def test_a_part_of_a_head_keeps_the_prompts_positions():
    frame = head_frame(samples.weight_map(8, rows=(5, 7), cols=(2, 4)), samples.tokens(8))
    assert frame["query"].tolist() == [5, 5, 6, 6]
    assert frame["key"].tolist() == [2, 3, 2, 3]
    assert frame["key_token"].tolist() == ["·is", "$x$"] * 2


def test_a_pooled_head_names_spans_and_cuts_the_last_one():
    frame = head_frame(samples.weight_map(10, block=4), samples.tokens(10))
    last = frame.iloc[-1]
    assert last[["query", "query_stop", "key", "key_stop"]].tolist() == [8, 10, 8, 10]
    assert last["weight"] == pytest.approx(np.nanmax(samples.causal(10)[8:, 8:]), abs=1e-7)
    assert len(frame) == 6


def test_the_table_is_the_notebooks_with_unique_names_and_three_decimals():
    weights = np.array([[1, np.nan, np.nan], [0.8914, 0.1086, np.nan], [0.3441, 0.5163, 0.1396]], np.float32)
    table = weight_table(WeightMap(weights, 0, 0, 3, 3, 1, 0.0), [samples.token(t) for t in ("This", " is", " is")])
    assert list(table.columns) == list(table.index) == ["0 This", "1 ·is", "2 ·is"]
    assert table.loc["1 ·is"].tolist()[:2] == [0.891, 0.109]
    assert table.loc["2 ·is"].tolist() == [0.344, 0.516, 0.14]
    assert np.isnan(table.loc["0 This", "1 ·is"])


def test_a_table_of_pooled_weights_is_refused():
    with pytest.raises(ValueError, match="not 4"):
        weight_table(samples.weight_map(10, block=4), samples.tokens(10))


def test_a_row_leaves_out_what_is_hidden():
    weights = np.array([[[np.nan, 0.25, 0.5]]], np.float32)
    frame = row_frame(QueryRows(2, weights), 0, 0, samples.tokens(3))
    assert frame["key"].tolist() == [1, 2]
    assert frame["key_token"].tolist() == ["<b>bold</b>", "·is"]
    assert set(frame["query"]) == {2}


def test_a_column_begins_at_its_own_token():
    column = samples.causal(6)[:, 2]
    frame = column_frame(column, 2, samples.tokens(6))
    assert frame["query"].tolist() == [2, 3, 4, 5]
    np.testing.assert_array_equal(frame["weight"], samples.causal(6)[2:, 2])


def test_all_heads_of_one_token_say_where_it_looks_most():
    weights = np.array([[[0.1, 0.7, 0.2], [0.5, 0.5, 0]], [[np.nan] * 3, [np.nan] * 3]], np.float32)
    frame = query_rows_frame(QueryRows(2, weights), samples.tokens(3))
    assert frame["key"].tolist() == [1, 0, pd.NA, pd.NA]
    assert frame["key_token"].tolist()[:2] == ["<b>bold</b>", "This"]
    assert frame["weight"].tolist()[:2] == pytest.approx([0.7, 0.5])
    assert frame["first_token"].tolist()[:2] == pytest.approx([0.1, 0.5])
    assert frame["entropy_nats"].tolist()[1] == pytest.approx(np.log(2))
    assert frame[["weight", "entropy_nats"]].tail(2).isna().all(axis=None)


def test_metrics_are_columns_with_their_unit_in_the_name():
    tiles = samples.tiles(layers=3, heads=2)
    frame = metric_frame(tiles)
    assert list(frame.columns) == ["layer", "head", *METRICS]
    assert frame.loc[(frame["layer"] == 2) & (frame["head"] == 1), "induction"].item() == pytest.approx(
        tiles.metrics["induction"][2, 1]
    )


def test_heads_are_ordered_by_layer_or_highest_score_first_without_value_last():
    frame = pd.DataFrame({"layer": [0, 0, 1, 1], "head": [0, 1, 0, 1], "induction": [0.2, np.nan, 0.9, 0.2]})
    assert order_heads(frame, "layer") == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert order_heads(frame, "induction") == [(1, 0), (0, 0), (1, 1), (0, 1)]
    assert order_heads(frame, "induction", descending=False) == [(0, 0), (1, 1), (1, 0), (0, 1)]


def test_the_mosaics_frame_has_every_cell_below_the_diagonal():
    tiles = samples.tiles(layers=2, heads=3, side=4, block=3)
    frame = mosaic_frame(tiles, samples.tokens(11))
    assert len(frame) == 2 * 3 * 10
    cell = frame[(frame["layer"] == 1) & (frame["head"] == 2) & (frame["query"] == 9) & (frame["key"] == 3)].iloc[0]
    assert (cell["query_stop"], cell["key_stop"]) == (11, 6)
    assert (cell["query_token"], cell["key_token"]) == ("=1+1", "$x$")
    assert cell["weight"] == pytest.approx(tiles.tiles[1, 2, 3, 1] / 255, abs=1e-4)


def test_equal_tokens_of_a_mosaic_stay_two_positions():
    frame = mosaic_frame(samples.tiles(layers=1, heads=1, side=6), samples.tokens(6))
    same = frame[(frame["query_token"] == "·is") & (frame["key_token"] == "·is")]
    assert same[["query", "key"]].to_numpy().tolist() == [[2, 2], [5, 2], [5, 5]]
