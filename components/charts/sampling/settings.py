"""Charts of decode settings compared exactly, position by position, without drawing."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import log_axis, name_axis, separators, tick_label
from components.charts.marks import heatmap
from components.charts.series import LEGEND, column_name, readable, series_look
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import SETTINGS

MOST_MARKED = 64
"""Up to so many positions each has a marker."""
_MOST_TICKS = 24
_ROW_NAME = 16


def settings_lines_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Lines along a text: what each setting leaves of the prediction, or how far apart two settings are.

    Args:
        frame: as `comparison_frame` of `dashboard.frames.sampling` makes it, for a pair's value as `distance_frame`.
        value: of SETTINGS of `dashboard.stats.statistic`.
        text: the catalogue.
        theme: colours and template.
    """
    by = "pair" if "pair" in frame else "setting"
    fig = go.Figure()
    names = frame[frame[by] == frame[by].min()]["token"].tolist()
    if value == "entropy_nats":
        fig.add_trace(_own_entropy(frame, text, theme))
    for index, part in frame.groupby(by, sort=True):
        colour, symbol, dash = _line_look(part, int(str(index)), theme)
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
    fig.update_yaxes(title_text=SETTINGS[value].label(text), **_value_axis(frame, value))
    legend = {**LEGEND, "traceorder": "normal"}
    height = 440 if by == "pair" else 380  # there are more pairs than settings in the legend
    fig.update_layout(height=height, showlegend=True, legend=legend, separators=separators(text))
    return theme.apply(fig)


def _own_entropy(frame: pd.DataFrame, text: Catalogue, theme: ChartTheme) -> go.Scatter:
    rows = frame.drop_duplicates("pos")
    label = text("charts.settings.own")
    return go.Scatter(
        x=rows["pos"].tolist(),
        y=rows["own_entropy_nats"].astype(float).tolist(),
        name=label,
        mode="lines",
        line={"color": theme.muted, "width": 5},
        opacity=0.4,
        hovertemplate=_hover(label, "entropy_nats", "y", text),
    )


def _line_look(part: pd.DataFrame, setting: int, theme: ChartTheme) -> tuple[tuple[str, str], str, str]:
    """Colours of line and marker, symbol, dash; a pair has the line of its first and the marker of its second."""
    first, second = (part["first"].iloc[0], part["second"].iloc[0]) if "pair" in part else (setting, setting)
    line, marker = series_look(int(first), theme), series_look(int(second), theme)
    return (line.colour, marker.colour), marker.symbol, line.dash


def _label(part: pd.DataFrame, text: Catalogue, between: str) -> str:
    columns = ("first_name", "second_name") if "pair" in part else ("name",)
    return between.join(column_name(str(part[column].iloc[0]), text) for column in columns)


def _hover(label: str, value: str, axis: str, text: Catalogue) -> str:
    digits = ":d" if value == "kept" else ":.4f"
    return f"%{{x}}<br>{label}<br>{SETTINGS[value].label(text)}: %{{{axis}{digits}}}<extra></extra>"


def _positions(frame: pd.DataFrame, names: list[str], text: Catalogue) -> dict[str, Any]:
    return name_axis(names, int(frame["pos"].min()), 1, text=text, most=_MOST_TICKS)


def _value_axis(frame: pd.DataFrame, value: str) -> dict[str, Any]:
    statistic = SETTINGS[value]
    if statistic.logarithmic:
        return log_axis(max(1, math.ceil(math.log10(max(1, frame[statistic.column].max())))))
    if statistic.is_bounded:
        return {"range": [-0.02 * statistic.scale_end(), 1.02 * statistic.scale_end()]}
    return {"rangemode": "tozero"}


def settings_map_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Settings or pairs of them by positions: where along a text they keep much, or are far apart.

    Args:
        frame: as `distance_frame` of `dashboard.frames.sampling` makes it, for ``kept_mass`` as `comparison_frame`.
        value: of SETTINGS of `dashboard.stats.statistic`, one with an upper end.
        text: the catalogue.
        theme: colours and template.
    """
    by = "pair" if "pair" in frame else "setting"
    values = frame.pivot(index=by, columns="pos", values=value)
    rows = [part for _, part in frame.groupby(by, sort=True)]
    cells = heatmap(
        values.to_numpy(),
        SETTINGS[value].scale_end(),
        SETTINGS[value].label(text),
        theme=theme,
        gap=(int(values.shape[1] <= MOST_MARKED), 1),
        x=values.columns.tolist(),
        hovertemplate=_hover("%{y}", value, "z", text),
    )
    fig = go.Figure(cells)
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
