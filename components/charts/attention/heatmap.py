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
from components.charts.axes import first_hidden, full_label, separators, tick_label, token_axis
from components.charts.marks import SHARE_TICKS, cell_gap, heatmap
from components.charts.theme import BAR_ROOM, ChartTheme
from components.charts.value_bars import value_bars
from dashboard.engine.api.arrays import Floats
from dashboard.engine.api.attention import WeightMap
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import WEIGHT
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


def head_figure(
    weight_map: WeightMap,
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

    Args:
        weight_map: the weights; NaN cells stay empty.
        tokens: all tokens of the prompt.
        text: the catalogue.
        theme: colours and template.
        own_maximum: colours from 0 to the map's own largest weight instead of 0 to 1; the colour bar says so.
        hide_first: leave out the first column when it holds token 0; the axis says so.
        highlight: position whose row and column are framed.
        drag: Plotly's ``dragmode``, e.g. ``select``.
    """
    weights = np.round(weight_map.weights, 4).astype(np.float32)
    if hide_first and weight_map.col_start == 0:
        weights[:, 0] = np.nan
    fig = go.Figure(_cells(weight_map, weights, text, theme, own_maximum=own_maximum))
    _token_axes(fig, weight_map, tokens, text, highlight)
    fig.update_xaxes(title_text=_key_title(weight_map, weights, text), tickangle=-90 if weights.shape[1] > 1 else 0)
    if highlight is not None:
        _frame_token(fig, weight_map, highlight, theme)
    fig.update_layout(
        separators=separators(text), height=_map_height(weights.shape[0]), margin_t=BAR_ROOM, dragmode=drag
    )
    return theme.apply(fig)


def _cells(
    weight_map: WeightMap, weights: Floats, text: Catalogue, theme: ChartTheme, *, own_maximum: bool
) -> go.Heatmap:
    """The map's cells at the prompt's positions."""
    block = weight_map.block
    end = _largest(weights) if own_maximum else WEIGHT.scale_end()
    gap = cell_gap(max(weights.shape))
    return heatmap(
        weights,
        end,
        text("charts.axis.weight_own", largest=text.number(end, 4)) if own_maximum else WEIGHT.label(text),
        theme=theme,
        gap=(gap, gap),
        x0=weight_map.col_start + (block - 1) / 2,
        dx=block,
        y0=weight_map.row_start + (block - 1) / 2,
        dy=block,
        hoverongaps=False,
        hovertemplate=f"%{{y}} → %{{x}}<br>{_weight_words(text, block)}<extra></extra>",
    )


def _token_axes(
    fig: go.Figure, weight_map: WeightMap, tokens: Sequence[Token], text: Catalogue, highlight: int | None
) -> None:
    """Queries run downwards; where both sides are about as long, cells are squares."""
    labels = partial(token_axis, tokens, text=text, most=_MOST_TICKS, keep=highlight)
    title = _with_block(text("charts.axis.query"), weight_map.block, text)
    fig.update_xaxes(**labels(weight_map.col_start, weight_map.col_stop, weight_map.block))
    fig.update_yaxes(**labels(weight_map.row_start, weight_map.row_stop, weight_map.block), title_text=title)
    fig.update_yaxes(range=[weight_map.row_stop - 0.5, weight_map.row_start - 0.5])
    rows, cols = weight_map.row_stop - weight_map.row_start, weight_map.col_stop - weight_map.col_start
    if 0.5 <= rows / cols <= 2:
        fig.update_xaxes(constrain="domain", constraintoward="left")
        fig.update_yaxes(constrain="domain", constraintoward="top", scaleanchor="x")


def _largest(weights: Floats) -> float:
    known = weights[~np.isnan(weights)]
    return float(known.max()) if known.size and known.max() > 0 else 1.0


def _weight_words(text: Catalogue, block: int) -> str:
    if block > 1:
        return text("charts.hover.weight_pooled", weight="%{z:.4f}", block=block)
    return text("charts.hover.weight", weight="%{z:.4f}")


def _key_title(weight_map: WeightMap, weights: Floats, text: Catalogue) -> str:
    """Says when what is given to the first token is left out, here or by who made the map."""
    title = _with_block(text("charts.axis.key"), weight_map.block, text)
    if weight_map.col_start == 0 and np.isnan(weights[:, 0]).all():
        title += "<br>" + first_hidden(min(weight_map.block, weight_map.col_stop), text)
    return title


def _with_block(title: str, block: int, text: Catalogue) -> str:
    return title if block == 1 else f"{title} · {text('charts.cells', block=block)}"


def _map_height(rows: int) -> int:
    # colour bar above, token labels below
    return int(np.clip(32 * rows, 60, 520)) + 180


def _frame_token(fig: go.Figure, weight_map: WeightMap, pos: int, theme: ChartTheme) -> None:
    """Frame the cells of one token's row and column, as far as they exist."""
    line = {"color": theme.selection, "width": 1.5}
    low_col, high_col = weight_map.col_start, weight_map.col_stop
    if weight_map.row_start <= pos < weight_map.row_stop:
        begin, end = _cell_of(pos, weight_map.row_start, weight_map.row_stop, weight_map.block)
        fig.add_shape(
            type="rect", x0=low_col - 0.5, x1=min(end, high_col) - 0.5, y0=begin - 0.5, y1=end - 0.5, line=line
        )
    if weight_map.col_start <= pos < weight_map.col_stop:
        begin, end = _cell_of(pos, weight_map.col_start, weight_map.col_stop, weight_map.block)
        top = max(begin, weight_map.row_start)
        fig.add_shape(type="rect", x0=begin - 0.5, x1=end - 0.5, y0=top - 0.5, y1=weight_map.row_stop - 0.5, line=line)


def _cell_of(pos: int, start: int, stop: int, block: int) -> tuple[int, int]:
    begin = start + (pos - start) // block * block
    return begin, min(begin + block, stop)


def row_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, top: int = TOP) -> go.Figure:
    """Bars of the tokens that one token looks at most, largest first.

    Args:
        frame: as `dashboard.frames.attention.row_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        top: so many bars; the rest is counted and summed below them.
    """
    return _weight_bars(frame, "key", text=text, theme=theme, top=top)


