"""Charts with one cell a head: a score of every head, and where one token looks in every head."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import full_label
from components.charts.marks import cell_gap, head_heatmap, heatmap
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import HEADS, LARGEST_WEIGHT


def metric_map_figure(frame: pd.DataFrame, metric: str, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """One score of every head: layers from left to right, heads from top to bottom.

    Args:
        frame: as `dashboard.frames.attention.metric_frame` makes it.
        metric: a column of it.
        text: the catalogue.
        theme: colours and template.
    """
    values = frame.pivot(index="head", columns="layer", values=metric).to_numpy()
    quantity = HEADS[metric].label(text)
    end = HEADS[metric].scale_end(float(np.nanmax(values, initial=0.0)))
    head = text("charts.head_name", layer="%{x}", head="%{y}")
    cells = heatmap(
        values,
        end,
        quantity,
        theme=theme,
        gap=(cell_gap(values.shape[1]),) * 2,
        hoverongaps=False,
        hovertemplate=f"{head}<br>{quantity}: %{{z:.4f}}<extra></extra>",
    )
    return head_heatmap(cells, text=text, theme=theme)


def query_rows_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """The largest weight that one token gives in every head, and (on hover) to which token.

    Args:
        frame: as `dashboard.frames.attention.query_rows_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    values = frame.pivot(index="head", columns="layer", values="weight").to_numpy()
    keys = [
        "" if pd.isna(key) else full_label(str(token), int(key))
        for key, token in zip(frame["key"], frame["key_token"], strict=True)
    ]
    head = text("charts.head_name", layer="%{x}", head="%{y}")
    weight = text("charts.hover.weight", weight="%{z:.4f}")
    cells = heatmap(
        values,
        LARGEST_WEIGHT.scale_end(),
        LARGEST_WEIGHT.label(text),
        theme=theme,
        gap=(cell_gap(values.shape[1]),) * 2,
        hoverongaps=False,
        hovertext=frame.assign(key=keys).pivot(index="head", columns="layer", values="key").to_numpy().tolist(),
        hovertemplate=f"{head}<br>→ %{{hovertext}}<br>{weight}<extra></extra>",
    )
    return head_heatmap(cells, text=text, theme=theme)
