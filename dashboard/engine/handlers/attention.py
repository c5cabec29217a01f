"""Weights of a run's heads: maps, rows of one query, and tiles with metrics. They need no model, only the run."""

from __future__ import annotations

from math import nan

from dashboard.engine.api.attention import (
    TILE_SIDE,
    AttentionRequest,
    CombineRequest,
    HeadRequest,
    QueryRows,
    QueryRowsRequest,
    RolloutRequest,
    Tiles,
    TilesRequest,
    WeightMap,
)
from dashboard.engine.api.request import Cost
from dashboard.engine.attention import tiles, weight_maps
from dashboard.engine.handlers.handler import Call, Handler, Handlers, always
from dashboard.engine.ready import ReadyModel
from dashboard.settings import Settings


def _map(request: AttentionRequest, call: Call) -> WeightMap:
    return weight_maps.weight_map(call.run.layers, request, call.run.reasons, call.control)


def _map_cost(request: AttentionRequest, _: ReadyModel, __: Settings) -> Cost:
    whole = (0, len(request.token_ids))
    rows, cols = (min(stop - start, request.side) for start, stop in (request.rows or whole, request.cols or whole))
    return Cost(0, nan, 4 * rows * cols)


def _query_rows(request: QueryRowsRequest, call: Call) -> QueryRows:
    return weight_maps.query_rows(call.run.layers, call.run.reasons, request.query, call.run.heads)


def _query_rows_cost(request: QueryRowsRequest, ready: ReadyModel, _: Settings) -> Cost:
    return Cost(0, nan, 4 * ready.card.layers * ready.card.heads * (request.query + 1))


def _tiles(request: TilesRequest, call: Call) -> Tiles:
    return tiles.sweep(call.run.layers, request.token_ids, call.run.heads, call.control)


def _tiles_cost(request: TilesRequest, ready: ReadyModel, _: Settings) -> Cost:
    return Cost(0, nan, ready.card.layers * ready.card.heads * min(len(request.token_ids), TILE_SIDE) ** 2)


def _map_bytes(_: AttentionRequest, weights: WeightMap) -> int:
    return weights.weights.nbytes


HANDLERS: Handlers = {
    # one head is a small look; many heads are a sweep, and wait for the device
    HeadRequest: Handler[HeadRequest, WeightMap](_map, _map_cost, _map_bytes, model=False),
    CombineRequest: Handler[CombineRequest, WeightMap](_map, _map_cost, _map_bytes, model=False, device=always),
    RolloutRequest: Handler[RolloutRequest, WeightMap](_map, _map_cost, _map_bytes, model=False, device=always),
    QueryRowsRequest: Handler[QueryRowsRequest, QueryRows](_query_rows, _query_rows_cost, model=False),
    TilesRequest: Handler[TilesRequest, Tiles](
        _tiles, _tiles_cost, lambda _, answer: tiles.nbytes(answer), model=False, device=always
    ),
}
