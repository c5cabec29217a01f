"""Charts of groups' whole distributions over the list of completions: Lorenz curves and distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import separators, wrapped
from components.charts.bias.labels import KINDS, folded_label, more_rows, name_label
from components.charts.marks import (
    BAR_AT_LEFT,
    HOVERTEXT,
    SHARE_TICKS,
    cell_labels,
    colours_at,
    heatmap,
    reference_line,
)
from components.charts.series import LEGEND, hover_words, series_look, series_marker
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import DISTANCES

MOST_GROUPS = 30
MOST_NUMBERS = 8
"""Up to so many groups each cell shows its number."""
_MARKS = 12
"""Marks along a curve."""


def lorenz_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Lorenz curves: what part of a group's probability the less likely completions hold together.

    Args:
        frame: as `dashboard.frames.bias_groups.lorenz_frame` makes it; of more than KINDS groups the first are drawn.
        text: the catalogue.
        theme: colours and template.
    """
    groups = frame["group"].drop_duplicates().tolist()
    fig = go.Figure()
    fig.add_trace(reference_line([0, 1], [0, 1], theme=theme, name=text("charts.lorenz.even")))
    for index, group in enumerate(groups[:KINDS]):
        fig.add_trace(_curve(frame[frame["group"] == group], index, text, theme))
    title = wrapped(text("charts.lorenz.completions")) + more_rows(text, max(0, len(groups) - KINDS))
    fig.update_xaxes(title_text=title, range=[-0.02, 1.02], tickvals=SHARE_TICKS)
    fig.update_yaxes(title_text=text("charts.lorenz.mass"), range=[-0.02, 1.02], tickvals=SHARE_TICKS)
    fig.update_layout(
        height=460 + 12 * min(len(groups), KINDS), showlegend=True, legend=LEGEND, separators=separators(text)
    )
    return theme.apply(fig)


def _curve(points: pd.DataFrame, index: int, text: Catalogue, theme: ChartTheme) -> go.Scatter:
    """A group's curve, with marks at other points than those of the others: equal curves do not hide them."""
    every = max(1, len(points) // _MARKS)
    first = index * every // KINDS
    look = series_look(index, theme)
    return go.Scatter(
        x=points["completions"].tolist(),
        y=points["mass"].tolist(),
        mode="lines+markers",
        name=f"{name_label(str(points['group'].iloc[0]))} · {text.number(points['gini'].iloc[0], 3)}",
        line={"color": look.colour, "dash": look.dash, "width": 1.5},
        marker={
            **series_marker(index, theme),
            "size": [8 if i % every == first else 0 for i in range(len(points))],
            "line": {"width": 0},
        },
        hovertext=[_lorenz_hover(row, text) for row in points.to_dict("records")],
        hovertemplate=HOVERTEXT,
    )


def _lorenz_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    facts = {"completions": text.number(row["completions"], 3), "mass": text.number(row["mass"], 3)}
    return f"{hover_words(str(row['group']))}<br>{text('charts.lorenz.point', **facts)}"


def distances_figure(
    frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme, own_maximum: bool = False
) -> go.Figure:
    """Groups by groups: how far apart their distributions over the list are.

    Args:
        frame: as `dashboard.frames.bias_groups.distance_frame` makes it.
        value: of DISTANCES of `dashboard.stats.statistic`.
        text: the catalogue.
        theme: colours and template.
        own_maximum: colours up to the largest distance instead of the largest possible; the scale says so.
    """
    every = frame["first"].drop_duplicates().tolist()
    groups = every[:MOST_GROUPS]
    frame = frame[frame["first"].isin(groups) & frame["second"].isin(groups)]
    shape = (len(groups), len(groups))
    values = frame[value].to_numpy(np.float64).reshape(shape)
    largest = float(np.nanmax(values, initial=0))
    end = largest if own_maximum and largest > 0 else DISTANCES[value].scale_end()
    quantity = DISTANCES[value].label(text)
    if own_maximum:
        quantity = text("charts.distances.own", quantity=quantity, largest=text.number(end, 3))
    hovers = np.array([_distance_hover(row, value, text) for row in frame.to_dict("records")], object)
    cells = heatmap(
        values,
        end,
        quantity,
        theme=theme,
        colorbar=BAR_AT_LEFT,
        hoverongaps=False,
        hovertext=hovers.reshape(shape).tolist(),
        hovertemplate=HOVERTEXT,
    )
    fig = go.Figure(cells)
    few = len(groups) <= MOST_NUMBERS
    if few:
        numbers = ["" if np.isnan(number) else text.number(number, 3) for number in values.ravel()]
        colours = colours_at(values / end, theme.sequential())
        fig.add_traces(cell_labels(np.array(numbers, object).reshape(shape), colours, theme))
    labels = [folded_label(str(group), 8, 2) if few else name_label(str(group)) for group in groups]
    ticks = {"tickmode": "array", "tickvals": list(range(len(groups))), "ticktext": labels, "showgrid": False}
    title = text("charts.distances.groups") + more_rows(text, len(every) - len(groups))
    fig.update_xaxes(title_text=title, range=[-0.5, len(groups) - 0.5], autotickangles=[0, -90], **ticks)
    fig.update_yaxes(range=[len(groups) - 0.5, -0.5], **ticks)
    height = (44 if few else 22) * len(groups) + BAR_ROOM + (90 if few else 180)
    fig.update_layout(height=height, margin_t=BAR_ROOM, separators=separators(text))
    return theme.apply(fig)


def _distance_hover(row: Mapping[Any, Any], value: str, text: Catalogue) -> str:
    pair = f"{hover_words(str(row['first']))} – {hover_words(str(row['second']))}"
    return f"{pair}<br>{DISTANCES[value].label(text)}: {text.number(row[value], 4)}"
