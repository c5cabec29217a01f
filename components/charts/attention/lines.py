"""Lines from token to token, after BertViz's head view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import full_label, separators, tick_label
from components.charts.marks import HOVERTEXT
from components.charts.theme import MONO, ChartTheme
from dashboard.engine.api.arrays import Floats
from dashboard.engine.api.attention import WeightMap
from dashboard.i18n import Catalogue
from dashboard.tokens import Token, visible

LINES_MOST = 64
"""So many tokens are joined by lines at most."""
LEAST_LINE = 0.02
"""Lines for smaller weights are left out, and that is said."""


def lines_figure(
    weight_map: WeightMap, tokens: Sequence[Token], *, text: Catalogue, theme: ChartTheme, chosen: int | None = None
) -> go.Figure:
    """Lines from each token (left) to the tokens that it looks at (right); a stronger line is a larger weight.

    Args:
        weight_map: exact weights (``block`` 1) with equal spans of queries and keys; of more than 64 tokens a window
            of 64 around `chosen` is shown.
        tokens: all tokens of the prompt.
        text: the catalogue.
        theme: colours and template.
        chosen: position whose own lines stand out.

    Raises:
        ValueError: the map is pooled or its spans differ.
    """
    rows, cols = (weight_map.row_start, weight_map.row_stop), (weight_map.col_start, weight_map.col_stop)
    if weight_map.block != 1 or rows != cols:
        shape = weight_map.weights.shape
        raise ValueError(f"lines need exact weights of one span, not block {weight_map.block}, {shape}")
    start, stop = _window(*rows, chosen)
    inside = slice(start - weight_map.row_start, stop - weight_map.row_start)
    weights = weight_map.weights[inside, inside]
    fig = go.Figure(_line_traces(weights, start, chosen, theme))
    labels = [tick_label(visible(token), pos) for pos, token in enumerate(tokens[start:stop], start)]
    for x, yaxis in ((0, "y"), (1, "y2")):
        fig.add_trace(_line_ends(tokens[start:stop], start, chosen, theme, x=x, yaxis=yaxis))
    _line_axes(fig, labels, start, stop, text)
    # upright axis titles need some height, however few the tokens
    fig.update_layout(height=max(16 * (stop - start), 170) + 96, separators=separators(text), margin_t=8)
    return theme.apply(fig)


def _window(start: int, stop: int, chosen: int | None) -> tuple[int, int]:
    if stop - start <= LINES_MOST:
        return start, stop
    middle = start if chosen is None else chosen
    begin = min(max(start, middle - LINES_MOST // 2), stop - LINES_MOST)
    return begin, begin + LINES_MOST


def _line_traces(weights: Floats, start: int, chosen: int | None, theme: ChartTheme) -> list[go.Scatter]:
    """One trace for every tenth of weight, the chosen token's apart: a trace has one opacity."""
    query, key = np.nonzero(np.nan_to_num(weights) >= LEAST_LINE)
    tenth = np.minimum((weights[query, key] * 10).astype(int), 9)
    from_chosen = query + start == (-1 if chosen is None else chosen)
    traces = []
    for of_chosen in (False, True):
        for level in range(10):
            pairs = (tenth == level) & (from_chosen == of_chosen)
            if pairs.any():
                loud = of_chosen or chosen is None
                traces.append(_line_trace(query[pairs] + start, key[pairs] + start, level, theme, loud=loud))
    return traces


def _line_trace(
    query: NDArray[np.intp], key: NDArray[np.intp], level: int, theme: ChartTheme, *, loud: bool
) -> go.Scatter:
    strength = (level + 1) / 10
    ends = np.stack([query, key, np.full(len(query), np.nan)], axis=1).reshape(-1)
    return go.Scatter(
        x=np.tile([0, 1, np.nan], len(query)),
        y=ends,
        mode="lines",
        line={"color": theme.accent if loud else theme.muted, "width": 1 + 2.5 * strength},
        opacity=strength if loud else 0.35 * strength,
        hoverinfo="skip",
    )


def _line_ends(
    tokens: Sequence[Token], start: int, chosen: int | None, theme: ChartTheme, *, x: int, yaxis: str
) -> go.Scatter:
    """Markers at one side: they can be hovered and selected."""
    positions = range(start, start + len(tokens))
    return go.Scatter(
        x=[x] * len(tokens),
        y=list(positions),
        yaxis=yaxis,
        mode="markers",
        marker={"size": 6, "color": [theme.selection if pos == chosen else theme.muted for pos in positions]},
        cliponaxis=False,
        customdata=[[pos] for pos in positions],
        hovertext=[full_label(visible(token), pos) for token, pos in zip(tokens, positions, strict=True)],
        hovertemplate=HOVERTEXT,
    )


def _line_axes(fig: go.Figure, labels: list[str], start: int, stop: int, text: Catalogue) -> None:
    axis = {
        "range": [stop - 0.4, start - 0.6],
        "tickmode": "array",
        "tickvals": list(range(start, stop)),
        "ticktext": labels,
        "showgrid": False,
        "tickfont": {"family": MONO, "size": 11},
        "ticklabelstandoff": 6,
        "fixedrange": True,
    }
    fig.update_layout(
        yaxis={**axis, "title": {"text": text("charts.axis.query")}},
        yaxis2={**axis, "overlaying": "y", "side": "right", "title": {"text": text("charts.axis.key")}},
        xaxis={
            "range": [-0.02, 1.02],
            "showgrid": False,
            "showticklabels": False,
            "fixedrange": True,
            "title": {"text": text("charts.lines_least", least=text.number(LEAST_LINE, 2))},
        },
    )
