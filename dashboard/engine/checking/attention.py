"""Weights of heads against those that plain transformers returns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dashboard.engine.api.attention import (
    METRICS,
    AttentionRequest,
    CombineRequest,
    HeadRequest,
    QueryRows,
    QueryRowsRequest,
    Tiles,
    TilesRequest,
    WeightMap,
)
from dashboard.engine.api.verification import Deviation
from dashboard.engine.checking.plain_model import PlainModel
from dashboard.engine.verification import layers_with_maps, plain_metrics

Maps = dict[int, np.ndarray]


def check_map(request: AttentionRequest, answer: WeightMap, plain: PlainModel) -> Iterator[Deviation]:
    """One map: of a head, of several, or a rollout."""
    maps = _maps(request.token_ids, plain)
    if not maps:
        return
    match request:
        case HeadRequest(layer=layer, head=head):
            whole = maps[layer][head]
        case CombineRequest(heads=heads, how=how):
            stack = np.stack([maps[layer][head] for layer, head in heads]).astype(np.float64)
            whole = stack.max(0) if how == "max" else stack.mean(0)
        case _:
            whole = _rollout(maps)
    rows, cols = slice(answer.row_start, answer.row_stop), slice(answer.col_start, answer.col_stop)
    own = pooled(_causal(whole)[rows, cols], answer.block)
    yield plain.deviation("weights", len(request.token_ids), answer.weights, own)


def check_rows(request: QueryRowsRequest, answer: QueryRows, plain: PlainModel) -> Iterator[Deviation]:
    """One query's row in all heads."""
    maps = _maps(request.token_ids, plain)
    if not maps:
        return
    own = np.full(answer.weights.shape, np.nan)
    for layer, weights in maps.items():
        own[layer, : len(weights)] = weights[:, request.query, : request.query + 1]
    yield plain.deviation("weights", len(request.token_ids), answer.weights, own)


def check_tiles(request: TilesRequest, answer: Tiles, plain: PlainModel) -> Iterator[Deviation]:
    """Every score of every head, and every cell of every tile."""
    ids, maps = request.token_ids, _maps(request.token_ids, plain)
    if not maps:
        return
    scores = {name: np.full(answer.metrics[name].shape, np.nan) for name in METRICS}
    tiles = np.zeros(answer.tiles.shape)
    for layer, weights in maps.items():
        for name, values in plain_metrics(weights.astype(np.float64), ids).items():
            scores[name][layer, : len(values)] = values
        for head, of_head in enumerate(weights):
            tiles[layer, head] = np.nan_to_num(pooled(_causal(of_head), answer.block))
    ours, own = (np.stack([values[name] for name in METRICS]) for values in (answer.metrics, scores))
    size = np.maximum(1, np.abs(own))
    yield plain.deviation("metrics", len(ids), ours / size, own / size)
    yield plain.deviation("tiles", len(ids), answer.tiles / 255, tiles)


def _maps(ids: tuple[int, ...], plain: PlainModel) -> Maps:
    """Layer -> its maps; empty where transformers gives none that belong to the layers."""
    return dict(layers_with_maps(plain.card, plain.maps(ids)))


def _causal(weights: np.ndarray) -> np.ndarray:
    """NaN where the key is later than the query."""
    return np.where(np.tril(np.ones(weights.shape, bool)), weights, np.nan)


def pooled(weights: np.ndarray, block: int) -> np.ndarray:
    """Largest of each ``block x block``; NaN where a whole cell is empty."""
    rows, cols = (-(-size // block) for size in weights.shape)
    cells = np.full((rows * block, cols * block), -1.0)
    cells[: weights.shape[0], : weights.shape[1]] = np.nan_to_num(weights, nan=-1.0)
    largest = cells.reshape(rows, block, cols, block).max((1, 3))
    return np.where(largest < 0, np.nan, largest)


def _rollout(maps: Maps) -> np.ndarray:
    """(T, T) attention rollout (Abnar & Zuidema 2020)."""
    identity = np.eye(next(iter(maps.values())).shape[-1])
    result = identity
    for layer in sorted(maps):
        mixed = (maps[layer].mean(0, dtype=np.float64) + identity) / 2
        result = mixed / mixed.sum(-1, keepdims=True) @ result
    return result
