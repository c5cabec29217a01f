"""Marks of all charts: heatmaps, words in cells, rows with intervals, bars, lines, colour bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import counting_axis, separators
from components.charts.theme import BAR_ROOM, MONO, ChartTheme, luminance, rgb
from dashboard.i18n import Catalogue

HOVERTEXT = "%{hovertext}<extra></extra>"
"""A mark's hover text is its ``hovertext``, which is Plotly-safe."""
SHARE_TICKS = [0, 0.25, 0.5, 0.75, 1]
INTERVAL = ("value", "low", "high")
"""Columns of an estimate with its interval."""
BAR_AT_LEFT = {"xref": "container", "x": 0, "xpad": 24, "len": 300, "ticklabeloverflow": "allow"}
"""A colour bar whose ends have labels, at the left end of the chart: beside long row labels it would be cut off."""
_GAP_UP_TO = 40
"""Up to so many rows or columns cells stand apart by a line."""

Cells = NDArray[Any]


# -- heatmaps -------------------------------------------------------------------------------------------------------
def cell_gap(count: int) -> int:
    """Space between cells [px]: none where there are many rows or columns."""
    return int(count <= _GAP_UP_TO)


def heatmap(
    z: Cells, end: float, title: str, *, theme: ChartTheme, begin: float = 0, gap: tuple[int, int] = (1, 1), **more: Any
) -> go.Heatmap:
    """Cells in the sequential scale.

    Args:
        z: (row, column) values; NaN stays empty.
        end: the value of the scale's far end.
        title: quantity and unit, for the colour bar.
        theme: colours.
        begin: the value that is nearest to the paper.
        gap: between columns and between rows [px].
        more: further settings of the trace.
    """
    return go.Heatmap(
        z=np.asarray(z, np.float32),
        zmin=begin,
        zmax=end,
        colorscale=theme.sequential(),
        xgap=gap[0],
        ygap=gap[1],
        **{**more, "colorbar": {"title": {"text": title}, **more.get("colorbar", {})}},
    )


def signed_heatmap(
    z: Cells, end: float, title: str, ends: tuple[str, str], *, theme: ChartTheme, gap: int = 1, **more: Any
) -> go.Heatmap:
    """Cells of differences: blue below 0, orange above, paper at 0.

    Args:
        z: (row, column) differences; NaN stays empty.
        end: colours change between -end and end.
        title: quantity and unit, for the colour bar.
        ends: what is written at the colour bar's two ends.
        theme: colours.
        gap: between cells [px].
        more: further settings of the trace.
    """
    ticks = {"tickvals": [-end, 0, end], "ticktext": [ends[0], "0", ends[1]]}
    return go.Heatmap(
        z=np.asarray(z, np.float32),
        zmin=-end,
        zmid=0,
        zmax=end,
        colorscale=theme.diverging(),
        colorbar={"title": {"text": title}, **ticks, **BAR_AT_LEFT},
        hoverongaps=False,
        xgap=gap,
        ygap=gap,
        **more,
    )


def head_heatmap(cells: go.Heatmap, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """The chart of a heatmap with one cell a head: layers from left to right, heads from top to bottom.

    Args:
        cells: (head, layer) values.
        text: the catalogue.
        theme: colours and template.
    """
    heads, layers = np.shape(cells.z)
    fig = go.Figure(cells)
    fig.update_xaxes(title_text=text("charts.axis.layer"), range=[-0.5, layers - 0.5], **counting_axis(layers))
    fig.update_yaxes(title_text=text("charts.axis.head"), range=[heads - 0.5, -0.5], **counting_axis(heads))
    height = int(np.clip(26 * heads, 100, 520)) + 100
    fig.update_layout(height=height, margin_t=BAR_ROOM, separators=separators(text))
    return theme.apply(fig)


def colour_bar(title: str, theme: ChartTheme, **more: Any) -> go.Scatter:
    """A colour bar from 0 to 1 alone, for what is no heatmap."""
    marker = {"color": [0], "cmin": 0, "cmax": 1, "colorscale": theme.sequential(), "showscale": True}
    marker["colorbar"] = {"title": {"text": title}}
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, hoverinfo="skip", **more)


# -- words in cells -------------------------------------------------------------------------------------------------
def ink(cells: NDArray[np.float64], theme: ChartTheme) -> NDArray[np.intp]:
    """Which ink is read better on each cell: 0 the text's, 1 the paper's (contrast of WCAG 2).

    Args:
        cells: (...) relative luminance.
        theme: colours.
    """
    inks = [luminance(rgb(colour)) for colour in (theme.text, theme.paper)]
    return np.argmax([(np.maximum(cells, one) + 0.05) / (np.minimum(cells, one) + 0.05) for one in inks], axis=0)


