"""Charts of next-token predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import ends_from_zero, hover_token, probability, tick_label, with_minus
from components.charts.theme import ChartTheme
from components.charts.value_bars import notes_fitted, value_bars
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import CANDIDATES

_LEGEND = 40
"""Room for a legend that a narrow screen breaks into two lines [px]."""


def candidates_figure(
    frame: pd.DataFrame,
    *,
    text: Catalogue,
    theme: ChartTheme,
    value: str = "prob",
    log: bool = False,
    settings: bool = False,
) -> go.Figure:
    """Bars of the likeliest next tokens, likeliest first, with their numbers written behind each.

    Args:
        frame: as `dashboard.frames.next_token.candidates_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        value: ``prob`` or ``logit``: what the bars show.
        log: a logarithmic axis for probabilities; logits, which are logarithms already, stay as they are.
        settings: whether decode settings act: probabilities after them stand in front of those before.
    """
    records = frame.to_dict("records")
    values = [float(number) for number in frame[value]]
    as_log = log and value == "prob"
    after = [float(number) for number in frame["q"]] if settings and value == "prob" else []
    if settings and value == "prob":
        title = text("charts.axis.prob_q_log" if log else "charts.axis.prob_q")
    else:
        title = text("charts.axis.prob_log") if as_log else CANDIDATES[value].label(text)
    ends = {"range": ends_from_zero(values + after), "tickmode": "auto"}
    axis = _log_axis([end for end in values if end > 0]) if as_log else ends
    fig = value_bars(
        [_label(row, rank, text) for rank, row in enumerate(records, 1)],
        values,
        [_note(row, text, settings) for row in records],
        [_hover(row, text) for row in records],
        axis={**axis, "title_text": title},
        theme=theme,
        text=text,
    )
    return _with_q(fig, frame, theme) if settings and value == "prob" else fig


def _hover(row: dict[Any, Any], text: Catalogue) -> str:
    facts = f"id {row['id']} · {text('charts.rank', rank=row['rank'])} · logit {text.number(row['logit'], 2)}"
    return f"{hover_token(str(row['token']))}<br>{facts}"


def _label(row: dict[Any, Any], rank: int, text: Catalogue) -> str:
    """A token for the axis; a pinned one, which stands below the likeliest, with its rank."""
    label = tick_label(str(row["token"]))
    return label if row["rank"] == rank else f"{label} {text('charts.rank', rank=row['rank'])}"


def _note(row: dict[Any, Any], text: Catalogue, settings: bool) -> str:
    before = probability(text, row["prob"])
    if not settings:
        return text("charts.candidate", prob=before, logit=text.number(row["logit"], 2))
    # the logit stands in the hover and in the table: three numbers are too long for a narrow screen
    after = text("charts.cut", setting=row["cut_by"]) if row["cut_by"] else f"q {probability(text, row['q'])}"
    return f"p {before} · {after}"


def _with_q(fig: go.Figure, frame: pd.DataFrame, theme: ChartTheme) -> go.Figure:
    """Full bars of q in front of the pale ones of p; what is written stands behind the longer of both."""
    bars, notes = fig.data
    notes.x = np.maximum(frame["prob"], frame["q"])
    bars.update(name="p", opacity=0.35)
    fig.add_bar(
        x=frame["q"],
        y=bars.y,
        orientation="h",
        name="q",
        width=0.36,
        marker={"color": theme.accent},
        hovertext=bars.hovertext,
        hovertemplate=bars.hovertemplate,
    )
    # beside the chart's own width: a narrow plot would break the legend into its bars
    legend = {"orientation": "h", "x": 1, "xref": "container", "xanchor": "right"}
    legend |= {"y": 1, "yref": "container", "yanchor": "top"}
    fig.update_layout(barmode="overlay", showlegend=True, legend=legend)
    return notes_fitted(fig).update_layout(margin_t=_LEGEND, height=fig.layout.height + _LEGEND)


def _log_axis(values: list[float]) -> dict[str, Any]:
    """From the power of ten below the smallest to 1."""
    least = np.log10(max(min(values), 1e-12))
    low = min(float(np.floor(least)) - (0 if least % 1 else 1), -1.0)
    marks = list(range(int(low), 1))
    step = -(-len(marks) // 4)  # more do not fit a narrow screen
    powers = marks[::-1][::step]
    return {
        "type": "log",
        "range": [low, 0],
        "tickvals": [10.0**power for power in powers],
        "ticktext": ["1" if power == 0 else with_minus(f"10<sup>{power}</sup>") for power in powers],
    }
