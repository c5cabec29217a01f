"""Words of the bias charts: names of groups, completions and templates, intervals, titles; and sizes of rows."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd

from components.charts.axes import signed, tick_label, wrapped
from components.charts.series import SYMBOLS, readable
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
FOOT = 84
"""Room for the axis below the rows [px]."""


def name_label(name: str, length: int = NAME_LENGTH) -> str:
    """A person's name for a group, completion or template, on one line, literal in Plotly.

    What is too long is cut in the middle: names of one list often begin, or end, alike.
    """
    return tick_label(_fitting(readable(name), length), length=length)


def folded_label(name: str, length: int = NAME_LENGTH, lines: int = 3) -> str:
    """`name_label` over up to so many lines, broken between words."""
    fitting = _fitting(readable(name), length * lines - lines)
    folded = textwrap.wrap(fitting, length, max_lines=lines, placeholder=" …") or [""]
    return "<br>".join(tick_label(line, length=length) for line in folded)


def _fitting(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    return name[: length // 2] + "…" + name[len(name) - (length - 1) // 2 :]


def narrow(line: str) -> str:
    """A line of our own words broken where a narrow screen ends beside the labels of rows."""
    return wrapped(line, LINE_LENGTH)


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
