"""Charts of sampled completions: shares with their intervals, and what differs between two groups after all tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import row_axis, separators
from components.charts.bias.marks import (
    FOOT,
    KINDS,
    ROW,
    between,
    interval,
    marker_of,
    more_rows,
    name_label,
    narrow,
    pair_title,
    signed,
    span,
    zero_axis,
)
from components.charts.series import LEGEND, column_look, hover_words, shift
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue

MOST_COMPLETIONS = 12
MOST_TESTS = 40
LEVEL = 0.05
"""Adjusted p below which a difference is called one."""


def sampled_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """How often each group drew a completion, the most drawn first, with Wilson's intervals.

    **Reading it:** a bar is the share of a group's draws in which the completion was found; its whiskers hold the true
    share 95 times of 100. An upright line is the exact probability, where it is known.

    **Careful:** only independent draws have frequencies, a beam search has none. Of many intervals some miss: one of 20
    by chance alone. What is not in the list is not counted; see the missing rate of each group.

    Args:
        frame: as `dashboard.frames.bias_sampled.sampled_frame` makes it; of more than KINDS groups the first are drawn.
        text: the catalogue.
        theme: colours and template.
    """
    every = frame["group"].drop_duplicates().tolist()
    groups = every[:KINDS]
    most = frame.groupby("completion", sort=False)["share"].max().fillna(0).sort_values(ascending=False, kind="stable")
    shown = most.index[most.to_numpy() > 0][:MOST_COMPLETIONS].tolist()
    rows = {completion: row for row, completion in enumerate(shown)}
    fig = go.Figure()
    for place, group in enumerate(groups):
        part = frame[(frame["group"] == group) & frame["completion"].isin(shown)]
        heights = [rows[completion] + shift(place, len(groups), 0.8) for completion in part["completion"]]
        fig.add_traces(_share_traces(part, heights, place, 0.8 / len(groups), text=text, theme=theme))
    if "exact_prob" in frame and shown:
        fig.add_trace(_exact_marks(frame, groups, rows, text, theme))
    title = narrow(text("charts.sampled.share")) + more_rows(text, int((most > 0).sum()) - len(shown))
    if len(every) > len(groups):
        title += "<br>" + narrow(text("charts.sampled.more_groups", count=len(every) - len(groups)))
    highest = float(frame.loc[frame["completion"].isin(shown), "high"].max())
    top = highest if highest > 0 else 1.0
    # room for a mark at 0 beside the labels
    fig.update_xaxes(title_text=title, range=[-0.04 * top, 1.04 * top], nticks=8)
    fig.update_yaxes(**row_axis([name_label(str(completion)) for completion in shown], theme))
    height = (13 * len(groups) + 12) * max(2, len(shown)) + FOOT + 60
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, barmode="overlay", separators=separators(text))
    return theme.apply(fig)


def _share_traces(
    part: pd.DataFrame, heights: list[float], place: int, width: float, *, text: Catalogue, theme: ChartTheme
) -> list[Any]:
    """A group's bars and, at their ends, its marks with whiskers."""
    colour = column_look(place, theme).colour
    name = name_label(str(part["group"].iloc[0])) if len(part) else ""
    bars = go.Bar(
        x=part["share"].tolist(),
        y=heights,
        orientation="h",
        width=0.9 * width,
        opacity=0.35,
        marker={"color": colour},
        showlegend=False,
        hoverinfo="skip",
    )
    marks = go.Scatter(
        x=part["share"].tolist(),
        y=heights,
        mode="markers",
        name=name,
        marker=marker_of(place, theme, size=7),
        error_x=interval(part, ("share", "low", "high"), colour),
        hovertext=[_share_hover(row, text) for row in part.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return [bars, marks]


def _exact_marks(
    frame: pd.DataFrame, groups: list[str], rows: Mapping[str, int], text: Catalogue, theme: ChartTheme
) -> go.Scatter:
    part = frame[frame["group"].isin(groups) & frame["completion"].isin(rows)]
    heights = [
        rows[completion] + shift(groups.index(group), len(groups), 0.8)
        for group, completion in zip(part["group"], part["completion"], strict=True)
    ]
    return go.Scatter(
        x=part["exact_prob"].tolist(),
        y=heights,
        mode="markers",
        name=text("charts.sampled.exact"),
        marker={"symbol": "line-ns", "size": 12, "line": {"color": theme.text, "width": 2}},
        hoverinfo="skip",
    )


def _share_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    lines = [
        f"{hover_words(str(row['completion']))} · {hover_words(str(row['group']))}",
        text("charts.sampled.count", count=int(row["count"]), drawn=int(row["drawn"])),
        span(text, row["low"], row["high"]),
    ]
    if "exact_prob" in row:
        lines.append(text("charts.sampled.exact_prob", prob=text.number(row["exact_prob"], 4)))
    return "<br>".join(lines)


def differences_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """How much oftener one of two groups drew each completion, with Newcombe's intervals, the surest first.

    **Reading it:** a filled diamond is a difference that holds after all tests are counted (adjusted p below 0.05);
    a hollow circle is none that the draws could show.

    **Careful:** hollow does not mean equal: few draws show only large differences. Whiskers are of one test each and
    not adjusted, so one may miss zero where the mark is hollow. Frequencies are of these settings and this template.

    Args:
        frame: rows of one pair of groups, as `dashboard.frames.bias_sampled.comparison_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    drawn = frame[(frame["first_count"] > 0) | (frame["second_count"] > 0)]
    by = np.lexsort((-drawn["difference"].abs().to_numpy(), drawn["p"].to_numpy()))
    shown = drawn.iloc[by[:MOST_TESTS]].reset_index(drop=True)
    fig = go.Figure()
    holds = shown["p_adjusted"] < LEVEL
    for kind, chosen in {"holds": holds, "open": ~holds}.items():
        part = shown[chosen]
        colour = theme.accent if kind == "holds" else theme.muted
        symbol = "diamond" if kind == "holds" else "circle-open"
        fig.add_scatter(
            x=part["difference"].tolist(),
            y=part.index.tolist(),
            mode="markers",
            name=text(f"charts.differences.{kind}"),
            marker={"symbol": symbol, "size": 10, "color": colour, "line": {"color": colour, "width": 1.5}},
            error_x=interval(part, ("difference", "low", "high"), colour),
            hovertext=[_difference_hover(row, text) for row in part.to_dict("records")],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    tests = narrow(text("charts.differences.tests", tests=int(frame["tests"].iloc[0]) if len(frame) else 0))
    title = pair_title(text, "charts.differences.axis", frame) if len(frame) else ""
    fig.update_xaxes(title_text=f"{title}<br>{tests}{more_rows(text, len(drawn) - len(shown))}", **zero_axis(theme))
    fig.update_yaxes(**row_axis([name_label(str(name)) for name in shown["completion"]], theme))
    height = ROW * max(4, len(shown)) + FOOT + 80
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, margin_t=44, separators=separators(text))
    return theme.apply(fig)


def _difference_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    lines = [hover_words(str(row["completion"]))]
    for side in ("first", "second"):
        count = text("charts.sampled.count", count=int(row[f"{side}_count"]), drawn=int(row[f"{side}_drawn"]))
        lines.append(f"{hover_words(str(row[side]))}: {count}")
    lines.append(text("charts.differences.difference", value=signed(text, row["difference"], 3)))
    lines.append(between(text, row["low"], row["high"], 3))
    facts = {name: text.number(row[name], 4) for name in ("p", "p_adjusted")}
    lines.append(text("charts.differences.p_values", **facts))
    return "<br>".join(lines)
