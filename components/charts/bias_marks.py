"""Marks and rows of the bias charts: each group keeps its colour, marker and dash; names are written literally."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import decimal, hover_token, tick_label
from components.charts.theme import MONO, ChartTheme, luminance, rgb
from dashboard.i18n import Catalogue
from dashboard.tokens import visible_text

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")
DASHES = ("solid", "dash", "dot", "dashdot")
KINDS = len(SYMBOLS)
"""More groups than this cannot be told apart by their marks."""
NAME_LENGTH = 22
"""Characters of a name on an axis or in a legend."""
LINE_LENGTH = 38
"""Characters of a line that a narrow screen has room for beside the labels of rows."""
TITLE_LENGTH = 16
"""Characters of a name in an axis title that has two of them."""
ROW = 20
"""Height of a row with one mark [px]."""
MOST_ROWS = 80
"""More rows are not drawn; the table has them."""
LEGEND = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"}
BAR_AT_LEFT = {"xref": "container", "x": 0, "xpad": 24, "len": 300}
"""A colour bar whose ends have labels, at the left end of the chart: beside long row labels it would be cut off."""
FOOT = 84
"""Room for the axis below the rows [px]."""


# -- words ----------------------------------------------------------------------------------------------------------
def readable(words: str) -> str:
    """`words` with what does not show made visible, but for single spaces between words."""
    return " ".join(visible_text(word) for word in words.split(" "))


def name_label(name: str, length: int = NAME_LENGTH) -> str:
    """A person's name for a group, completion or template, on one line, literal in Plotly."""
    return tick_label(readable(name), length=length)


def folded_label(name: str, length: int = NAME_LENGTH, lines: int = 3) -> str:
    """`name_label` over up to so many lines, broken between words."""
    found = textwrap.wrap(readable(name), length, max_lines=lines, placeholder=" …") or [""]
    return "<br>".join(tick_label(line, length=length) for line in found)


def hover_name(name: str) -> str:
    """A person's name for a hover text."""
    return hover_token(readable(name))


def wrapped(line: str, length: int = LINE_LENGTH) -> str:
    """A line of our own words broken where a narrow screen ends."""
    return "<br>".join(textwrap.wrap(line, length, break_long_words=False))


def signed(text: Catalogue, value: float, digits: int = 2) -> str:
    """A number with its sign, none where it rounds to 0; a dash where there is no number."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "+∞" if value > 0 else "−∞"
    shown = decimal(text, abs(value), digits)
    if not shown.strip("0.,"):
        return shown
    return f"−{shown}" if value < 0 else f"+{shown}"


def between(text: Catalogue, low: float, high: float, digits: int = 2) -> str:
    """Words for a 95 % interval of differences; says so where there is none."""
    if np.isnan(low):
        return text("charts.bias.no_interval")
    return text("charts.bias.interval", low=signed(text, low, digits), high=signed(text, high, digits))


def span(text: Catalogue, low: float, high: float, digits: int = 3) -> str:
    """As `between`, of shares, which have no sign."""
    if np.isnan(low):
        return text("charts.bias.no_interval")
    return text("charts.bias.interval", low=decimal(text, low, digits), high=decimal(text, high, digits))


def more_rows(text: Catalogue, hidden: int) -> str:
    """A line below the axis title that counts the rows not drawn; empty where all are."""
    return "<br>" + wrapped(text("charts.bias.more", count=hidden)) if hidden else ""


def pair_title(text: Catalogue, message_id: str, frame: pd.DataFrame) -> str:
    """An axis title of ours that names the two groups of `frame`."""
    first, second = (name_label(str(frame[side].iloc[0]), TITLE_LENGTH) for side in ("first", "second"))
    return text(message_id, first=first, second=second)


# -- rows and marks -------------------------------------------------------------------------------------------------
def colour_of(place: int, theme: ChartTheme) -> str:
    """The colour of the group of that place."""
    return theme.categories[place % KINDS]


def marker_of(place: int, theme: ChartTheme, *, hollow: bool = False, size: float = 9) -> dict[str, Any]:
    """The Plotly marker of the group of that place."""
    colour = colour_of(place, theme)
    symbol = SYMBOLS[place % KINDS] + ("-open" if hollow else "")
    return {"symbol": symbol, "color": colour, "size": size, "line": {"color": colour, "width": 1.5}}


def whiskers(value: pd.Series, low: pd.Series, high: pd.Series, colour: str) -> dict[str, Any]:
    """Plotly error bars; NaN draws none."""
    return {
        "array": (high - value).tolist(),
        "arrayminus": (value - low).tolist(),
        "color": colour,
        "thickness": 1.5,
        "width": 3,
    }


def row_axis(labels: Sequence[str], theme: ChartTheme) -> dict[str, Any]:
    """A Plotly axis of rows from the top down, a line between two of them; labels are Plotly-safe."""
    return {
        "range": [max(1, len(labels)) - 0.5, -0.5],
        "tickmode": "array",
        "tickvals": list(range(len(labels))),
        "ticktext": list(labels),
        "showgrid": False,
        "minor": {"tickvals": [row + 0.5 for row in range(len(labels) - 1)], "showgrid": True, "gridcolor": theme.grid},
    }


def zero_axis(theme: ChartTheme) -> dict[str, Any]:
    """Settings of a Plotly axis of differences: it always reaches 0, where a line stands."""
    return {"zeroline": True, "zerolinecolor": theme.muted, "zerolinewidth": 1, "rangemode": "tozero", "nticks": 8}


def shift(place: int, count: int, room: float) -> float:
    """Where the mark number `place` of `count` stands in a row, from the row's middle; all have `room` rows."""
    return (place - (count - 1) / 2) * room / count


# -- cells ----------------------------------------------------------------------------------------------------------
def cell_labels(
    labels: NDArray[np.object_], share: NDArray[np.float64], scale: Sequence[Sequence[Any]], theme: ChartTheme
) -> list[go.Scatter]:
    """Words in the cells of a heatmap, in whichever ink is read better on the cell's colour.

    Args:
        labels: (row, column) Plotly-safe, empty where there is nothing to say.
        share: (row, column) where on `scale` the cell's colour lies, in [0, 1].
        scale: the heatmap's Plotly colour scale.
        theme: colours.
    """
    stops = np.array([stop for stop, _ in scale])
    colours = np.array([rgb(colour) for _, colour in scale])
    at = np.clip(np.nan_to_num(share), 0, 1)
    cells = luminance(np.stack([np.interp(at, stops, channel) for channel in colours.T], axis=-1))
    inks = (theme.text, theme.paper)
    contrast = [_contrast(cells, luminance(rgb(ink))) for ink in inks]
    best = np.argmax(contrast, axis=0)
    found = []
    for i, ink in enumerate(inks):
        rows, columns = np.nonzero((best == i) & (labels != ""))
        found.append(
            go.Scatter(
                x=columns,
                y=rows,
                mode="text",
                text=labels[rows, columns].tolist(),
                textfont={"family": MONO, "size": 10, "color": ink},
                hoverinfo="skip",
            )
        )
    return found


def _contrast(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Contrast of two relative luminances, 1 to 21 (WCAG 2)."""
    return np.asarray((np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05))
