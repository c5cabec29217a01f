"""Charts of groups' whole distributions over the list of completions: Lorenz curves and distances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import separators, wrapped
from components.charts.bias.marks import BAR_AT_LEFT, KINDS, cell_labels, folded_label, marker_of, more_rows, name_label
from components.charts.series import DASHES, LEGEND, column_look, hover_words
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue

DISTANCES = ("js_nats", "total_variation")
MOST_GROUPS = 30
MOST_NUMBERS = 8
"""Up to so many groups each cell shows its number."""
_ENDS = {"js_nats": float(np.log(2)), "total_variation": 1.0}
_SHARES = [0, 0.25, 0.5, 0.75, 1]
_MARKS = 12
"""Marks along a curve."""


def lorenz_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Lorenz curves: what part of a group's probability the less likely completions hold together.

    **Reading it:** on the diagonal all completions would be equally likely; the more a curve sags, the fewer
    completions a group is given. Twice the area between is the Gini coefficient in the legend.

    **Careful:** a curve says how uneven, not which completions; two groups with one curve may be given different ones.
    It is of the probability within the list, which may be little of the model's.

    Args:
        frame: as `dashboard.frames.bias_groups.lorenz_frame` makes it; of more than KINDS groups the first are drawn.
        text: the catalogue.
        theme: colours and template.
    """
    groups = frame["group"].drop_duplicates().tolist()
    fig = go.Figure()
    even = {"color": theme.muted, "width": 1}
    fig.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=even, name=text("charts.lorenz.even"), hoverinfo="skip")
    for place, group in enumerate(groups[:KINDS]):
        part = frame[frame["group"] == group]
        apart = max(1, len(part) // _MARKS)
        # each curve has its marks at other points, so that equal curves do not hide one another's
        begin = place * apart // KINDS
        name = f"{name_label(str(group))} · {text.number(part['gini'].iloc[0], 3)}"
        fig.add_scatter(
            x=part["completions"].tolist(),
            y=part["mass"].tolist(),
            mode="lines+markers",
            name=name,
            line={"color": column_look(place, theme).colour, "dash": DASHES[place % len(DASHES)], "width": 1.5},
            marker={
                **marker_of(place, theme),
                "size": [8 if i % apart == begin else 0 for i in range(len(part))],
                "line": {"width": 0},
            },
            hovertext=[_lorenz_hover(row, text) for row in part.to_dict("records")],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    title = wrapped(text("charts.lorenz.completions")) + more_rows(text, max(0, len(groups) - KINDS))
    fig.update_xaxes(title_text=title, range=[-0.02, 1.02], tickvals=_SHARES)
    fig.update_yaxes(title_text=text("charts.lorenz.mass"), range=[-0.02, 1.02], tickvals=_SHARES)
    fig.update_layout(
        height=460 + 12 * min(len(groups), KINDS), showlegend=True, legend=LEGEND, separators=separators(text)
    )
    return theme.apply(fig)


def _lorenz_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    facts = {"completions": text.number(row["completions"], 3), "mass": text.number(row["mass"], 3)}
    return f"{hover_words(str(row['group']))}<br>{text('charts.lorenz.point', **facts)}"


def distances_figure(
    frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme, own_maximum: bool = False
) -> go.Figure:
    """Groups by groups: how far apart their distributions over the list are.

    **Reading it:** a dark cell (bright in dark mode) is a pair of groups that are given different completions.

    **Careful:** a distance has no direction and no opinion: it does not say which completions differ, nor whether they
    should. Distances also arise from how odd a prompt is.

    Args:
        frame: as `dashboard.frames.bias_groups.distance_frame` makes it.
        value: of DISTANCES.
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
    top = largest if own_maximum and largest > 0 else _ENDS[value]
    quantity = text(f"charts.distances.{value}")
    if own_maximum:
        quantity = text("charts.distances.own", quantity=quantity, largest=text.number(top, 3))
    hovers = np.array([_distance_hover(row, value, text) for row in frame.to_dict("records")], object)
    scale = theme.sequential()
    fig = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            zmin=0,
            zmax=top,
            colorscale=scale,
            colorbar={"title": {"text": quantity}, **BAR_AT_LEFT},
            hoverongaps=False,
            hovertext=hovers.reshape(shape).tolist(),
            hovertemplate="%{hovertext}<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    few = len(groups) <= MOST_NUMBERS
    if few:
        shown = [["" if np.isnan(one) else text.number(one, 3) for one in row] for row in values]
        fig.add_traces(cell_labels(np.array(shown, object).reshape(shape), values / top, scale, theme))
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
    return f"{pair}<br>{text(f'charts.distances.{value}')}: {text.number(row[value], 4)}"