def colours_at(share: NDArray[np.float64], scale: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """(...) places on a Plotly colour scale, in [0, 1] -> (..., 3) sRGB in [0, 1]; NaN is its beginning."""
    stops = np.array([stop for stop, _ in scale])
    colours = np.array([rgb(colour) for _, colour in scale])
    places = np.clip(np.nan_to_num(share), 0, 1)
    return np.stack([np.interp(places, stops, channel) for channel in colours.T], axis=-1)


def cell_labels(
    labels: NDArray[np.object_], colours: NDArray[np.float64], theme: ChartTheme, *, size: int = 10
) -> list[go.Scatter]:
    """Words in the cells of a heatmap, in whichever ink is read better on the cell's colour.

    A heatmap's own text would be grey or white whatever the cell's colour, and unreadable on the middle of the scale.

    Args:
        labels: (row, column) Plotly-safe, empty where there is nothing to say.
        colours: (row, column, 3) the cells' colours, sRGB in [0, 1].
        theme: colours.
        size: of the font [px].
    """
    best = ink(luminance(colours), theme)
    traces = []
    for i, colour in enumerate((theme.text, theme.paper)):
        rows, columns = np.nonzero((best == i) & (labels != ""))
        traces.append(
            go.Scatter(
                x=columns,
                y=rows,
                mode="text",
                text=labels[rows, columns].tolist(),
                textfont={"family": MONO, "size": size, "color": colour},
                hoverinfo="skip",
            )
        )
    return traces


# -- rows and lines -------------------------------------------------------------------------------------------------
def whiskers(rows: pd.DataFrame, colour: str, columns: Sequence[str] = INTERVAL) -> dict[str, Any]:
    """Plotly error bars of an estimate, its low and its high end, whatever `columns` call them; NaN draws none."""
    value, low, high = (rows[column] for column in columns)
    return {
        "visible": bool(low.notna().any()),
        "array": (high - value).tolist(),
        "arrayminus": (value - low).tolist(),
        "color": colour,
        "thickness": 1.5,
        "width": 4,
    }


def interval_row(
    rows: pd.DataFrame,
    heights: Iterable[float],
    marker: dict[str, Any],
    hovers: list[str],
    columns: Sequence[str] = INTERVAL,
    *,
    whiskered: bool = True,
    **more: Any,
) -> go.Scatter:
    """Marks at their heights, each with the whiskers of its interval in the mark's colour.

    Args:
        rows: one a mark.
        heights: of each mark.
        marker: Plotly's.
        hovers: Plotly-safe.
        columns: those of the estimate, its low and its high end.
        whiskered: whether there are intervals.
        more: further settings of the trace.
    """
    return go.Scatter(
        x=rows[columns[0]].tolist(),
        y=list(heights),
        mode="markers",
        marker=marker,
        error_x=whiskers(rows, marker["color"], columns) if whiskered else None,
        hovertext=hovers,
        hovertemplate=HOVERTEXT,
        **more,
    )


def pale_bars(values: Iterable[float], heights: Iterable[float], colour: str, width: float) -> go.Bar:
    """Bars behind the marks of an `interval_row`; `width` is the room of a bar [rows]."""
    return go.Bar(
        x=list(values),
        y=list(heights),
        orientation="h",
        width=0.9 * width,
        opacity=0.35,
        marker={"color": colour},
        showlegend=False,
        hoverinfo="skip",
    )


def upright_marks(
    values: Iterable[float], heights: Iterable[float], name: str, *, theme: ChartTheme, size: int
) -> go.Scatter:
    """Short upright lines: a value to compare the other marks of a row with."""
    return go.Scatter(
        x=list(values),
        y=list(heights),
        mode="markers",
        name=name,
        marker={"symbol": "line-ns", "size": size, "line": {"color": theme.text, "width": 2}},
        hoverinfo="skip",
    )


def reference_line(
    x: Sequence[float], y: Sequence[float], *, theme: ChartTheme, dash: str | None = None, **more: Any
) -> go.Scatter:
    """A thin line of what would be equal, or even."""
    line = {"color": theme.muted, "width": 1} | ({"dash": dash} if dash else {})
    return go.Scatter(x=list(x), y=list(y), mode="lines", line=line, hoverinfo="skip", **more)
