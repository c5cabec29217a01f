"""Weights of a run's heads: maps, rows of one query, and tiles with metrics. They need no model, only the run."""

from __future__ import annotations

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
from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.request import Cost
from dashboard.engine.attention import tiles, weight_maps
from dashboard.engine.device.pace import Work
from dashboard.engine.handlers.handler import Call, Handler, Handlers, always
from dashboard.engine.ready import ReadyModel
from dashboard.settings import Settings


def _map(request: AttentionRequest, call: Call) -> WeightMap:
    return weight_maps.weight_map(call.run.layers, request, call.run.reasons, call.control)


def _map_cost(request: AttentionRequest, ready: ReadyModel, _: Settings) -> Cost:
    whole = (0, len(request.token_ids))
    rows, cols = (min(stop - start, request.side) for start, stop in (request.rows or whole, request.cols or whole))
    return Cost(0, ready.pace.seconds(_map_work(request, None, ready.card)), 4 * rows * cols)


def _map_work(request: AttentionRequest, _: WeightMap | None, card: ModelCard) -> Work:
    count = len(request.token_ids)
    if isinstance(request, RolloutRequest):  # a product of two (T, T) matrices a layer
        tokens = card.layers * count**3 / card.parameters
        return Work("rollout", tokens=tokens, cells=card.all_heads * count**2)
    start, stop = request.rows or (0, count)
    heads = len(request.heads) if isinstance(request, CombineRequest) else 1
    return Work("map", cells=heads * (stop - start) * count)


def _query_rows(request: QueryRowsRequest, call: Call) -> QueryRows:
    return weight_maps.query_rows(call.run.layers, call.run.reasons, request.query, call.run.heads)


def _query_rows_cost(request: QueryRowsRequest, ready: ReadyModel, _: Settings) -> Cost:
    seconds = ready.pace.seconds(_query_rows_work(request, None, ready.card))
    return Cost(0, seconds, 4 * ready.card.layers * ready.card.heads * (request.query + 1))


def _query_rows_work(request: QueryRowsRequest, _: QueryRows | None, card: ModelCard) -> Work:
    return Work("query rows", cells=card.all_heads * (request.query + 1))


def _tiles(request: TilesRequest, call: Call) -> Tiles:
    return tiles.sweep(call.run.layers, request.token_ids, call.run.heads, call.control)


def _tiles_cost(request: TilesRequest, ready: ReadyModel, _: Settings) -> Cost:
    seconds = ready.pace.seconds(_tiles_work(request, None, ready.card))
    return Cost(0, seconds, ready.card.layers * ready.card.heads * min(len(request.token_ids), TILE_SIDE) ** 2)


def _tiles_work(request: TilesRequest, _: Tiles | None, card: ModelCard) -> Work:
    return Work("tiles", cells=card.all_heads * len(request.token_ids) ** 2)


def _map_bytes(_: AttentionRequest, weights: WeightMap) -> int:
    return weights.weights.nbytes


HANDLERS: Handlers = {
    # one head is a small look; many heads are a sweep, and wait for the device
    HeadRequest: Handler[HeadRequest, WeightMap](_map, _map_cost, _map_bytes, _map_work, model=False),
    CombineRequest: Handler[CombineRequest, WeightMap](
        _map, _map_cost, _map_bytes, _map_work, model=False, device=always
    ),
    RolloutRequest: Handler[RolloutRequest, WeightMap](
        _map, _map_cost, _map_bytes, _map_work, model=False, device=always
    ),
    QueryRowsRequest: Handler[QueryRowsRequest, QueryRows](
        _query_rows, _query_rows_cost, work=_query_rows_work, model=False
    ),
    TilesRequest: Handler[TilesRequest, Tiles](
        _tiles, _tiles_cost, lambda _, answer: tiles.nbytes(answer), _tiles_work, model=False, device=always
    ),
}
