"""Charts of next-token predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import bar_figure, decimal, hover_token, tick_label
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue


def candidates_figure(
    frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, value: str = "prob", log: bool = False
) -> go.Figure:
    """Bars of the likeliest next tokens, likeliest first, with probability and logit written behind each.

    **Reading it:** the first bar is what the model would say next if it always took the likeliest token.

    **Careful:** a logit alone means nothing, only differences of logits do. On the logarithmic scale bars have no
    natural beginning: compare their ends.

    Args:
        frame: as `dashboard.frames.next_token.candidates_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        value: ``prob`` or ``logit``: what the bars show.
        log: a logarithmic axis for probabilities; logits, which are logarithms already, stay as they are.
    """
    records = frame.to_dict("records")
    values = [float(number) for number in frame[value]]
    title = text("charts.axis.prob_log" if log and value == "prob" else f"charts.axis.{value}")
    return bar_figure(
        [tick_label(str(row["token"])) for row in records],
        values,
        [_both(row, text) for row in records],
        [f"{hover_token(str(row['token']))}<br>id {row['id']}" for row in records],
        axis_title=title,
        theme=theme,
        text=text,
        axis=_log_axis(values) if log and value == "prob" else _axis(values, value),
    )


def _both(row: dict[Any, Any], text: Catalogue) -> str:
    return text("charts.candidate", prob=_probability(row["prob"], text), logit=decimal(text, row["logit"], 2))


def _probability(value: float, text: Catalogue) -> str:
    """Four decimals; smaller ones with two significant digits."""
    if value >= 1e-3 or value == 0:
        return decimal(text, value, 4)
    return f"{value:.1e}".replace(".", decimal(text, 0, 1)[1])


def _axis(values: list[float], value: str) -> dict[str, Any]:
    """Linear, from 0, with room for what is written behind the bars."""
    if value == "prob":
        return {"range": [0, 1.38], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.45 * (high - low or 1)
    return {"range": [low - (room if low < 0 else 0), high + (room if high > 0 else 0)], "tickmode": "auto"}


def _log_axis(values: list[float]) -> dict[str, Any]:
    """From the power of ten below the smallest to 1, and room."""
    least = np.log10(max(min(values), 1e-12))
    low = min(float(np.floor(least)) - (0 if least % 1 else 1), -1.0)
    marks = list(range(int(low), 1))
    step = -(-len(marks) // 7)
    shown = marks[::-1][::step]
    return {
        "type": "log",
        "range": [low, -0.45 * low],
        "tickvals": [10.0**mark for mark in shown],
        "ticktext": ["1" if mark == 0 else f"10<sup>{mark}</sup>".replace("-", "−") for mark in shown],
    }
