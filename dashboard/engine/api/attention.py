"""Attention: requests for maps, rows and tiles of weights, and their results."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.api.arrays import Bytes, Floats
from dashboard.engine.api.request import RunQuestion

METRICS = ("entropy_nats", "first_token", "previous_token", "self", "duplicate_token", "induction", "distance_tokens")
"""Head metrics, in the order of NUMBERS; the unit is in the name, a bare name is a weight in [0, 1]."""

TILE_SIDE = 64
"""A tile has at most this many rows and columns."""


# -- attention: requests and results ------------------------------------------------------------------------------
@dataclass(frozen=True)
class HeadRequest(RunQuestion["WeightMap"]):
    """One head's weights, exact, or max-pooled when `side` is smaller than the span. Raises LayerHasNoAttention."""

    layer: int
    head: int
    rows: tuple[int, int] | None = None
    """Query span [start, stop); ``None`` = all."""
    cols: tuple[int, int] | None = None
    """Key span [start, stop); ``None`` = all."""
    side: int = 512
    """At most so many rows and columns come back."""


@dataclass(frozen=True)
class CombineRequest(RunQuestion["WeightMap"]):
    """Mean or max over chosen heads, as one map."""

    heads: tuple[tuple[int, int], ...]
    """(layer, head) pairs; not empty."""
    how: str
    """``mean`` or ``max``."""
    rows: tuple[int, int] | None = None
    cols: tuple[int, int] | None = None
    side: int = 512


@dataclass(frozen=True)
class RolloutRequest(RunQuestion["WeightMap"]):
    """Attention rollout (Abnar & Zuidema 2020) after all layers, for a span of query rows."""

    rows: tuple[int, int] | None = None
    cols: tuple[int, int] | None = None
    side: int = 512


@dataclass(frozen=True)
class QueryRowsRequest(RunQuestion["QueryRows"]):
    """One query's row in all heads."""

    query: int


@dataclass(frozen=True)
class TilesRequest(RunQuestion["Tiles"]):
    """Tiles and metrics of all heads."""


@dataclass(frozen=True)
class WeightMap:
    """A map of weights: exact where `block` is 1, else each cell is the largest of ``block x block`` weights."""

    weights: Floats
    """(query, key) in [0, 1]; what cannot be (key after query) is NaN."""
    row_start: int
    col_start: int
    row_stop: int
    col_stop: int
    block: int
    row_sum_error: float
    """Largest |1 - row sum| over the whole rows computed; sinks and gates make it honest to be large; NaN if the rows
    were not whole."""


@dataclass(frozen=True)
class QueryRows:
    """One query's row of every head of every layer."""

    query: int
    weights: Floats
    """(layer, head, key); key <= query; NaN for layers without attention and heads that a layer lacks."""


@dataclass(frozen=True)
class Tiles:
    """Every head of every layer, max-pooled to at most 64 x 64, as 8 bit."""

    tiles: Bytes
    """(layer, head, side, side), weight x 255, rounded; 0 where nothing can be."""
    tiles_without_first: Bytes
    """(layer, head, side): the first column again, with key 0 left out of its maximum."""
    block: int
    """Tokens a cell stands for along each side; 1: the map itself."""
    metrics: dict[str, Floats]
    """name of METRICS -> (layer, head); NaN where it does not exist (no token repeats, layer without attention)."""
    row_sum_error: float
    """Largest |1 - row sum| over every row of every head."""
    seconds: float
    lacking: frozenset[tuple[int, int]] = frozenset()
    """(layer, head) of heads that there are in other layers and not in this one."""


AttentionRequest = HeadRequest | CombineRequest | RolloutRequest
