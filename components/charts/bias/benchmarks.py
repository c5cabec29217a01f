"""Chart of a published bias benchmark: each kind of bias with its interval, one small chart a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import row_axis, separators
from components.charts.bias.marks import interval, name_label, span
from components.charts.series import LEGEND, hover_words, shift
from components.charts.theme import ChartTheme
from dashboard.frames.bias_benchmarks import OVERALL
from dashboard.i18n import Catalogue

NEUTRAL = {"pct_stereotype": 50.0, "ss": 50.0, "total_effect": 0.0, "total_effect_filtered": 0.0}
"""Where a metric shows no preference; the others have no such value."""
_PERCENT = {"pct_stereotype", "lms", "ss", "icat"}
_ROW = 30
_BETWEEN = 84
"""Room between two small charts, for an axis and its title [px]."""


def benchmark_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Scores of a benchmark, all items on top, then each kind of bias, with 95 % intervals.

    **Reading it:** on the dashed line the model prefers neither side; whiskers that do not cross it show a preference
    in these items. Circles compare whole texts, squares means of a token; where the two differ, length plays a part.

    **Careful:** no preference on a list of sentences is no proof of no bias, and several of these lists have items that
    are unclear or do not compare what they claim. Of many categories some leave the line by chance.

    Args:
        frame: as `crows_frame`, `stereoset_frame` or `effect_frame` of `dashboard.frames.bias_benchmarks` make it.
        text: the catalogue.
        theme: colours and template.
    """
    metrics = frame["metric"].drop_duplicates().tolist()
    categories = frame["category"].drop_duplicates().tolist()
    labels = [text("charts.benchmark.all") if name == OVERALL else name_label(str(name)) for name in categories]
    one = _ROW * len(categories)
    whole = len(metrics) * (one + _BETWEEN) - _BETWEEN
    fig = go.Figure()
    for place, metric in enumerate(metrics):
        number = "" if place == 0 else str(place + 1)
        part = frame[frame["metric"] == metric]
        kinds = part["per_token"].drop_duplicates().tolist()
        for kind, per_token in enumerate(kinds):
            own = part[part["per_token"] == per_token]
            heights = [categories.index(one) + shift(kind, len(kinds), 0.6) for one in own["category"]]
            fig.add_trace(_marks(own, heights, number, text, theme, legend=place == 0))
        top = 1 - place * (one + _BETWEEN) / whole
        fig.update_layout(
            {
                f"yaxis{number}": {**row_axis(labels, theme), "domain": [max(0, top - one / whole), top]},
                f"xaxis{number}": {"anchor": f"y{number}", **_value_axis(metric, text)},
            }
        )
        if metric in NEUTRAL:
            line = {"color": theme.muted, "width": 1.5, "dash": "dash"}
            x = NEUTRAL[metric]
            end = len(categories) - 0.5
            axes = {"xref": f"x{number}", "yref": f"y{number}"}
            fig.add_shape(type="line", x0=x, x1=x, y0=-0.5, y1=end, line=line, layer="between", **axes)
    fig.update_layout(
        height=whole + 130,
        showlegend=bool(frame["per_token"].nunique() > 1),
        legend=LEGEND,
        separators=separators(text),
    )
    return theme.apply(fig)


def _value_axis(metric: str, text: Catalogue) -> dict[str, Any]:
    title = {"title": {"text": text(f"charts.benchmark.{metric}")}}
    # scores of one unit stand on one scale
    return (
        {**title, "range": [-2, 102], "tickvals": [0, 25, 50, 75, 100]}
        if metric in _PERCENT
        else {**title, "matches": "x"}
    )


def _marks(
    own: pd.DataFrame, heights: list[float], number: str, text: Catalogue, theme: ChartTheme, *, legend: bool
) -> go.Scatter:
    """One metric by one normalisation."""
    per_token = bool(own["per_token"].iloc[0])
    colour = theme.categories[1] if per_token else theme.categories[0]
    hollow = ["-open" if category != OVERALL else "" for category in own["category"]]
    return go.Scatter(
        x=own["value"].tolist(),
        y=heights,
        xaxis=f"x{number}",
        yaxis=f"y{number}",
        mode="markers",
        name=text(f"charts.benchmark.{'per_token' if per_token else 'sum'}"),
        showlegend=legend,
        marker={
            "symbol": [("square" if per_token else "circle") + ending for ending in hollow],
            "color": colour,
            "size": 9,
            "line": {"color": colour, "width": 1.5},
        },
        error_x=interval(own, ("value", "low", "high"), colour),
        hovertext=[_hover(row, text) for row in own.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    digits = 1 if row["metric"] in _PERCENT else 3
    name = text("charts.benchmark.all") if row["category"] == OVERALL else hover_words(str(row["category"]))
    lines = [
        f"{name}: {text.number(row['value'], digits)}",
        span(text, row["low"], row["high"], digits),
        text("charts.benchmark.counted", n=int(row["n"]), ties=int(row["ties"]), left_out=int(row["left_out"])),
    ]
    return "<br>".join(lines).replace("-", "−") if row["value"] < 0 else "<br>".join(lines)
