"""Small charts of the Overview page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import hover_token, probability, tick_label
from components.charts.theme import ChartTheme
from components.charts.value_bars import notes_fitted, value_bars
from dashboard.i18n import Catalogue

LABEL = 12
"""Characters of a token."""
_ENDS = ((0.25, (0, 0.1, 0.2)), (0.5, (0, 0.25, 0.5)), (1.0, (0, 0.5, 1)))
"""Ends of the axis with their ticks: it changes in few steps while a slider moves."""


def setting_bars_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars of the likeliest next tokens under one decode setting: p pale, q full; a token that is cut has no full bar.

    Args:
        frame: as `dashboard.frames.next_token.candidates_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    records = frame.to_dict("records")
    longest = np.maximum(frame["prob"], frame["q"])
    end, ticks = next((each for each in _ENDS if longest.max() <= each[0]), _ENDS[-1])
    fig = value_bars(
        [_label(row) for row in records],
        longest.tolist(),
        [text("charts.setting_bars.cut") if row["cut_by"] else probability(text, row["q"]) for row in records],
        [_hover(row, text) for row in records],
        axis={"range": [0, end], "tickvals": ticks, "title_text": text("charts.axis.prob_q")},
        text=text,
        theme=theme,
    )
    bars = fig.data[0].update(x=frame["prob"], opacity=0.35)
    fig.add_bar(
        x=frame["q"],
        y=bars.y,
        orientation="h",
        width=0.36,
        marker={"color": theme.accent},
        hovertext=bars.hovertext,
        hovertemplate=bars.hovertemplate,
    )
    return notes_fitted(fig.update_layout(barmode="overlay"))


def _label(row: dict[Any, Any]) -> str:
    label = tick_label(str(row["token"]), length=LABEL)
    return f"<s>{label}</s>" if row["cut_by"] else label


def _hover(row: dict[Any, Any], text: Catalogue) -> str:
    after = text("charts.cut", setting=row["cut_by"]) if row["cut_by"] else f"q {probability(text, row['q'])}"
    facts = text("charts.rank", rank=row["rank"])
    return (
        f"{hover_token(str(row['token']))}<br>id {row['id']} · {facts}<br>p {probability(text, row['prob'])} · {after}"
    )
