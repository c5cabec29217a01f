"""How columns of decode settings look: each keeps its colour, marker and dash in every chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from components.charts.axes import hover_token, tick_label
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.tokens import visible_text

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")
DASHES = ("solid", "dash", "dot", "dashdot")
NAME_LENGTH = 28
"""Characters of a column's name in a legend."""
LEGEND = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"}


@dataclass(frozen=True)
class ColumnLook:
    """A column's marks."""

    colour: str
    symbol: str
    dash: str


def column_look(column: int, theme: ChartTheme) -> ColumnLook:
    """The look of the column of that number."""
    colours = theme.categories
    return ColumnLook(colours[column % len(colours)], SYMBOLS[column % len(SYMBOLS)], DASHES[column % len(DASHES)])


def column_marker(column: int, theme: ChartTheme, *, ranked: bool, size: float = 9) -> dict[str, Any]:
    """A Plotly marker; hollow where beams made a ranked list."""
    look = column_look(column, theme)
    line = {"color": look.colour, "width": 1.5}
    return {"symbol": look.symbol + ("-open" if ranked else ""), "color": look.colour, "size": size, "line": line}


def column_name(name: str, text: Catalogue, *, ranked: bool = False) -> str:
    """A person's name for a column, literal in Plotly; a ranked list says that it is one."""
    shown = tick_label(readable(name), length=NAME_LENGTH)
    return text("charts.columns.ranked", name=shown) if ranked else shown


def readable(words: str) -> str:
    """`words` with what does not show made visible, but for single spaces between words."""
    return " ".join(visible_text(word) for word in words.split(" "))


def hover_words(words: str) -> str:
    """A person's or a model's words for a hover text."""
    return hover_token(readable(words))


def whiskers(rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    """Plotly error bars from ``value, low, high``; NaN draws none."""
    return {
        "visible": bool(rows["low"].notna().any()),
        "array": (rows["high"] - rows["value"]).tolist(),
        "arrayminus": (rows["value"] - rows["low"]).tolist(),
        "color": colour,
        "thickness": 1.5,
        "width": 4,
    }


def shift(place: int, count: int, room: float) -> float:
    """Where the mark number `place` of `count` stands in a row, from the row's middle; all have `room` rows."""
    return (place - (count - 1) / 2) * room / count
