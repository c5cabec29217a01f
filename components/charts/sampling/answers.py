"""Charts of what the texts of a set answer, and how long they are.

A ranked list, which beams make, is drawn hollow: what is often in it is not likely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import axis_name, row_axis, separators, stacked, tick_label, wrapped
from components.charts.series import (
    LEGEND,
    column_look,
    column_marker,
    column_name,
    hover_words,
    readable,
    shift,
    whiskers,
)
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue

MOST_ANSWERS = 12
ANSWER_LENGTH = 18
"""Characters of an answer on the axis."""
_SHARES = [0, 0.25, 0.5, 0.75, 1]


def answers_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars of the most frequent answers, a column beside the other, with Wilson's intervals.

    **Reading it:** a bar is the share of a column's texts that give the answer; its whiskers hold the true share 95
    times of 100.

    **Careful:** only the first line counts, and "nurse" and "a nurse" are two answers. A ranked list has no shares: a
    hollow mark at 0 only says that the answer is in it.

    Args:
        frame: as `dashboard.frames.sampling_sets.answer_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    shown = _shown(frame)
    rows = {answer: row for row, answer in enumerate(shown)}
    columns = sorted(frame["column"].unique())
    fig = go.Figure()
    for place, column in enumerate(columns):
        part = frame[(frame["column"] == column) & frame["answer"].isin(shown)]
        heights = [rows[answer] + shift(place, len(columns), 0.8) for answer in part["answer"]]
        own = frame[frame["column"] == column].iloc[0]
        fig.add_traces(_answer_traces(part, heights, 0.8 / len(columns), own, text=text, theme=theme))
    left = frame[~frame["answer"].isin(shown)]
    title = text("charts.answers.share")
    if len(left):
        rest = text("charts.answers.more", answers=left["answer"].nunique(), texts=int(left["count"].sum()))
        title += "<br>" + wrapped(rest)
    fig.update_xaxes(title_text=title, range=[-0.02, 1.02], tickvals=_SHARES)
    fig.update_yaxes(**row_axis([_answer(answer, ANSWER_LENGTH, text) for answer in shown], theme))
    height = (14 * len(columns) + 12) * len(shown) + 130
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, barmode="overlay", separators=separators(text))
    return theme.apply(fig)


def _shown(frame: pd.DataFrame) -> list[str]:
    """The answers that are drawn: all of a few, of many the most frequent of those that come more than once."""
    given = frame.groupby("answer", sort=False).agg(texts=("count", "sum"), best=("share", "max")).fillna(0)
    if len(given) > MOST_ANSWERS and (given["texts"] > 1).any():
        given = given[given["texts"] > 1]
    ordered = given.sort_values(["best", "texts"], ascending=False, kind="stable")
    return [str(answer) for answer in ordered.index[:MOST_ANSWERS]]


def _answer(answer: str, length: int, text: Catalogue) -> str:
    return tick_label(readable(answer), length=length) if answer else text("charts.answers.empty")


def _answer_traces(
    part: pd.DataFrame, heights: list[float], width: float, own: pd.Series, *, text: Catalogue, theme: ChartTheme
) -> list[Any]:
    """A column's bars and, at their ends, its marks with whiskers; of a ranked list marks at 0."""
    column, ranked = int(own["column"]), bool(own["ranked"])
    colour = column_look(column, theme).colour
    hovers = [_answer_hover(row, text) for row in part.to_dict("records")]
    shares = part["share"].fillna(0).tolist()
    bars = go.Bar(
        x=shares,
        y=heights,
        orientation="h",
        width=0.9 * width,
        opacity=0.35,
        marker={"color": colour},
        showlegend=False,
        hoverinfo="skip",
    )
    marks = go.Scatter(
        x=shares,
        y=heights,
        mode="markers",
        name=column_name(own["name"], text, ranked=ranked),
        marker=column_marker(column, theme, ranked=ranked, size=8),
        error_x=None if ranked else whiskers(part.rename(columns={"share": "value"}), colour),
        hovertext=hovers,
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return [marks] if ranked else [bars, marks]


def _answer_hover(row: dict[Any, Any], text: Catalogue) -> str:
    answer = hover_words(row["answer"]) if row["answer"] else text("charts.answers.empty")
    where = f"{hover_words(str(row['name']))}<br>{answer}<br>"
    if row["ranked"]:
        return where + text("charts.answers.place", place=row["first_row"])
    ends = [text.number(row[end], 3) for end in ("low", "high")]
    return where + text("charts.answers.count", count=row["count"], n=row["n"], low=ends[0], high=ends[1])


def lengths_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Histogram of lengths, one small chart a column.

    **Reading it:** a bar is the share of a column's texts that are so long; its pale part reached the limit of new
    tokens.

    **Careful:** a text at the limit would have gone on: the true lengths are longer. A hollow mark is a ranked list,
    whose scores prefer some lengths.

    Args:
        frame: as `dashboard.frames.sampling_sets.length_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    columns = sorted(frame["column"].unique())
    fig = go.Figure()
    titles = []
    for place, column in enumerate(columns):
        part = frame[frame["column"] == column]
        fig.add_traces(_length_traces(part, axis_name("y", place), text, theme))
        fig.update_layout({axis_name("yaxis", place): {"range": [0, 1.1], "tickvals": [0, 0.5, 1]}})
        name = column_name(part["name"].iloc[0], text, ranked=bool(part["ranked"].iloc[0]))
        titles.append(f"{name} · {text('charts.lengths.of', n=int(part['n'].iloc[0]))}")
    low, high = frame["from_tokens"].min(), frame["to_tokens"].max()
    stacked(fig, titles).update_layout(barmode="stack", separators=separators(text))
    fig.update_xaxes(title_text=text("charts.lengths.tokens"), range=[low - 0.7, high + 0.7])
    return theme.apply(fig)


def _length_traces(part: pd.DataFrame, axis: str, text: Catalogue, theme: ChartTheme) -> list[Any]:
    """Bars of those that ended and, pale above them, of those at the limit; marks at the tops."""
    column, ranked = int(part["column"].iloc[0]), bool(part["ranked"].iloc[0])
    colour = column_look(column, theme).colour
    middle = ((part["from_tokens"] + part["to_tokens"]) / 2).tolist()
    width = float(part["to_tokens"].iloc[0] - part["from_tokens"].iloc[0] + 1) * 0.86
    there = (part["count"] > 0).to_numpy()
    limited = part["share"] * part["limited"] / part["count"].clip(lower=1)
    looks = [(part["share"] - limited, 0.85), (limited, 0.35)]
    if ranked:
        looks = [(part["share"], 1.0)]
    bars = [
        go.Bar(
            x=np.array(middle)[there].tolist(),
            y=shares[there].tolist(),
            width=width,
            yaxis=axis,
            opacity=opacity,
            marker={"color": "rgba(0,0,0,0)" if ranked else colour, "line": {"color": colour, "width": int(ranked)}},
            hoverinfo="skip",
        )
        for shares, opacity in looks
    ]
    marks = go.Scatter(
        x=np.array(middle)[there].tolist(),
        y=part["share"].to_numpy()[there].tolist(),
        yaxis=axis,
        mode="markers",
        marker=column_marker(column, theme, ranked=ranked, size=7),
        hovertext=[_length_hover(row, text) for row in part[there].to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )
    return [*bars, marks]


def _length_hover(row: dict[Any, Any], text: Catalogue) -> str:
    first, last = int(row["from_tokens"]), int(row["to_tokens"])
    span = str(first) if first == last else f"{first}–{last}"
    facts = {"span": span, "count": int(row["count"]), "n": int(row["n"]), "limited": int(row["limited"])}
    return f"{hover_words(str(row['name']))}<br>{text('charts.lengths.count', **facts)}"
