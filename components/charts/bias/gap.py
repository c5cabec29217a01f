"""Charts of where a gap between two groups arises: through the layers, and in the heads' attention to the word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import separators, signed, step_axis, zero_axis
from components.charts.bias.labels import TITLE_LENGTH, name_label
from components.charts.lens import step_label
from components.charts.marks import HOVERTEXT, cell_gap, head_heatmap, signed_heatmap
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import GAP, HEAD_GAP


def gap_figure(frame: pd.DataFrame, *, first: str, second: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """The difference of a completion's log-probability between two prompts, if the model ended at each layer.

    Args:
        frame: as `dashboard.frames.bias_gap.gap_frame` makes it.
        first: the first group's name.
        second: the second group's name.
        text: the catalogue.
        theme: colours and template.
    """
    labels = [step_label(layer, part, text) for layer, part in zip(frame["layer"], frame["part"], strict=True)]
    groups = _groups(first, second)
    fig = go.Figure(
        go.Scatter(
            x=list(range(len(frame))),
            y=frame["gap_nats"].tolist(),
            mode="lines+markers",
            line={"color": theme.accent, "width": 2},
            marker={"color": theme.accent, "size": 7},
            hovertext=[
                _gap_hover(label, row, groups, text)
                for label, row in zip(labels, frame.to_dict("records"), strict=True)
            ],
            hovertemplate=HOVERTEXT,
        )
    )
    fig.update_xaxes(**step_axis(labels, 12, text), tickangle=0)
    fig.update_yaxes(title_text=GAP.label(text, **groups), **zero_axis(theme))
    fig.update_layout(height=340, separators=separators(text))
    return theme.apply(fig)


def _gap_hover(label: str, row: Mapping[Any, Any], groups: Mapping[str, str], text: Catalogue) -> str:
    lines = [text("charts.lens.step", step=label), text("charts.bias.delta", value=signed(text, row["gap_nats"], 3))]
    lines += [f"{name}: ln p {signed(text, row[f'{side}_log_prob_nats'], 3)}" for side, name in groups.items()]
    return "<br>".join(lines)


def head_gap_figure(frame: pd.DataFrame, *, first: str, second: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Every head's attention from the prompt's end to the identity word: one prompt minus the other.

    Args:
        frame: as `dashboard.frames.bias_gap.head_gap_frame` makes it.
        first: the first group's name.
        second: the second group's name.
        text: the catalogue.
        theme: colours and template.
    """
    values = frame.pivot(index="head", columns="layer", values="difference").to_numpy(np.float64)
    hovers = frame.assign(hover=[_head_hover(row, text) for row in frame.to_dict("records")])
    largest = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    cells = signed_heatmap(
        values,
        largest,
        HEAD_GAP.label(text, **_groups(first, second)),
        (signed(text, -largest), signed(text, largest)),
        theme=theme,
        gap=cell_gap(values.shape[1]),
        hovertext=hovers.pivot(index="head", columns="layer", values="hover").to_numpy().tolist(),
        hovertemplate=HOVERTEXT,
    )
    return head_heatmap(cells, text=text, theme=theme)


def _groups(first: str, second: str) -> dict[str, str]:
    return {"first": name_label(first, TITLE_LENGTH), "second": name_label(second, TITLE_LENGTH)}


def _head_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    if np.isnan(row["difference"]):
        return ""
    facts = {side: text.number(row[f"{side}_weight"], 4) for side in ("first", "second")}
    head = text("charts.head_name", layer=int(row["layer"]), head=int(row["head"]))
    return f"{head}<br>{text('charts.head_gap.weights', **facts, difference=signed(text, row['difference'], 4))}"
