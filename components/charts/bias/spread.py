"""Charts of how far templates agree: a forest of means with their intervals, and every template's own value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import row_axis, separators, signed, zero_axis
from components.charts.bias.labels import (
    FOOT,
    KINDS,
    MOST_ROWS,
    ROW,
    between,
    folded_label,
    more_rows,
    name_label,
    narrow,
    pair_title,
)
from components.charts.marks import HOVERTEXT, interval_row, upright_marks
from components.charts.series import LEGEND, hover_words, series_marker
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import DIFFERENCE

MOST_POINTS = 4000
"""More points of a strip are not drawn."""
_TEMPLATE_ROW = 44
_LEGEND_ROOM = 70


def forest_figure(frame: pd.DataFrame, *, title: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Differences of two groups, one row a template or a completion, with the mean over all below.

    Args:
        frame: as `dashboard.frames.bias.forest_frame` or `intersection_frame` makes it.
        title: the difference, for the axis, Plotly-safe.
        text: the catalogue.
        theme: colours and template.
    """
    of_templates = frame["by"].iloc[0] == "template"
    single = frame[~frame["overall"]]
    drawn = single.iloc[np.sort(np.argsort(-single["value_nats"].abs().to_numpy(), kind="stable")[:MOST_ROWS])]
    if not of_templates:
        drawn = drawn.sort_values("value_nats", ascending=False, kind="stable")
    rows = pd.concat([drawn, frame[frame["overall"]]], ignore_index=True)
    same = ~rows["overall"] & (rows["agree"] == rows["templates"])
    other = ~rows["overall"] & ~same
    words = ("agree_one", "disagree_one") if of_templates else ("agree", "disagree")
    fig = go.Figure(
        [
            _forest_marks(rows[same], "circle", theme.accent, text(f"charts.forest.{words[0]}"), text),
            _forest_marks(rows[other], "circle-open", theme.accent, text(f"charts.forest.{words[1]}"), text),
            _forest_marks(rows[rows["overall"]], "diamond", theme.text, text("charts.forest.overall"), text),
        ]
    )
    # the numbers on the right are the labels of a second axis: a margin of their own at any width
    fig.data[-1].update(yaxis="y2")
    labels = [folded_label(str(name), lines=3 if of_templates else 1) for name in drawn["name"]]
    axis = row_axis([*labels, text("charts.forest.overall")], theme)
    notes = [_note(row, text, of_templates) for row in rows.to_dict("records")]
    right = {**axis, "ticktext": notes, "overlaying": "y", "side": "right", "minor": None, "matches": "y"}
    right["ticklabelstandoff"] = 6
    fig.update_layout(yaxis=axis, yaxis2=right)
    fig.update_xaxes(title_text=title + more_rows(text, len(single) - len(drawn)), **zero_axis(theme))
    height = (_TEMPLATE_ROW if of_templates else ROW) * len(rows) + FOOT + _LEGEND_ROOM
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, separators=separators(text))
    return theme.apply(fig)


def _forest_marks(part: pd.DataFrame, symbol: str, colour: str, name: str, text: Catalogue) -> go.Scatter:
    size = 13 if symbol == "diamond" else 9
    marker = {"symbol": symbol, "color": colour, "size": size, "line": {"color": colour, "width": 1.5}}
    hovers = [_forest_hover(row, text) for row in part.to_dict("records")]
    columns = ("value_nats", "low_nats", "high_nats")
    return interval_row(part, part.index.tolist(), marker, hovers, columns, name=name, showlegend=bool(len(part)))


def _note(row: Mapping[Any, Any], text: Catalogue, of_templates: bool) -> str:
    """What stands right of a row: the value and, where several templates are behind it, how many agree."""
    value = signed(text, row["value_nats"])
    if of_templates and not row["overall"]:
        return value
    return f"{value} · {int(row['agree'])}/{int(row['templates'])}"


def _forest_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    name = text("charts.forest.overall") if row["overall"] else hover_words(str(row["name"]))
    lines = [name, text("charts.bias.delta", value=signed(text, row["value_nats"], 3))]
    lines.append(between(text, row["low_nats"], row["high_nats"], 3))
    if row["templates"] > 1:
        lines.append(text("charts.bias.agree", agree=int(row["agree"]), templates=int(row["templates"])))
    return "<br>".join(lines)


def strip_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Every template's own difference of two groups in each completion, with the mean as an upright line.

    Args:
        frame: as `dashboard.frames.bias.delta_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    templates = frame["template"].drop_duplicates().tolist()
    means = frame.groupby("completion", sort=False)["delta_nats"].mean()
    most = max(1, min(MOST_ROWS, MOST_POINTS // max(1, len(templates))))
    largest = means.iloc[np.argsort(-means.abs().to_numpy(), kind="stable")[:most]]
    ordered = largest.sort_values(ascending=False, kind="stable")
    rows = {completion: row for row, completion in enumerate(ordered.index)}
    fig = go.Figure()
    fig.add_trace(upright_marks(ordered.tolist(), range(len(ordered)), text("charts.strip.mean"), theme=theme, size=15))
    named = len(templates) <= KINDS
    for index, template in enumerate(templates):
        part = frame[(frame["template"] == template) & frame["completion"].isin(rows)]
        marker = series_marker(index, theme, size=8) if named else {"color": theme.accent, "size": 7}
        fig.add_scatter(
            x=part["delta_nats"].tolist(),
            y=[rows[completion] for completion in part["completion"]],
            mode="markers",
            name=name_label(str(template), 40) if named else narrow(text("charts.strip.one_template")),
            showlegend=named or index == 0,
            marker={**marker, "opacity": 0.8},
            hovertext=[_strip_hover(row, text) for row in part.to_dict("records")],
            hovertemplate=HOVERTEXT,
        )
    title = pair_title(text, DIFFERENCE.words, frame) + more_rows(text, len(means) - len(ordered))
    fig.update_xaxes(title_text=title, **zero_axis(theme))
    fig.update_yaxes(**row_axis([name_label(str(name)) for name in ordered.index], theme))
    legend_room = 24 * (1 + min(len(templates), KINDS))
    fig.update_layout(
        height=ROW * len(ordered) + FOOT + legend_room,
        showlegend=True,
        legend={**LEGEND, "orientation": "v"},
        margin_t=legend_room,
        separators=separators(text),
    )
    return theme.apply(fig)


def _strip_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    value = text("charts.bias.delta", value=signed(text, row["delta_nats"], 3))
    return f"{hover_words(str(row['completion']))}<br>{hover_words(str(row['template']))}<br>{value}"
