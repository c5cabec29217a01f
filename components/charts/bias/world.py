"""Chart of the model's shares against those in the world."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import separators, wrapped
from components.charts.bias.marks import interval, name_label, pair_title, span
from components.charts.series import hover_words
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.agreement import TOLERANCE, Agreement

MOST_LABELLED = 8
"""Points with their names; hover names all."""
_LINE = 50
_SHARES = [0, 0.25, 0.5, 0.75, 1]


def against_world_figure(
    frame: pd.DataFrame, found: Agreement, *, world: str, text: Catalogue, theme: ChartTheme
) -> go.Figure:
    """The model's share of the first group in each completion against its share in the world.

    **Reading it:** on the line the model's share equals the world's; between the dotted lines they differ by at most 20
    points. Above the line the model leans more to the first group than the world does.

    **Careful:** a share here is of two probabilities, not of people at work. It has no base rate of its own: a model
    that finds the first group's prompts odd shifts all points together. The statistics are one country's and one
    year's.

    Args:
        frame: as `dashboard.frames.bias.completion_frame` makes it; rows without a share in the world are left out.
        found: `dashboard.stats.agreement.agreement` of its two shares.
        world: what the share in the world is, for the axis, our own words.
        text: the catalogue.
        theme: colours and template.
    """
    there = frame.dropna(subset=["share", "world_share"])
    fig = go.Figure()
    for away in (0, -TOLERANCE, TOLERANCE):
        line = {"color": theme.muted, "width": 1, "dash": "dot" if away else "solid"}
        ends = [max(0, -away), min(1, 1 - away)]
        fig.add_scatter(x=ends, y=[end + away for end in ends], mode="lines", line=line, hoverinfo="skip")
    fig.add_scatter(
        x=there["world_share"].tolist(),
        y=there["share"].tolist(),
        mode="markers",
        marker={"color": theme.accent, "size": 8, "line": {"color": theme.paper, "width": 1}},
        error_y=interval(there, ("share", "share_low", "share_high"), theme.muted) | {"width": 0},
        hovertext=[_world_hover(row, text) for row in there.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    fig.add_trace(_furthest(there, theme))
    facts = {name: text.number(getattr(found, name), 3) for name in ("kendall", "spearman", "mse")}
    told = text("charts.against_world.facts", n=found.n, within=found.within, left_out=found.left_out, **facts)
    told = told.replace(" · ", "\u00a0· ")  # no line begins with the sign
    fig.update_xaxes(
        title_text=f"{wrapped(world, _LINE)}<br>{wrapped(told, _LINE)}", range=[-0.03, 1.03], tickvals=_SHARES
    )
    fig.update_yaxes(
        title_text=pair_title(text, "charts.against_world.share", frame), range=[-0.03, 1.03], tickvals=_SHARES
    )
    fig.update_layout(height=520, separators=separators(text))
    return theme.apply(fig)


def _furthest(there: pd.DataFrame, theme: ChartTheme) -> go.Scatter:
    """Names of the points furthest from the line, as far as they cover neither one another nor other points."""
    apart = (there["share"] - there["world_share"]).abs().to_numpy()
    points = there[["world_share", "share"]].to_numpy(np.float64)
    taken: list[tuple[float, float, float]] = []
    chosen: list[tuple[float, float, str, str]] = []
    for row in there.iloc[np.argsort(-apart, kind="stable")].to_dict("records"):
        x, y, name = row["world_share"], row["share"], name_label(row["completion"])
        # on a narrow screen a character takes about 2 % of the width, a line 5 % of the height
        width = 0.022 * min(len(row["completion"]), 22)
        for side in ("left", "right") if x > 0.5 else ("right", "left"):
            left, right = (x - width - 0.03, x) if side == "left" else (x, x + width + 0.03)
            inside = (points[:, 0] >= left) & (points[:, 0] <= right) & (np.abs(points[:, 1] - y) < 0.025)
            box = min(left, x - 0.03), max(right, x + 0.03), y
            free = all(box[1] < one[0] or box[0] > one[1] or abs(y - one[2]) > 0.05 for one in taken)
            # the point itself lies at the end of its name
            if free and inside.sum() == 1 and left > -0.03 and right < 1.03:
                taken.append(box)
                chosen.append((x, y, name, f"middle {side}"))
                break
        if len(chosen) == MOST_LABELLED:
            break
    return go.Scatter(
        x=[one[0] for one in chosen],
        y=[one[1] for one in chosen],
        text=[one[2] for one in chosen],
        textposition=[one[3] for one in chosen],
        mode="markers+text",
        marker={"size": 10, "opacity": 0},
        textfont={"size": 11, "color": theme.text},
        hoverinfo="skip",
        cliponaxis=False,
    )


def _world_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    facts = {"share": text.number(row["share"], 3), "world": text.number(row["world_share"], 3)}
    both = text("charts.against_world.both", **facts)
    return f"{hover_words(str(row['completion']))}<br>{both}<br>{span(text, row['share_low'], row['share_high'])}"
