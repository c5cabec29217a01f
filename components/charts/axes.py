"""Axes of tokens, and bars: numeric positions with literal token labels, so that equal tokens never merge."""

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
ROW_HEIGHT = 22
"""Height of a bar with its label [px]."""
NOTE_WIDTH = 6.5
"""Room for one character of what stands behind a bar [px]."""
LEAST_PLOT = 120
"""Width of the bars' own part of a chart on the narrowest screen [px]."""
SMALL_HEIGHT = 84
"""Height of one of several small charts [px]."""
SMALL_GAP = 32
"""Above each of them, for its title [px]."""


def probability(text: Catalogue, value: float) -> str:
    """Four decimals; smaller ones with two significant digits."""
    if value >= 1e-3 or value == 0:
        return text.number(value, 4)
    return text.number(value, 1, "e")


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
    shown = plotly_label(shortened(token, length))
    return shown if pos is None else f"{pos} {shown}"


def wrapped(line: str, length: int = LINE_LENGTH) -> str:
    """A line of our own words broken where a narrow screen ends."""
    return "<br>".join(textwrap.wrap(line, length, break_long_words=False))


def thinned(count: int, most: int, keep: int | None = None) -> list[int]:
    """At most about `most` of ``range(count)``, evenly apart; `keep` is always there and pushes its neighbours out."""
    step = -(-count // most)
    chosen = list(range(0, count, step))
    if keep is None or keep in chosen or not 0 <= keep < count:
        return chosen
    return sorted([i for i in chosen if 3 * abs(i - keep) > 2 * step] + [keep])


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
    chosen = thinned(len(begins), most, None if keep is None else (keep - start) // block)
    many = len(chosen) < len(begins) or block > 1
    # Hover takes the full label from `labelalias`, but a tick's own short text would win where the two coincide: ticks
    # stand off their cell's centre by less than a pixel.
    nudge = (stop - start) / 5000
    return {
        "range": [start - 0.5, stop - 0.5],
        "tickmode": "array",
        "tickvals": [_centre(begins[i], block) + nudge for i in chosen],
        "ticktext": [tick_label(names[begins[i] - start], begins[i] if many else None) for i in chosen],
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


def stacked(fig: go.Figure, titles: Sequence[str]) -> go.Figure:
    """Lay the axes ``y, y2, …`` of `fig` below one another, each with its title above, over one x axis at the bottom.

    Args:
        fig: its traces name their axes.
        titles: Plotly-safe, from the top down.
    """
    one = SMALL_HEIGHT + SMALL_GAP
    whole = len(titles) * one
    for place, title in enumerate(titles):
        top = 1 - (place * one + SMALL_GAP) / whole
        fig.update_layout(
            {axis_name("yaxis", place): {"domain": [max(0, top - SMALL_HEIGHT / whole), top], "anchor": "x"}}
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


def axis_name(kind: str, place: int) -> str:
    """Plotly's name of the axis number `place`, the first without a number: ``y``, ``y2``."""
    return kind if place == 0 else f"{kind}{place + 1}"


def bar_figure(
    labels: Sequence[str],
    values: Sequence[float],
    notes: Sequence[str],
    hovers: Sequence[str],
    *,
    axis_title: str,
    theme: ChartTheme,
    text: Catalogue,
    axis: dict[str, Any],
    more: str = "",
) -> go.Figure:
    """Horizontal bars from the top down, each with its value written behind it.

    The first trace are the bars, the second what is written: the own text of a bar to the left would cover its label.

    Args:
        labels: Plotly-safe tick labels.
        values: lengths of the bars.
        notes: what is written behind each bar.
        hovers: Plotly-safe hover texts.
        axis_title: quantity and unit.
        theme: colours and template.
        text: the catalogue.
        axis: further settings of the value axis.
        more: a second line of the axis title, e.g. how many are not shown.
    """
    positions = np.arange(len(labels))
    fig = go.Figure(
        go.Bar(
            x=list(values),
            y=positions,
            orientation="h",
            hovertext=list(hovers),
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"color": theme.accent},
            width=0.72,
        )
    )
    fig.add_scatter(
        x=list(values),
        y=positions,
        mode="text",
        text=[f"\u2002{note}" for note in notes],
        textposition="middle right",
        textfont={"size": 12},
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    fig.update_xaxes(title_text=f"{axis_title}<br>{more}" if more else axis_title, **axis)
    fig.update_yaxes(
        range=[len(labels) - 0.4, -0.6],
        tickmode="array",
        tickvals=positions,
        ticktext=list(labels),
        showgrid=False,
        tickfont={"family": MONO, "size": 12},
    )
    fig.update_layout(separators=separators(text), height=ROW_HEIGHT * len(labels) + (84 if more else 66))
    return theme.apply(notes_fitted(fig))


def notes_fitted(fig: go.Figure) -> go.Figure:
    """Put what is written behind the bars of a `bar_figure`, and give it its room at any width of the screen.

    What stands behind a bar to the left begins at 0, and on a logarithmic scale, which has no 0, at its beginning.
    """
    notes, axis = fig.data[1], fig.layout.xaxis
    low, high = axis.range
    log = axis.type == "log"
    ends = np.maximum(np.asarray(notes.x, np.float64), 10.0**low if log else 0)
    notes.x = ends
    share = ((np.log10(ends) if log else ends) - low) / (high - low)
    over = NOTE_WIDTH * np.array([len(note) + 1 for note in notes.text]) - LEAST_PLOT * (1 - share)
    return fig.update_layout(margin_r=float(max(12, over.max(initial=0))))
