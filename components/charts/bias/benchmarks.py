"""Chart of a published bias benchmark: each kind of bias with its interval, one small chart a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import axis_name, row_axis, separators, with_minus
from components.charts.bias.labels import name_label, span
from components.charts.marks import interval_row
from components.charts.series import LEGEND, hover_words, shift
from components.charts.theme import ChartTheme
from dashboard.frames.bias_benchmarks import OVERALL
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import BENCHMARKS

_ROW = 30
_BETWEEN = 84
"""Room between two small charts, for an axis and its title [px]."""


def benchmark_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Scores of a benchmark, all items on top, then each kind of bias, with 95 % intervals.

    Args:
        frame: as `crows_frame`, `stereoset_frame` or `effect_frame` of `dashboard.frames.bias_benchmarks` make it.
        text: the catalogue.
        theme: colours and template.
    """
    metrics = frame["metric"].drop_duplicates().tolist()
    categories = frame["category"].drop_duplicates().tolist()
    labels = [text("charts.benchmark.all") if name == OVERALL else name_label(str(name)) for name in categories]
    height = _ROW * len(categories)
    whole = len(metrics) * (height + _BETWEEN) - _BETWEEN
    fig = go.Figure()
    for index, metric in enumerate(metrics):
        x, y = axis_name("x", index), axis_name("y", index)
        scores = frame[frame["metric"] == metric]
        kinds = scores["per_token"].drop_duplicates().tolist()
        for kind, per_token in enumerate(kinds):
            rows = scores[scores["per_token"] == per_token]
            heights = [categories.index(name) + shift(kind, len(kinds), 0.6) for name in rows["category"]]
            marks = _marks(rows, heights, text, theme)
            fig.add_trace(marks.update(xaxis=x, yaxis=y, showlegend=index == 0))
        top = 1 - index * (height + _BETWEEN) / whole
        fig.update_layout(
            {
                axis_name("yaxis", index): {**row_axis(labels, theme), "domain": [max(0, top - height / whole), top]},
                axis_name("xaxis", index): {"anchor": y, **_value_axis(metric, text)},
            }
        )
        neutral = BENCHMARKS[metric].neutral
        if neutral is not None:
            line = {"color": theme.muted, "width": 1.5, "dash": "dash"}
            ends = {"x0": neutral, "x1": neutral, "y0": -0.5, "y1": len(categories) - 0.5}
            fig.add_shape(type="line", **ends, line=line, layer="between", xref=x, yref=y)
    fig.update_layout(
        height=whole + 130,
        showlegend=bool(frame["per_token"].nunique() > 1),
        legend=LEGEND,
        separators=separators(text),
    )
    return theme.apply(fig)


def _value_axis(metric: str, text: Catalogue) -> dict[str, Any]:
    title = {"title": {"text": BENCHMARKS[metric].label(text)}}
    # scores of one unit stand on one scale
    return (
        {**title, "range": [-2, 102], "tickvals": [0, 25, 50, 75, 100]}
        if BENCHMARKS[metric].high == 100
        else {**title, "matches": "x"}
    )


def _marks(rows: pd.DataFrame, heights: list[float], text: Catalogue, theme: ChartTheme) -> go.Scatter:
    """One metric by one normalisation."""
    per_token = bool(rows["per_token"].iloc[0])
    colour = theme.categories[1] if per_token else theme.categories[0]
    hollow = ["-open" if category != OVERALL else "" for category in rows["category"]]
    marker = {
        "symbol": [("square" if per_token else "circle") + ending for ending in hollow],
        "color": colour,
        "size": 9,
        "line": {"color": colour, "width": 1.5},
    }
    name = text(f"charts.benchmark.{'per_token' if per_token else 'sum'}")
    return interval_row(rows, heights, marker, [_hover(row, text) for row in rows.to_dict("records")], name=name)


def _hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    digits = 1 if BENCHMARKS[row["metric"]].high == 100 else 3
    name = text("charts.benchmark.all") if row["category"] == OVERALL else hover_words(str(row["category"]))
    lines = [
        f"{name}: {text.number(row['value'], digits)}",
        span(text, row["low"], row["high"], digits),
        text("charts.benchmark.counted", n=int(row["n"]), ties=int(row["ties"]), left_out=int(row["left_out"])),
    ]
    return with_minus("<br>".join(lines)) if row["value"] < 0 else "<br>".join(lines)
