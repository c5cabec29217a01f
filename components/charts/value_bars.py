"""Bars with their values written behind them: candidates, weights of a row or a column, parts of a logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from components.charts.axes import separators
from components.charts.marks import HOVERTEXT
from components.charts.theme import MONO, ChartTheme
from dashboard.i18n import Catalogue

ROW_HEIGHT = 22
"""Height of a bar with its label [px]."""
NOTE_WIDTH = 6.5
"""Room for one character of what stands behind a bar [px]."""
LEAST_PLOT = 120
"""Width of the bars' own part of a chart on the narrowest screen [px]."""


def value_bars(
    labels: Sequence[str],
    values: Sequence[float],
    notes: Sequence[str],
    hovers: Sequence[str],
    *,
    axis: dict[str, Any],
    text: Catalogue,
    theme: ChartTheme,
    more: str = "",
) -> go.Figure:
    """Horizontal bars from the top down, each with its value written behind it.

    The first trace are the bars, the second what is written: the own text of a bar to the left would cover its label.

    Args:
        labels: Plotly-safe tick labels.
        values: lengths of the bars.
        notes: what is written behind each bar.
        hovers: Plotly-safe hover texts.
        axis: the value axis, with its title.
        text: the catalogue.
        theme: colours and template.
        more: a second line of the axis title, e.g. how many are not shown.
    """
    positions = np.arange(len(labels))
    bars = go.Bar(x=list(values), y=positions, orientation="h", hovertext=list(hovers), hovertemplate=HOVERTEXT)
    fig = go.Figure(bars.update(marker={"color": theme.accent}, width=0.72))
    fig.add_scatter(
        x=list(values),
        y=positions,
        mode="text",
        text=[f"\u2002{note}" for note in notes],
        textposition="middle right",
        textfont={"size": 12},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    fig.update_xaxes(**{**axis, "title_text": f"{axis['title_text']}<br>{more}" if more else axis["title_text"]})
    ticks = {"tickmode": "array", "tickvals": positions, "ticktext": list(labels)}
    fig.update_yaxes(range=[len(labels) - 0.4, -0.6], **ticks, showgrid=False, tickfont={"family": MONO, "size": 12})
    fig.update_layout(separators=separators(text), height=ROW_HEIGHT * len(labels) + (84 if more else 66))
    return theme.apply(notes_fitted(fig))


def notes_fitted(fig: go.Figure) -> go.Figure:
    """Put what is written behind the bars of `value_bars`, and give it its room at any width of the screen.

    What stands behind a bar to the left begins at 0, and on a logarithmic scale, which has no 0, at its beginning.
    """
    notes, axis = fig.data[1], fig.layout.xaxis
    low, high = axis.range
    log = axis.type == "log"
    ends = np.maximum(np.asarray(notes.x, np.float64), 10.0**low if log else 0)
    notes.x = ends
    share = ((np.log10(ends) if log else ends) - low) / (high - low)
    over = NOTE_WIDTH * np.array([len(note) + 1 for note in notes.text]) - LEAST_PLOT * (1 - share)
    return fig.update_layout(margin_r=float(max(12, over.max(initial=0))))
