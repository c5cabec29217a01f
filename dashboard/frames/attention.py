"""Attention as tidy tables: one row a weight, a head or a cell. Positions, layers and heads count from 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.engine.api.attention import METRICS, QueryRows, Tiles, WeightMap
from dashboard.stats.distributions import entropy
from dashboard.tokens import Token, visible


def head_frame(weight_map: WeightMap, tokens: Sequence[Token]) -> pd.DataFrame:
    """One row a weight that exists, in reading order.

    Args:
        weight_map: a map of weights; cells that are NaN (key after query, hidden) give no row.
        tokens: all tokens of the prompt.

    Returns:
        ``query, query_token, key, key_token, weight``; where the map is pooled also ``query_stop, key_stop``
        (exclusive): the weight is the largest of that span, and `query` and `key` are where the span begins.
    """
    rows, cols = np.nonzero(~np.isnan(weight_map.weights))
    names = np.array([visible(token) for token in tokens], dtype=object)
    query, key = weight_map.row_start + rows * weight_map.block, weight_map.col_start + cols * weight_map.block
    columns: dict[str, object] = {"query": query}
    if weight_map.block > 1:
        columns["query_stop"] = np.minimum(query + weight_map.block, weight_map.row_stop)
    columns |= {"query_token": names[query], "key": key}
    if weight_map.block > 1:
        columns["key_stop"] = np.minimum(key + weight_map.block, weight_map.col_stop)
    return pd.DataFrame(columns | {"key_token": names[key], "weight": weight_map.weights[rows, cols]})


def weight_table(weight_map: WeightMap, tokens: Sequence[Token], digits: int = 3) -> pd.DataFrame:
    """The weights as a wide table, rounded to `digits`: rows look, columns are looked at.

    Index and columns are ``"0 This"``: position and visible token, so that equal tokens stay apart.

    Raises:
        ValueError: the map is pooled; a cell would not be a weight of two tokens.
    """
    if weight_map.block != 1:
        raise ValueError(f"a table of weights needs block 1, not {weight_map.block}")
    names = [f"{i} {visible(token)}" for i, token in enumerate(tokens)]
    return pd.DataFrame(
        np.round(weight_map.weights.astype(np.float64), digits),
        index=names[weight_map.row_start : weight_map.row_stop],
        columns=names[weight_map.col_start : weight_map.col_stop],
    )


def row_frame(rows: QueryRows, layer: int, head: int, tokens: Sequence[Token]) -> pd.DataFrame:
    """``query, query_token, key, key_token, weight``: what one token looks at in one head, keys in order."""
    weights = rows.weights[layer, head]
    keys = np.flatnonzero(~np.isnan(weights)).tolist()
    return pd.DataFrame(
        {
            "query": rows.query,
            "query_token": visible(tokens[rows.query]),
            "key": keys,
            "key_token": [visible(tokens[key]) for key in keys],
            "weight": weights[keys],
        }
    )


def column_frame(weights: NDArray[np.float32], key: int, tokens: Sequence[Token]) -> pd.DataFrame:
    """How much each token looks at one token, queries in order.

    Args:
        weights: (query,) on that token; NaN where it does not exist.
        key: its position.
        tokens: of the prompt.

    Returns:
        ``query, query_token, key, key_token, weight``.
    """
    queries = np.flatnonzero(~np.isnan(weights)).tolist()
    return pd.DataFrame(
        {
            "query": queries,
            "query_token": [visible(tokens[query]) for query in queries],
            "key": key,
            "key_token": visible(tokens[key]),
            "weight": weights[queries],
        }
    )


def query_rows_frame(rows: QueryRows, tokens: Sequence[Token]) -> pd.DataFrame:
    """What one token looks at most, in every head: one row a head.

    Returns:
        ``layer, head, query, query_token, key, key_token, weight, first_token, entropy_nats``: `key` is where the
        largest weight lies, `first_token` the weight on token 0, the entropy that of the row. Heads without attention
        have NA.
    """
    layers, heads, count = rows.weights.shape
    flat = rows.weights.reshape(layers * heads, count).astype(np.float64)
    attending = [bool(np.isfinite(row).any()) for row in flat]
    key: list[int] = np.nan_to_num(flat, nan=-1.0).argmax(axis=1).tolist()
    layer, head = np.divmod(np.arange(layers * heads), heads)
    return pd.DataFrame(
        {
            "layer": layer,
            "head": head,
            "query": rows.query,
            "query_token": visible(tokens[rows.query]),
            "key": pd.Series(
                [k if attends else None for k, attends in zip(key, attending, strict=True)], dtype="Int64"
            ),
            "key_token": [visible(tokens[k]) if attends else None for k, attends in zip(key, attending, strict=True)],
            "weight": flat[np.arange(len(flat)), key],
            "first_token": flat[:, 0],
            "entropy_nats": np.where(attending, entropy(np.nan_to_num(flat)), np.nan),
        }
    )


def metric_frame(tiles: Tiles) -> pd.DataFrame:
    """One row a head: ``layer, head`` and one column a metric of METRICS (unit in its name; NaN: does not exist).

    Heads that a layer lacks, where others have more, give no row.
    """
    layers, heads = tiles.tiles.shape[:2]
    layer, head = np.divmod(np.arange(layers * heads), heads)
    columns = {name: tiles.metrics[name].reshape(-1).astype(np.float64) for name in METRICS}
    frame = pd.DataFrame({"layer": layer, "head": head} | columns)
    exists = [pair not in tiles.lacking for pair in zip(layer.tolist(), head.tolist(), strict=True)]
    return frame if all(exists) else frame[exists].reset_index(drop=True)


def order_heads(frame: pd.DataFrame, by: str, *, descending: bool = True) -> list[tuple[int, int]]:
    """(layer, head) of every row of a `metric_frame`, ordered.

    Args:
        frame: one row a head.
        by: ``layer`` (then head, ascending) or a metric; equal values keep their layer and head order, heads without a
            value come last.
        descending: of a metric: the highest first.
    """
    if by == "layer":
        ordered = frame.sort_values(["layer", "head"])
    else:
        signed = -frame[by] if descending else frame[by]
        ordered = frame.iloc[np.argsort(signed.to_numpy(np.float64), kind="stable")]
    return [(int(layer), int(head)) for layer, head in zip(ordered["layer"], ordered["head"], strict=True)]


def mosaic_frame(tiles: Tiles, tokens: Sequence[Token]) -> pd.DataFrame:
    """Every cell of every head's tile that can hold a weight: for a CSV.

    Returns:
        ``layer, head, query, query_stop, query_token, key, key_stop, key_token, weight``: the largest weight of the
        span, in steps of 1/255; tokens are those at which the spans begin. Columns that hold texts are categories:
        there are millions of rows.
    """
    layers, heads, side = tiles.tiles.shape[:3]
    rows, cols = np.tril_indices(side)
    count = layers * heads
    layer, head = np.divmod(np.repeat(np.arange(count), len(rows)), heads)
    starts = np.arange(side) * tiles.block
    labels = pd.Series([visible(tokens[start]) for start in starts.tolist()], dtype="category")

    def spans(name: str, cells: NDArray[np.intp]) -> dict[str, object]:
        every = np.tile(cells, count)
        stops = np.minimum(starts + tiles.block, len(tokens))
        return {name: starts[every], f"{name}_stop": stops[every], f"{name}_token": labels.take(every).array}

    # four digits: more of a 255th would only look exact
    steps = np.round(np.arange(256) / 255, 4)
    columns: dict[str, object] = {"layer": layer, "head": head} | spans("query", rows) | spans("key", cols)
    return pd.DataFrame(columns | {"weight": steps[tiles.tiles[:, :, rows, cols].reshape(-1)]})
