"""Charts of attention: the heatmap of one map of weights, bars of a row or a column; and where the others are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.attention.heads import metric_map_figure, query_rows_figure
from components.charts.attention.lines import lines_figure
from components.charts.attention.mosaic import mosaic_figure
from components.charts.axes import bar_figure, first_hidden, full_label, separators, tick_label, token_axis
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.engine.api.arrays import Floats
from dashboard.engine.api.attention import WeightMap
from dashboard.i18n import Catalogue
from dashboard.tokens import Token

__all__ = [
    "column_figure",
    "head_figure",
    "lines_figure",
    "metric_map_figure",
    "mosaic_figure",
    "query_rows_figure",
    "row_figure",
]

TOP = 15
"""So many bars of a row or a column are drawn."""
_MOST_TICKS = 40
_GRID_FROM = 40
"""Up to so many rows cells stand apart by a line."""


def head_figure(
    found: WeightMap,
    tokens: Sequence[Token],
    *,
    text: Catalogue,
    theme: ChartTheme,
    own_maximum: bool = False,
    hide_first: bool = False,
    highlight: int | None = None,
    drag: str | None = None,
) -> go.Figure:
    """Heatmap of a map of weights: rows are the tokens that look (queries), columns the tokens looked at (keys).

    **Reading it:** a dark (in dark mode: bright) cell means that the row's token takes much of what it gathers here
    from the column's token. A vertical line is a token that all look at; a diagonal is a fixed distance back.

    **Careful:** attention is not importance: a weight says where a head reads, not what that does to the answer. The
    upper triangle is empty because it cannot exist, not because it is 0.

    Args:
        found: the weights; NaN cells stay empty.
        tokens: all tokens of the prompt.
        text: the catalogue.
        theme: colours and template.
        own_maximum: colours from 0 to the map's own largest weight instead of 0 to 1; the colour bar says so.
        hide_first: leave out the first column when it holds token 0; the axis says so.
        highlight: position whose row and column are framed.
        drag: Plotly's ``dragmode``, e.g. ``select``.
    """
    weights = np.round(found.weights, 4).astype(np.float32)
    if hide_first and found.col_start == 0:
        weights[:, 0] = np.nan
    rows, cols = found.row_stop - found.row_start, found.col_stop - found.col_start
    top = _top_of_scale(weights) if own_maximum else 1.0
    cells = max(weights.shape)
    fig = go.Figure(
        go.Heatmap(
            z=weights,
            x0=found.col_start + (found.block - 1) / 2,
            dx=found.block,
            y0=found.row_start + (found.block - 1) / 2,
            dy=found.block,
            zmin=0,
            zmax=top,
            colorscale=theme.sequential(),
            colorbar_title_text=_quantity(top, text) if own_maximum else text("charts.axis.weight"),
            hoverongaps=False,
            xgap=int(cells <= _GRID_FROM),
            ygap=int(cells <= _GRID_FROM),
            hovertemplate=f"%{{y}} → %{{x}}<br>{_weight_words(text, found.block)}<extra></extra>",
        )
    )
    labels = partial(token_axis, tokens, text=text, most=_MOST_TICKS, keep=highlight)
    fig.update_xaxes(
        **labels(found.col_start, found.col_stop, found.block),
        title_text=_key_title(found, weights, text),
        tickangle=-90 if weights.shape[1] > 1 else 0,
    )
    fig.update_yaxes(
        **labels(found.row_start, found.row_stop, found.block),
        title_text=_with_block(text("charts.axis.query"), found.block, text),
    )
    fig.update_yaxes(range=[found.row_stop - 0.5, found.row_start - 0.5])
    if 0.5 <= rows / cols <= 2:
        fig.update_xaxes(constrain="domain", constraintoward="left")
        fig.update_yaxes(constrain="domain", constraintoward="top", scaleanchor="x")
    if highlight is not None:
        _frame_token(fig, found, highlight, theme)
    fig.update_layout(
        separators=separators(text), height=_map_height(weights.shape[0]), margin_t=BAR_ROOM, dragmode=drag
    )
    return theme.apply(fig)


def _top_of_scale(weights: Floats) -> float:
    there = weights[~np.isnan(weights)]
    return float(there.max()) if there.size and there.max() > 0 else 1.0


def _quantity(top: float, text: Catalogue) -> str:
    return text("charts.axis.weight_own", largest=text.number(top, 4))


def _weight_words(text: Catalogue, block: int) -> str:
    if block > 1:
        return text("charts.hover.weight_pooled", weight="%{z:.4f}", block=block)
    return text("charts.hover.weight", weight="%{z:.4f}")


def _key_title(found: WeightMap, weights: Floats, text: Catalogue) -> str:
    """Says when what is given to the first token is left out, here or by who made the map."""
    title = _with_block(text("charts.axis.key"), found.block, text)
    if found.col_start == 0 and np.isnan(weights[:, 0]).all():
        title += "<br>" + first_hidden(min(found.block, found.col_stop), text)
    return title


def _with_block(title: str, block: int, text: Catalogue) -> str:
    return title if block == 1 else f"{title} · {text('charts.cells', block=block)}"


def _map_height(rows: int) -> int:
    # colour bar above, token labels below
    return int(np.clip(20 * rows, 60, 520)) + 180


def _frame_token(fig: go.Figure, found: WeightMap, pos: int, theme: ChartTheme) -> None:
    """Frame the cells of one token's row and column, as far as they exist."""
    line = {"color": theme.selection, "width": 1.5}
    low_col, high_col = found.col_start, found.col_stop
    if found.row_start <= pos < found.row_stop:
        begin, end = _cell_of(pos, found.row_start, found.row_stop, found.block)
        fig.add_shape(
            type="rect", x0=low_col - 0.5, x1=min(end, high_col) - 0.5, y0=begin - 0.5, y1=end - 0.5, line=line
        )
    if found.col_start <= pos < found.col_stop:
        begin, end = _cell_of(pos, found.col_start, found.col_stop, found.block)
        top = max(begin, found.row_start)
        fig.add_shape(type="rect", x0=begin - 0.5, x1=end - 0.5, y0=top - 0.5, y1=found.row_stop - 0.5, line=line)