def column_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, top: int = TOP) -> go.Figure:
    """Bars of the tokens that look at one token most, largest first.

    Args:
        frame: as `dashboard.frames.attention.column_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        top: so many bars; the rest is counted below them.
    """
    return _weight_bars(frame, "query", text=text, theme=theme, top=top)


def _weight_bars(frame: pd.DataFrame, side: str, *, text: Catalogue, theme: ChartTheme, top: int) -> go.Figure:
    ordered = frame.sort_values("weight", ascending=False, kind="stable")
    drawn, rest = ordered.head(top), ordered.iloc[top:]
    more = ""
    if len(rest):
        largest, total = (text.number(float(number), 3) for number in (rest["weight"].max(), rest["weight"].sum()))
        more = text(f"charts.more.{side}", count=len(rest), largest=largest, total=total)
    return value_bars(
        [f"{tick_label(token)} ({pos})" for token, pos in zip(drawn[f"{side}_token"], drawn[side], strict=True)],
        [float(weight) for weight in drawn["weight"]],
        [text.number(float(weight), 3) for weight in drawn["weight"]],
        [_bar_hover(row, text) for row in drawn.to_dict("records")],
        axis={"title_text": WEIGHT.label(text), "range": [0, 1], "tickvals": SHARE_TICKS},
        theme=theme,
        text=text,
        more=more,
    )


def _bar_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    query = full_label(row["query_token"], row["query"])
    key = full_label(row["key_token"], row["key"])
    weight = text("charts.hover.weight", weight=text.number(row["weight"], 4))
    return f"{query} → {key}<br>{weight}"
