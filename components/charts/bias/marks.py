"""Marks and rows of the bias charts: each group keeps its colour, marker and dash; names are written literally."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import tick_label, wrapped
from components.charts.series import SYMBOLS, column_look, readable, whiskers
from components.charts.theme import MONO, ChartTheme, luminance, rgb
from dashboard.i18n import Catalogue

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
BAR_AT_LEFT = {"xref": "container", "x": 0, "xpad": 24, "len": 300, "ticklabeloverflow": "allow"}
"""A colour bar whose ends have labels, at the left end of the chart: beside long row labels it would be cut off."""
FOOT = 84
"""Room for the axis below the rows [px]."""


# -- words ----------------------------------------------------------------------------------------------------------
def name_label(name: str, length: int = NAME_LENGTH) -> str:
    """A person's name for a group, completion or template, on one line, literal in Plotly.

    What is too long is cut in the middle: names of one list often begin, or end, alike.
    """
    return tick_label(_fitting(readable(name), length), length=length)


def folded_label(name: str, length: int = NAME_LENGTH, lines: int = 3) -> str:
    """`name_label` over up to so many lines, broken between words."""
    shown = _fitting(readable(name), length * lines - lines)
    found = textwrap.wrap(shown, length, max_lines=lines, placeholder=" …") or [""]
    return "<br>".join(tick_label(line, length=length) for line in found)


def _fitting(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    return name[: length // 2] + "…" + name[len(name) - (length - 1) // 2 :]


def narrow(line: str) -> str:
    """A line of our own words broken where a narrow screen ends beside the labels of rows."""
    return wrapped(line, LINE_LENGTH)


def signed(text: Catalogue, value: float, digits: int = 2) -> str:
    """A number with its sign, none where it rounds to 0; a dash where there is no number."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "+∞" if value > 0 else "−∞"
    shown = text.number(abs(value), digits)
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
    return text("charts.bias.interval", low=text.number(low, digits), high=text.number(high, digits))


def more_rows(text: Catalogue, hidden: int) -> str:
    """A line below the axis title that counts the rows not drawn; empty where all are."""
    return "<br>" + narrow(text("charts.bias.more", count=hidden)) if hidden else ""


def pair_title(text: Catalogue, message_id: str, frame: pd.DataFrame) -> str:
    """An axis title of ours that names the two groups of `frame`."""
    first, second = (name_label(str(frame[side].iloc[0]), TITLE_LENGTH) for side in ("first", "second"))
    return text(message_id, first=first, second=second)


# -- rows and marks -------------------------------------------------------------------------------------------------
def marker_of(place: int, theme: ChartTheme, *, size: float = 9) -> dict[str, Any]:
    """The Plotly marker of the group of that place."""
    look = column_look(place, theme)
    return {"symbol": look.symbol, "color": look.colour, "size": size, "line": {"color": look.colour, "width": 1.5}}


def interval(rows: pd.DataFrame, columns: Sequence[str], colour: str) -> dict[str, Any]:
    """Plotly error bars of ``value, low, high``, whatever `columns` call them."""
    told = {name: rows[column] for name, column in zip(("value", "low", "high"), columns, strict=True)}
    return whiskers(pd.DataFrame(told), colour)


def zero_axis(theme: ChartTheme) -> dict[str, Any]:
    """Settings of a Plotly axis of differences: it always reaches 0, where a line stands."""
    return {"zeroline": True, "zerolinecolor": theme.muted, "zerolinewidth": 1, "rangemode": "tozero"}


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
