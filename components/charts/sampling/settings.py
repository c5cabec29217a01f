"""Charts of decode settings compared exactly, position by position, without drawing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import name_axis, separators, tick_label
from components.charts.series import LEGEND, column_look, column_name, readable
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue

LINES = ("kept", "kept_mass", "entropy_nats", "total_variation", "js_nats")
"""What lines can show: the first three of a setting, the others of a pair."""
MAPS = ("kept_mass", "total_variation", "js_nats")
"""What a map can show; all have an upper end."""
ENDS = {"kept_mass": 1.0, "total_variation": 1.0, "js_nats": math.log(2)}
MOST_MARKED = 64
"""Up to so many positions each has a marker."""
_MOST_TICKS = 24
_ROW_NAME = 16


def settings_lines_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Lines along a text: what each setting leaves of the prediction, or how far apart two settings are.

    **Reading it:** each line is a setting, or a pair of them (line in the colour of the first, marker of the second).
    Where kept tokens drop to one, the next token is settled; where a distance is 0, both draw alike.

    **Careful:** each position is taken by itself, after the text as it stands: texts that were drawn would have parted
    earlier and gone elsewhere.

    Args:
        frame: as `comparison_frame` of `dashboard.frames.sampling` makes it, for a pair's value as `distance_frame`.
        value: of LINES.
        text: the catalogue.
        theme: colours and template.
    """
    by = "pair" if "pair" in frame else "setting"
    fig = go.Figure()
    names = frame[frame[by] == frame[by].min()]["token"].tolist()
    if value == "entropy_nats":
        fig.add_trace(_own_entropy(frame, text, theme))
    for place, part in frame.groupby(by, sort=True):
        colour, symbol, dash = _line_look(part, int(str(place)), theme)
        label = _label(part, text, " – ")
        fig.add_scatter(
            x=part["pos"].tolist(),
            y=part[value].astype(float).tolist(),
            name=label,
            mode="lines+markers" if len(names) <= MOST_MARKED else "lines",
            line={"color": colour[0], "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": 7, "color": colour[1]},
            hovertemplate=_hover(label, value, "y", text),
        )
    fig.update_xaxes(title_text=text("charts.axis.after"), **_positions(frame, names, text))
    fig.update_yaxes(title_text=text(f"charts.settings.{value}"), **_value_axis(frame, value))
    legend = {**LEGEND, "traceorder": "normal"}
    height = 440 if by == "pair" else 380  # there are more pairs than settings in the legend
    fig.update_layout(height=height, showlegend=True, legend=legend, separators=separators(text))
    return theme.apply(fig)


def _own_entropy(frame: pd.DataFrame, text: Catalogue, theme: ChartTheme) -> go.Scatter:
    own = frame.drop_duplicates("pos")
    label = text("charts.settings.own")
    return go.Scatter(
        x=own["pos"].tolist(),
        y=own["own_entropy_nats"].astype(float).tolist(),
        name=label,
        mode="lines",
        line={"color": theme.muted, "width": 5},
        opacity=0.4,
        hovertemplate=_hover(label, "entropy_nats", "y", text),
    )


def _line_look(part: pd.DataFrame, place: int, theme: ChartTheme) -> tuple[tuple[str, str], str, str]:
    """Colours of line and marker, symbol, dash; a pair has the line of its first and the marker of its second."""
    first, second = (part["first"].iloc[0], part["second"].iloc[0]) if "pair" in part else (place, place)
    line, marker = column_look(int(first), theme), column_look(int(second), theme)
    return (line.colour, marker.colour), marker.symbol, line.dash


def _label(part: pd.DataFrame, text: Catalogue, between: str) -> str:
    columns = ("first_name", "second_name") if "pair" in part else ("name",)
    return between.join(column_name(str(part[column].iloc[0]), text) for column in columns)


def _hover(label: str, value: str, axis: str, text: Catalogue) -> str:
    digits = ":d" if value == "kept" else ":.4f"
    return f"%{{x}}<br>{label}<br>{text(f'charts.settings.{value}')}: %{{{axis}{digits}}}<extra></extra>"


def _positions(frame: pd.DataFrame, names: list[str], text: Catalogue) -> dict[str, Any]:
    return name_axis(names, int(frame["pos"].min()), 1, text=text, most=_MOST_TICKS)


def _value_axis(frame: pd.DataFrame, value: str) -> dict[str, Any]:
    if value == "kept":
        top = max(1, math.ceil(math.log10(max(1, frame["kept"].max()))))
        marks = [10**mark for mark in range(top + 1)]
        return {
            "type": "log",
            "range": [-0.04 * top, 1.04 * top],
            "tickvals": marks,
            "ticktext": [str(mark) for mark in marks],
        }
    if value in ENDS:
        return {"range": [-0.02 * ENDS[value], 1.02 * ENDS[value]]}
    return {"rangemode": "tozero"}


def settings_map_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Settings or pairs of them by positions: where along a text they keep much, or are far apart.

    **Reading it:** a dark (in dark mode: bright) cell is a position where a pair draws from other tokens, or where a
    setting keeps nearly all probability.

    **Careful:** distances are of whole distributions: a far cell may still give the same likeliest token. Each
    position is taken by itself, after the text as it stands.

    Args:
        frame: as `distance_frame` of `dashboard.frames.sampling` makes it, for ``kept_mass`` as `comparison_frame`.
        value: of MAPS.
        text: the catalogue.
        theme: colours and template.
    """
    by = "pair" if "pair" in frame else "setting"
    values = frame.pivot(index=by, columns="pos", values=value)
    rows = [part for _, part in frame.groupby(by, sort=True)]
    apart = int(values.shape[1] <= MOST_MARKED)
    fig = go.Figure(
        go.Heatmap(
            z=values.to_numpy().astype(np.float32),
            x=values.columns.tolist(),
            zmin=0,
            zmax=ENDS[value],
            colorscale=theme.sequential(),
            colorbar_title_text=text(f"charts.settings.{value}"),
            xgap=apart,
            ygap=1,
            hovertemplate=_hover("%{y}", value, "z", text),
        )
    )
    tokens = rows[0]["token"].tolist()
    fig.update_xaxes(title_text=text("charts.axis.after"), **_positions(frame, tokens, text))
    fig.update_yaxes(
        range=[len(rows) - 0.5, -0.5],
        tickmode="array",
        # a tick that stands off its row leaves the hover text the whole name; see `token_axis`
        tickvals=[row + 1e-3 for row in range(len(rows))],
        ticktext=[_row_label(part) for part in rows],
        labelalias={str(row): _label(part, text, " – ") for row, part in enumerate(rows)},
        showgrid=False,
    )
    row_height = 40 if by == "pair" else 28
    fig.update_layout(height=row_height * len(rows) + BAR_ROOM + 130, margin_t=BAR_ROOM, separators=separators(text))
    return theme.apply(fig)


def _row_label(part: pd.DataFrame) -> str:
    """A setting's name for the axis; a pair's over two lines."""
    columns = ("first_name", "second_name") if "pair" in part else ("name",)
    return "<br>– ".join(tick_label(readable(str(part[column].iloc[0])), length=_ROW_NAME) for column in columns)
