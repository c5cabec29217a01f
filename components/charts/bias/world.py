"""Chart of the model's shares against those in the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import separators, wrapped
from components.charts.bias.labels import name_label, pair_title, span
from components.charts.marks import HOVERTEXT, SHARE_TICKS, reference_line, whiskers
from components.charts.series import LEGEND, hover_words
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.agreement import TOLERANCE

MOST_LABELLED = 8
"""Points with their names; hover names all."""
_LINE = 50
_HEIGHT = 430
"""With the finding above and the controls below on one screen [px]."""


def against_world_figure(frame: pd.DataFrame, *, world: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """The model's share of the first group in each completion against its share in the world.

    Args:
        frame: as `dashboard.frames.bias.completion_frame` makes it; rows without a share in the world are left out.
        world: what the share in the world is, for the axis, our own words.
        text: the catalogue.
        theme: colours and template.
    """
    known = frame.dropna(subset=["share", "world_share"])
    fig = go.Figure()
    for away in (0, -TOLERANCE, TOLERANCE):
        ends = [max(0, -away), min(1, 1 - away)]
        line = reference_line(ends, [end + away for end in ends], theme=theme, dash="dot" if away else "solid")
        name = text("charts.against_world.apart" if away else "charts.against_world.equal")
        fig.add_trace(line.update(name=name, showlegend=away >= 0))
    fig.add_scatter(
        x=known["world_share"].tolist(),
        y=known["share"].tolist(),
        mode="markers",
        showlegend=False,
        marker={"color": theme.accent, "size": 8, "line": {"color": theme.paper, "width": 1}},
        error_y=whiskers(known, theme.muted, ("share", "share_low", "share_high")) | {"width": 0},
        hovertext=[_world_hover(row, text) for row in known.to_dict("records")],
        hovertemplate=HOVERTEXT,
    )
    fig.add_trace(_furthest(known, theme))
    fig.update_xaxes(title_text=wrapped(world, _LINE), range=[-0.03, 1.03], tickvals=SHARE_TICKS)
    fig.update_yaxes(
        title_text=pair_title(text, "charts.against_world.share", frame), range=[-0.03, 1.03], tickvals=SHARE_TICKS
    )
    fig.update_layout(height=_HEIGHT, showlegend=True, legend=LEGEND, separators=separators(text))
    return theme.apply(fig)


def _furthest(known: pd.DataFrame, theme: ChartTheme) -> go.Scatter:
    """Names of the points furthest from the line, where they cover no other name or point; better no whisker either."""
    apart = (known["share"] - known["world_share"]).abs().to_numpy()
    places, shares = (known[name].to_numpy(np.float64) for name in ("world_share", "share"))
    ends = known[["share_low", "share_high"]].to_numpy(np.float64)
    low, high = np.where(np.isnan(ends), known[["share"]], ends).T
    taken: list[tuple[float, float, float]] = []
    labels: list[tuple[float, float, str, str]] = []
    for row in known.iloc[np.argsort(-apart, kind="stable")].to_dict("records"):
        x, y, name = row["world_share"], row["share"], name_label(row["completion"])
        # on a narrow screen a character takes about 2 % of the width, a line 5 % of the height
        width = 0.022 * min(len(row["completion"]), 22)
        fitting: list[tuple[int, int, str, tuple[float, float, float]]] = []
        for side in ("left", "right") if x > 0.5 else ("right", "left"):
            left, right = (x - width - 0.03, x) if side == "left" else (x, x + width + 0.03)
            beside = (places >= left) & (places <= right)
            box = min(left, x - 0.03), max(right, x + 0.03), y
            free = all(box[1] < begin or box[0] > end or abs(y - height) > 0.05 for begin, end, height in taken)
            # the point itself lies at the end of its name
            if free and (beside & (np.abs(shares - y) < 0.025)).sum() == 1 and left > -0.03 and right < 1.03:
                whiskers_covered = int((beside & (low < y + 0.025) & (high > y - 0.025)).sum())
                fitting.append((whiskers_covered, len(fitting), side, box))
        if fitting:
            *_, side, box = min(fitting)
            taken.append(box)
            labels.append((x, y, name, f"middle {side}"))
        if len(labels) == MOST_LABELLED:
            break
    return go.Scatter(
        x=[label[0] for label in labels],
        y=[label[1] for label in labels],
        text=[label[2] for label in labels],
        textposition=[label[3] for label in labels],
        mode="markers+text",
        marker={"size": 10, "opacity": 0},
        textfont={"size": 11, "color": theme.text},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _world_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    facts = {"share": text.number(row["share"], 3), "world": text.number(row["world_share"], 3)}
    both = text("charts.against_world.both", **facts)
    return f"{hover_words(str(row['completion']))}<br>{both}<br>{span(text, row['share_low'], row['share_high'])}"
