"""Scripts of the Attention page's charts: weights of one head or several, rollout, the mosaic and head scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard.engine.api.attention import METRICS
from dashboard.engine.api.model import ModelCard
from dashboard.run_key import Origin
from dashboard.scripts.build import Span, chart_script


def head_script(
    card: ModelCard,
    origin: Origin,
    layer: int,
    head: int,
    *,
    rows: Span | None = None,
    cols: Span | None = None,
    chart: str | None = None,
) -> str:
    """One head's weights.

    Args:
        card: the model.
        origin: what the chart shows.
        layer: 0-based.
        head: 0-based.
        rows: queries [start, stop); ``None``: all.
        cols: keys [start, stop); ``None``: all.
        chart: ``map``, ``bars`` (of one row or column) or ``lines``; ``None``: bars where the part is one row or one
            column, else the map.
    """
    return _weights_script(
        card, origin, "weights_head", {"LAYER": layer, "HEAD": head}, rows=rows, cols=cols, chart=chart
    )


def combine_script(
    card: ModelCard,
    origin: Origin,
    heads: Sequence[tuple[int, int]],
    how: str,
    *,
    rows: Span | None = None,
    cols: Span | None = None,
    chart: str | None = None,
) -> str:
    """Mean or largest weight (`how`: ``mean``, ``max``) over `heads`, pairs (layer, head); else as `head_script`."""
    constants = {"HEADS": [(int(layer), int(head)) for layer, head in heads], "HOW": how}
    return _weights_script(card, origin, "weights_combine", constants, rows=rows, cols=cols, chart=chart)


def rollout_script(
    card: ModelCard, origin: Origin, *, rows: Span | None = None, cols: Span | None = None, chart: str | None = None
) -> str:
    """Attention rollout after all layers; else as `head_script`."""
    return _weights_script(card, origin, "weights_rollout", {}, rows=rows, cols=cols, chart=chart)


def mosaic_script(card: ModelCard, origin: Origin) -> str:
    """Tiles of all heads; ``numbers`` is (layer, head, side, side), weight x 255."""
    return chart_script(card, origin, _shape(card), ["maps", "mosaic"], attention=True)


def query_rows_script(card: ModelCard, origin: Origin, query: int) -> str:
    """What token `query` looks at most in every head."""
    return chart_script(
        card, origin, _shape(card) | {"QUERY": query}, ["maps", "head_map", "query_rows"], attention=True
    )


def metric_script(card: ModelCard, origin: Origin, metric: str = METRICS[0]) -> str:
    """All scores of every head in ``numbers``; the chart shows `metric`.

    Raises:
        ValueError: there is no such metric.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not in {METRICS}")
    constants = _shape(card) | {"METRICS": list(METRICS), "METRIC": metric}
    return chart_script(card, origin, constants, ["maps", "head_map", "metrics"], attention=True)


def _weights_script(
    card: ModelCard,
    origin: Origin,
    part: str,
    constants: Mapping[str, object],
    *,
    rows: Span | None,
    cols: Span | None,
    chart: str | None,
) -> str:
    count = len(origin.token_ids)
    rows, cols = rows or (0, count), cols or (0, count)
    if chart is None:
        chart = "bars" if 1 in (rows[1] - rows[0], cols[1] - cols[0]) else "map"
    spans: dict[str, object] = {"ROWS": (int(rows[0]), int(rows[1])), "COLS": (int(cols[0]), int(cols[1]))}
    return chart_script(card, origin, {**constants, **spans}, ["maps", part, "table", f"draw_{chart}"], attention=True)


def _shape(card: ModelCard) -> dict[str, object]:
    return {"LAYERS": card.layers, "ATTENTION_HEADS": card.heads}