def _cell_of(pos: int, start: int, stop: int, block: int) -> tuple[int, int]:
    begin = start + (pos - start) // block * block
    return begin, min(begin + block, stop)


def row_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, top: int = TOP) -> go.Figure:
    """Bars of the tokens that one token looks at most, largest first.

    **Reading it:** the bars are one row of the heatmap; with those not drawn they sum to 1 (to less where the model
    lets a learned sink take the rest).

    **Careful:** a long bar at the first token often means that the head rests there because nothing else fits.

    Args:
        frame: as `dashboard.frames.attention.row_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        top: so many bars; the rest is counted and summed below them.
    """
    return _weight_bars(frame, "key", text("charts.axis.weight"), text=text, theme=theme, top=top)


def column_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, top: int = TOP) -> go.Figure:
    """Bars of the tokens that look at one token most, largest first.

    **Reading it:** the bars are one column of the heatmap: how much of its reading each later token does here.

    **Careful:** a column need not sum to anything: each bar is a share of another row.

    Args:
        frame: as `dashboard.frames.attention.column_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        top: so many bars; the rest is counted below them.
    """
    return _weight_bars(frame, "query", text("charts.axis.weight"), text=text, theme=theme, top=top)


def _weight_bars(
    frame: pd.DataFrame, side: str, title: str, *, text: Catalogue, theme: ChartTheme, top: int
) -> go.Figure:
    ordered = frame.sort_values("weight", ascending=False, kind="stable")
    shown, rest = ordered.head(top), ordered.iloc[top:]
    tokens, positions = shown[f"{side}_token"], shown[side]
    more = ""
    if len(rest):
        largest, total = (text.number(float(number), 3) for number in (rest["weight"].max(), rest["weight"].sum()))
        more = text(f"charts.more.{side}", count=len(rest), largest=largest, total=total)
    return bar_figure(
        [f"{tick_label(token)} ({pos})" for token, pos in zip(tokens, positions, strict=True)],
        [float(weight) for weight in shown["weight"]],
        [text.number(float(weight), 3) for weight in shown["weight"]],
        [_bar_hover(row, text) for row in shown.to_dict("records")],
        axis_title=title,
        theme=theme,
        text=text,
        axis={"range": [0, 1], "tickvals": [0, 0.25, 0.5, 0.75, 1]},
        more=more,
    )


def _bar_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    query = full_label(row["query_token"], row["query"])
    key = full_label(row["key_token"], row["key"])
    weight = text("charts.hover.weight", weight=text.number(row["weight"], 4))
    return f"{query} → {key}<br>{weight}"
