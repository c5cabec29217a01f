"""Charts of direct logit attribution: what each part of the model, and each head of a layer, adds to one logit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import ends_from_zero
from components.charts.theme import ChartTheme
from components.charts.value_bars import value_bars
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import ATTRIBUTION

MOST_BARS = 20


def attribution_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars: what the embedding, each layer's attention and each layer's MLP add to one logit, largest first.

    Args:
        frame: as `dashboard.frames.lens.attribution_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    names = [
        text(f"charts.attribution.{row['part']}", layer="" if pd.isna(row["layer"]) else row["layer"])
        for row in frame.to_dict("records")
    ]
    return _signed_bars(frame, names, text, theme)


def head_attribution_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars: what each head of one layer adds to one logit, largest first.

    Args:
        frame: as `dashboard.frames.lens.head_attribution_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    names = [
        text("charts.attribution.rest") if pd.isna(row["head"]) else text("charts.attribution.head", head=row["head"])
        for row in frame.to_dict("records")
    ]
    return _signed_bars(frame, names, text, theme)


def _signed_bars(frame: pd.DataFrame, names: list[str], text: Catalogue, theme: ChartTheme) -> go.Figure:
    values = frame["logit"].to_numpy(np.float64)
    order = np.argsort(-np.abs(values), kind="stable")
    drawn, hidden = order[:MOST_BARS], order[MOST_BARS:]
    notes = [_with_sign(text, values[i]) for i in drawn]
    more = ""
    if len(hidden):
        more = text("charts.attribution.more", count=len(hidden), total=_with_sign(text, values[hidden].sum()))
    axis = {"title_text": ATTRIBUTION.label(text), "range": ends_from_zero(values[drawn].tolist()), "zeroline": True}
    fig = value_bars(
        [names[i] for i in drawn],
        [float(values[i]) for i in drawn],
        notes,
        [f"{names[i]}: {note}" for i, note in zip(drawn, notes, strict=True)],
        axis=axis,
        theme=theme,
        text=text,
        more=more,
    )
    colours = [theme.accent if values[i] >= 0 else theme.categories[1] for i in drawn]
    return fig.update_traces(marker_color=colours).update_xaxes(zerolinecolor=theme.muted)


def _with_sign(text: Catalogue, value: float) -> str:
    """Three decimals with their sign, also of 0."""
    number = text.number(abs(value), 3)
    return f"−{number}" if value < 0 else f"+{number}"
