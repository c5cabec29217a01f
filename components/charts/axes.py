"""Axes and their words: numeric positions with literal token labels, so that equal tokens never merge."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from components.charts.theme import MONO, ChartTheme
from dashboard.i18n import Catalogue
from dashboard.tokens import Token, plotly_label, shortened, visible

TICK_LENGTH = 14
"""Characters of a token on an axis."""
HOVER_LENGTH = 60
"""Characters of a token in a hover text: some are 100 blanks."""
LINE_LENGTH = 46
"""Characters of a line that a narrow screen has room for."""
SMALL_HEIGHT = 84
"""Height of one of several small charts [px]."""
SMALL_GAP = 32
"""Above each of them, for its title [px]."""


def probability(text: Catalogue, value: float) -> str:
    """Four decimals; smaller ones with two significant digits."""
    if value >= 1e-3 or value == 0:
        return text.number(value, 4)
    return text.number(value, 1, "e")


def signed(text: Catalogue, value: float, digits: int = 2) -> str:
    """A number with its sign, none where it rounds to 0; a dash where there is no number."""
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "+∞" if value > 0 else "−∞"
    number = text.number(abs(value), digits)
    if not number.strip("0.,"):
        return number
    return f"−{number}" if value < 0 else f"+{number}"


def with_minus(number: str) -> str:
    """The typographic minus in place of the hyphen."""
    return number.replace("-", "−")


def separators(text: Catalogue) -> str:
    """Plotly's setting for the language: a decimal sign alone; a thousands sign would stand in positions as well."""
    return text.decimal_sign


def first_hidden(count: int, text: Catalogue) -> str:
    """Says that the first `count` tokens are left out."""
    return text("charts.first_hidden") if count == 1 else text("charts.first_hidden_many", count=count)


def hover_token(token: str) -> str:
    """A visible token for a hover text."""
    return plotly_label(shortened(token, HOVER_LENGTH))


def full_label(token: str, pos: int) -> str:
    """A visible token and its position, for a hover text."""
    return f"{hover_token(token)} ({pos})"


def tick_label(token: str, pos: int | None = None, length: int = TICK_LENGTH) -> str:
    """A visible token for an axis; with its position in front where that is given."""
    label = plotly_label(shortened(token, length))
    return label if pos is None else f"{pos} {label}"


def wrapped(line: str, length: int = LINE_LENGTH) -> str:
    """A line of our own words broken where a narrow screen ends."""
    return "<br>".join(textwrap.wrap(line, length, break_long_words=False))


