"""Charts of where a gap between two groups arises: through the layers, and in the heads' attention to the word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import separators, thinned
from components.charts.bias.marks import BAR_AT_LEFT, TITLE_LENGTH, name_label, signed, zero_axis
from components.charts.lens import step_label
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue

_GRID_FROM = 40


def gap_figure(frame: pd.DataFrame, *, first: str, second: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """The difference of a completion's log-probability between two prompts, if the model ended at each layer.

    **Reading it:** where the line leaves zero, the layers between made the completion likelier behind one prompt than
    behind the other. The last point is the model's own difference.

    **Careful:** before the last layers the lens reads through a norm and a head that were trained for the last: an
    early gap need not be one that the model uses. That a gap grows in a layer does not say that the layer is its cause.

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
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    ticks = thinned(len(labels), 12, len(labels) - 1)
    fig.update_xaxes(
        title_text=text("charts.axis.layer"),
        tickmode="array",
        tickvals=ticks,
        ticktext=[labels[i] for i in ticks],
        range=[-0.5, len(labels) - 0.5],
        tickangle=0,
    )
    fig.update_yaxes(title_text=text("charts.bias.axis", **groups), **zero_axis(theme))
    fig.update_layout(height=340, separators=separators(text))
    return theme.apply(fig)


def _gap_hover(label: str, row: Mapping[Any, Any], groups: Mapping[str, str], text: Catalogue) -> str:
    lines = [text("charts.lens.step", step=label), text("charts.bias.delta", value=signed(text, row["gap_nats"], 3))]
    lines += [f"{name}: ln p {signed(text, row[f'{side}_log_prob_nats'], 3)}" for side, name in groups.items()]
    return "<br>".join(lines)


def head_gap_figure(frame: pd.DataFrame, *, first: str, second: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Every head's attention from the prompt's end to the identity word: one prompt minus the other.

    **Reading it:** orange heads look more at the word of the first prompt, blue ones more at that of the second.

    **Careful:** attention is not importance: a head may look equally at both words and read something else from each.
    Words of different lengths in tokens draw different attention for that alone.

    Args:
        frame: as `dashboard.frames.bias_gap.head_gap_frame` makes it.
        first: the first group's name.
        second: the second group's name.
        text: the catalogue.
        theme: colours and template.
    """
    values = frame.pivot(index="head", columns="layer", values="difference").to_numpy(np.float64)
    heads, layers = values.shape
    hovers = frame.assign(hover=[_head_hover(row, text) for row in frame.to_dict("records")])
    largest = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    groups = _groups(first, second)
    apart = int(layers <= _GRID_FROM)
    fig = go.Figure(
        go.Heatmap(
            z=values.astype(np.float32),
            zmin=-largest,
            zmid=0,
            zmax=largest,
            colorscale=theme.diverging(),
            colorbar={
                "title": {"text": text("charts.head_gap.scale", **groups)},
                "tickvals": [-largest, 0, largest],
                "ticktext": [signed(text, -largest), "0", signed(text, largest)],
                **BAR_AT_LEFT,
            },
            hoverongaps=False,
            hovertext=hovers.pivot(index="head", columns="layer", values="hover").to_numpy().tolist(),
            hovertemplate="%{hovertext}<extra></extra>",
            xgap=apart,
            ygap=apart,
        )
    )
    fig.update_xaxes(title_text=text("charts.axis.layer"), range=[-0.5, layers - 0.5], **_ticks(layers))
    fig.update_yaxes(title_text=text("charts.axis.head"), range=[heads - 0.5, -0.5], **_ticks(heads))
    height = int(np.clip(26 * heads, 100, 520)) + 100
    fig.update_layout(height=height, margin_t=BAR_ROOM, separators=separators(text))
    return theme.apply(fig)


def _groups(first: str, second: str) -> dict[str, str]:
    return {"first": name_label(first, TITLE_LENGTH), "second": name_label(second, TITLE_LENGTH)}


def _ticks(count: int) -> dict[str, Any]:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if count / step <= 16)
    return {"tickmode": "linear", "tick0": 0, "dtick": step, "showgrid": False, "exponentformat": "none"}


def _head_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    if np.isnan(row["difference"]):
        return ""
    facts = {side: text.number(row[f"{side}_weight"], 4) for side in ("first", "second")}
    head = text("charts.head_name", layer=int(row["layer"]), head=int(row["head"]))
    return f"{head}<br>{text('charts.head_gap.weights', **facts, difference=signed(text, row['difference'], 4))}"
