"""Charts of sampled completions: shares with their intervals, and what differs between two groups after all tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import row_axis, separators, signed, zero_axis
from components.charts.bias.labels import FOOT, KINDS, ROW, between, more_rows, name_label, narrow, pair_title, span
from components.charts.marks import interval_row, pale_bars, upright_marks
from components.charts.series import LEGEND, hover_words, series_marker, shift
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import SAMPLED, SAMPLED_DIFFERENCE

MOST_COMPLETIONS = 12
MOST_TESTS = 40
LEVEL = 0.05
"""Adjusted p below which a difference is called one."""


def sampled_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """How often each group drew a completion, the most drawn first, with Wilson's intervals.

    Args:
        frame: as `dashboard.frames.bias_sampled.sampled_frame` makes it; of more than KINDS groups the first are drawn.
        text: the catalogue.
        theme: colours and template.
    """
    every = frame["group"].drop_duplicates().tolist()
    groups = every[:KINDS]
    most = frame.groupby("completion", sort=False)["share"].max().fillna(0).sort_values(ascending=False, kind="stable")
    completions = most.index[most.to_numpy() > 0][:MOST_COMPLETIONS].tolist()
    rows = {completion: row for row, completion in enumerate(completions)}
    drawn = frame[frame["completion"].isin(completions)]
    fig = go.Figure()
    for index, group in enumerate(groups):
        part = drawn[drawn["group"] == group]
        heights = [rows[completion] + shift(index, len(groups), 0.8) for completion in part["completion"]]
        fig.add_traces(_share_traces(part, heights, index, 0.8 / len(groups), text=text, theme=theme))
    if "exact_prob" in frame and completions:
        fig.add_trace(_exact_marks(drawn, groups, rows, text, theme))
    title = narrow(SAMPLED.label(text)) + more_rows(text, int((most > 0).sum()) - len(completions))
    if len(every) > len(groups):
        title += "<br>" + narrow(text("charts.sampled.more_groups", count=len(every) - len(groups)))
    highest = float(drawn["high"].max())
    end = highest if highest > 0 else 1.0
    # room for a mark at 0 beside the labels
    fig.update_xaxes(title_text=title, range=[-0.04 * end, 1.04 * end], nticks=8)
    fig.update_yaxes(**row_axis([name_label(str(completion)) for completion in completions], theme))
    height = (13 * len(groups) + 12) * max(2, len(completions)) + FOOT + 60
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, barmode="overlay", separators=separators(text))
    return theme.apply(fig)


def _share_traces(
    part: pd.DataFrame, heights: list[float], index: int, width: float, *, text: Catalogue, theme: ChartTheme
) -> list[Any]:
    """A group's bars and, at their ends, its marks with whiskers."""
    marker = series_marker(index, theme, size=7)
    hovers = [_share_hover(row, text) for row in part.to_dict("records")]
    name = name_label(str(part["group"].iloc[0])) if len(part) else ""
    marks = interval_row(part, heights, marker, hovers, ("share", "low", "high"), name=name, cliponaxis=False)
    return [pale_bars(part["share"], heights, marker["color"], width), marks]


def _exact_marks(
    frame: pd.DataFrame, groups: list[str], rows: Mapping[str, int], text: Catalogue, theme: ChartTheme
) -> go.Scatter:
    part = frame[frame["group"].isin(groups)]
    heights = [
        rows[completion] + shift(groups.index(group), len(groups), 0.8)
        for group, completion in zip(part["group"], part["completion"], strict=True)
    ]
    return upright_marks(part["exact_prob"], heights, text("charts.sampled.exact"), theme=theme, size=12)


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

    Args:
        frame: rows of one pair of groups, as `dashboard.frames.bias_sampled.comparison_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    drawn = frame[(frame["first_count"] > 0) | (frame["second_count"] > 0)]
    by = np.lexsort((-drawn["difference"].abs().to_numpy(), drawn["p"].to_numpy()))
    rows = drawn.iloc[by[:MOST_TESTS]].reset_index(drop=True)
    fig = go.Figure()
    holds = rows["p_adjusted"] < LEVEL
    for kind, chosen in {"holds": holds, "open": ~holds}.items():
        part = rows[chosen]
        colour = theme.accent if kind == "holds" else theme.muted
        symbol = "diamond" if kind == "holds" else "circle-open"
        marker = {"symbol": symbol, "size": 10, "color": colour, "line": {"color": colour, "width": 1.5}}
        hovers = [_difference_hover(row, text) for row in part.to_dict("records")]
        name = text(f"charts.differences.{kind}")
        fig.add_trace(interval_row(part, part.index.tolist(), marker, hovers, ("difference", "low", "high"), name=name))
    tests = narrow(text("charts.differences.tests", tests=int(frame["tests"].iloc[0]) if len(frame) else 0))
    title = pair_title(text, SAMPLED_DIFFERENCE.words, frame) if len(frame) else ""
    fig.update_xaxes(title_text=f"{title}<br>{tests}{more_rows(text, len(drawn) - len(rows))}", **zero_axis(theme))
    fig.update_yaxes(**row_axis([name_label(str(name)) for name in rows["completion"]], theme))
    height = ROW * max(4, len(rows)) + FOOT + 80
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