def thinned(count: int, most: int, keep: int | None = None) -> list[int]:
    """At most about `most` of ``range(count)``, evenly apart; `keep` is always there and pushes its neighbours out."""
    step = -(-count // most)
    indices = list(range(0, count, step))
    if keep is None or keep in indices or not 0 <= keep < count:
        return indices
    return sorted([i for i in indices if 3 * abs(i - keep) > 2 * step] + [keep])


def token_axis(
    tokens: Sequence[Token], start: int, stop: int, block: int, *, text: Catalogue, most: int, keep: int | None = None
) -> dict[str, Any]:
    """A Plotly axis over positions [start, stop), in cells of `block` tokens: range, thinned labels, hover labels.

    Args:
        tokens: all tokens of the prompt.
        start: first position.
        stop: position after the last.
        block: tokens a cell stands for.
        text: the catalogue, for the decimal sign.
        most: about so many labels fit.
        keep: a position whose label has to be there.
    """
    names = [visible(token) for token in tokens[start:stop]]
    return name_axis(names, start, block, text=text, most=most, keep=keep)


def name_axis(
    names: Sequence[str], start: int, block: int, *, text: Catalogue, most: int, keep: int | None = None
) -> dict[str, Any]:
    """As `token_axis`, of visible tokens: `names` are those from `start` on."""
    stop = start + len(names)
    begins = range(start, stop, block)
    labelled = thinned(len(begins), most, None if keep is None else (keep - start) // block)
    with_positions = len(labelled) < len(begins) or block > 1
    # Hover takes the full label from `labelalias`, but a tick's own short text would win where the two coincide: ticks
    # stand off their cell's centre by less than a pixel.
    nudge = (stop - start) / 5000
    return {
        "range": [start - 0.5, stop - 0.5],
        "tickmode": "array",
        "tickvals": [_centre(begins[i], block) + nudge for i in labelled],
        "ticktext": [tick_label(names[begins[i] - start], begins[i] if with_positions else None) for i in labelled],
        "labelalias": {
            _number(_centre(begin, block), text): _cell_label(names, start, begin, min(begin + block, stop))
            for begin in begins
        },
        "exponentformat": "none",
        "showgrid": False,
        "tickfont": {"family": MONO, "size": 11},
    }


def _centre(begin: int, block: int) -> float:
    return begin + (block - 1) / 2


def _number(value: float, text: Catalogue) -> str:
    """As Plotly writes it on this axis: the key of ``labelalias``."""
    return f"{value:g}".replace(".", text.decimal_sign) if value != int(value) else str(int(value))


def _cell_label(names: Sequence[str], start: int, begin: int, stop: int) -> str:
    first = full_label(names[begin - start], begin)
    return first if stop - begin == 1 else f"{first} … {full_label(names[stop - 1 - start], stop - 1)}"


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


def counting_axis(count: int) -> dict[str, Any]:
    """Settings of a Plotly axis over 0 … count - 1 (layers, heads): at most 16 round labels."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if count / step <= 16)
    return {"tickmode": "linear", "tick0": 0, "dtick": step, "showgrid": False, "exponentformat": "none"}


def step_axis(labels: Sequence[str], most: int, text: Catalogue) -> dict[str, Any]:
    """Settings of a Plotly axis over the steps of the residual stream, first to last; the last keeps its label."""
    ticks = thinned(len(labels), most, len(labels) - 1)
    return {
        "title_text": text("charts.axis.layer"),
        "tickmode": "array",
        "tickvals": ticks,
        "ticktext": [labels[i] for i in ticks],
        "range": [-0.5, len(labels) - 0.5],
    }


def log_axis(top: float, *, downwards: bool = False) -> dict[str, Any]:
    """Settings of a logarithmic Plotly axis of counts or ranks, from 1 on.

    Args:
        top: its end, as a power of 10.
        downwards: 1 stands on top, as ranks do.
    """
    marks = [10**mark for mark in range(int(top) + 1)]
    ends = [1.04 * top, -0.06 * top] if downwards else [-0.04 * top, 1.04 * top]
    return {"type": "log", "range": ends, "tickvals": marks, "ticktext": [str(mark) for mark in marks]}


def zero_axis(theme: ChartTheme) -> dict[str, Any]:
    """Settings of a Plotly axis of differences: it always reaches 0, where a line stands."""
    return {"zeroline": True, "zerolinecolor": theme.muted, "zerolinewidth": 1, "rangemode": "tozero"}


def ends_from_zero(values: Sequence[float]) -> list[float]:
    """Range of an axis of bars: 0 and all of them, with a little room beyond."""
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.02 * (high - low or 1)
    return [low - (room if low < 0 else 0), high + (room if high > 0 else 0)]


def stacked(fig: go.Figure, titles: Sequence[str]) -> go.Figure:
    """Lay the axes ``y, y2, …`` of `fig` below one another, each with its title above, over one x axis at the bottom.

    Args:
        fig: its traces name their axes.
        titles: Plotly-safe, from the top down.
    """
    height = SMALL_HEIGHT + SMALL_GAP
    whole = len(titles) * height
    for index, title in enumerate(titles):
        top = 1 - (index * height + SMALL_GAP) / whole
        fig.update_layout(
            {axis_name("yaxis", index): {"domain": [max(0, top - SMALL_HEIGHT / whole), top], "anchor": "x"}}
        )
        fig.add_annotation(
            text=title,
            x=0,
            y=top,
            xref="paper",
            yref="paper",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
        )
    fig.update_xaxes(anchor=axis_name("y", len(titles) - 1))
    return fig.update_layout(height=whole + 90)


def axis_name(kind: str, index: int) -> str:
    """Plotly's name of the axis of that index, the first without a number: ``y``, ``y2``."""
    return kind if index == 0 else f"{kind}{index + 1}"
