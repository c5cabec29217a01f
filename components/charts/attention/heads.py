"""Charts with one cell a head: a score of every head, and where one token looks in every head."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import full_label, separators
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue

UNBOUNDED = ("entropy_nats", "distance_tokens")
"""Metrics without an upper end of 1: their colours go up to the largest value."""
_GRID_FROM = 40


def metric_map_figure(frame: pd.DataFrame, metric: str, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """One score of every head: layers from left to right, heads from top to bottom.

    **Reading it:** a dark (in dark mode: bright) cell is a head with a high score on this prompt.

    **Careful:** a score describes this prompt only; a head can do something else on another text. Empty cells have no
    value: no token repeats, or the layer has no attention.

    Args:
        frame: as `dashboard.frames.attention.metric_frame` makes it.
        metric: a column of it.
        text: the catalogue.
        theme: colours and template.
    """
    values = frame.pivot(index="head", columns="layer", values=metric)
    largest = np.nanmax(values.to_numpy(), initial=0.0) if metric in UNBOUNDED else 1.0
    quantity = text(f"metrics.{metric}")
    fig = _head_map(values, quantity, float(largest) or 1.0, text=text, theme=theme)
    fig.update_traces(
        hovertemplate=f"{text('charts.head_name', layer='%{x}', head='%{y}')}<br>{quantity}: %{{z:.4f}}<extra></extra>"
    )
    return fig


def query_rows_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """The largest weight that one token gives in every head, and (on hover) to which token.

    **Reading it:** a dark (in dark mode: bright) cell is a head in which the token looks at one place almost only.

    **Careful:** the place differs from head to head; a high value at the first token often means that the head rests.

    Args:
        frame: as `dashboard.frames.attention.query_rows_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    values = frame.pivot(index="head", columns="layer", values="weight")
    label = [
        "" if pd.isna(key) else full_label(str(token), int(key))
        for key, token in zip(frame["key"], frame["key_token"], strict=True)
    ]
    labels = frame.assign(label=label).pivot(index="head", columns="layer", values="label")
    fig = _head_map(values, text("charts.axis.largest"), 1.0, text=text, theme=theme)
    head = text("charts.head_name", layer="%{x}", head="%{y}")
    weight = text("charts.hover.weight", weight="%{z:.4f}")
    fig.update_traces(
        hovertext=labels.to_numpy().tolist(),
        hovertemplate=f"{head}<br>→ %{{hovertext}}<br>{weight}<extra></extra>",
    )
    return fig


def _head_map(values: pd.DataFrame, quantity: str, top: float, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Heatmap of (head, layer) values on [0, top]."""
    heads, layers = values.shape
    apart = int(layers <= _GRID_FROM)
    fig = go.Figure(
        go.Heatmap(
            z=values.to_numpy().astype(np.float32),
            zmin=0,
            zmax=top,
            colorscale=theme.sequential(),
            colorbar_title_text=quantity,
            hoverongaps=False,
            xgap=apart,
            ygap=apart,
        )
    )
    fig.update_xaxes(title_text=text("charts.axis.layer"), range=[-0.5, layers - 0.5], **_ticks(layers))
    fig.update_yaxes(title_text=text("charts.axis.head"), range=[heads - 0.5, -0.5], **_ticks(heads))
    height = int(np.clip(26 * heads, 100, 520)) + 100
    fig.update_layout(height=height, margin_t=BAR_ROOM, separators=separators(text))
    return theme.apply(fig)


def _ticks(count: int) -> dict[str, object]:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if count / step <= 16)
    return {"tickmode": "linear", "tick0": 0, "dtick": step, "showgrid": False, "exponentformat": "none"}
