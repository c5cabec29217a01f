"""How series look: a column of decode settings, a group or a token keeps its colour, marker and dash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
class SeriesLook:
    """Colour, marker and dash."""

    colour: str
    symbol: str
    dash: str


def series_look(index: int, theme: ChartTheme) -> SeriesLook:
    """The look of the series of that index."""
    colours = theme.categories
    return SeriesLook(colours[index % len(colours)], SYMBOLS[index % len(SYMBOLS)], DASHES[index % len(DASHES)])


def series_marker(index: int, theme: ChartTheme, *, ranked: bool = False, size: float = 9) -> dict[str, Any]:
    """A Plotly marker; hollow where beams made a ranked list."""
    look = series_look(index, theme)
    line = {"color": look.colour, "width": 1.5}
    return {"symbol": look.symbol + ("-open" if ranked else ""), "color": look.colour, "size": size, "line": line}


def column_name(name: str, text: Catalogue, *, ranked: bool = False) -> str:
    """A person's name for a column, literal in Plotly; a ranked list says that it is one."""
    label = tick_label(readable(name), length=NAME_LENGTH)
    return text("charts.columns.ranked", name=label) if ranked else label


def readable(words: str) -> str:
    """`words` with what does not show made visible, but for single spaces between words."""
    return " ".join(visible_text(word) for word in words.split(" "))


def hover_words(words: str) -> str:
    """A person's or a model's words for a hover text."""
    return hover_token(readable(words))


def shift(index: int, count: int, room: float) -> float:
    """Where the mark of that index, of `count`, stands in a row, from the row's middle; all have `room` rows."""
    return (index - (count - 1) / 2) * room / count
