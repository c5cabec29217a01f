"""Charts of what the texts of a set answer, and how long they are.

A ranked list, which beams make, is drawn hollow: what is often in it is not likely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import axis_name, row_axis, separators, stacked, tick_label, wrapped
from components.charts.marks import HOVERTEXT, interval_row, pale_bars
from components.charts.series import LEGEND, column_name, hover_words, readable, series_look, series_marker, shift
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue

MOST_ANSWERS = 12
ANSWER_LENGTH = 18
"""Characters of an answer on the axis."""


def answers_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars of the most frequent answers, a column beside the other, with Wilson's intervals.

    Args:
        frame: as `dashboard.frames.sampling_sets.answer_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    answers = _drawn_answers(frame)
    rows = {answer: row for row, answer in enumerate(answers)}
    columns = sorted(frame["column"].unique())
    fig = go.Figure()
    for index, column in enumerate(columns):
        of_column = frame[frame["column"] == column]
        part = of_column[of_column["answer"].isin(answers)]
        heights = [rows[answer] + shift(index, len(columns), 0.8) for answer in part["answer"]]
        fig.add_traces(_answer_traces(part, heights, 0.8 / len(columns), of_column.iloc[0], text=text, theme=theme))
    left = frame[~frame["answer"].isin(answers)]
    title = text("charts.answers.share")
    if len(left):
        rest = text("charts.answers.more", answers=left["answer"].nunique(), texts=int(left["count"].sum()))
        title += "<br>" + wrapped(rest)
    fig.update_xaxes(title_text=title, range=_share_range(frame[frame["answer"].isin(answers)], ["share", "high"]))
    fig.update_yaxes(**row_axis([_answer(answer, ANSWER_LENGTH, text) for answer in answers], theme))
    height = (14 * len(columns) + 12) * len(answers) + 130
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, barmode="overlay", separators=separators(text))
    return theme.apply(fig)


def _share_range(frame: pd.DataFrame, columns: list[str]) -> list[float]:
    """The ends of an axis of shares: 0 to the largest of `columns`, with some room; to 1 where there is none."""
    end = float(np.nanmax(frame[columns].to_numpy(float), initial=0.0)) or 1.0
    return [-0.02 * end, 1.04 * end]


def _drawn_answers(frame: pd.DataFrame) -> list[str]:
    """The answers that are drawn: all of a few, of many the most frequent of those that come more than once."""
    given = frame.groupby("answer", sort=False).agg(texts=("count", "sum"), best=("share", "max")).fillna(0)
    if len(given) > MOST_ANSWERS and (given["texts"] > 1).any():
        given = given[given["texts"] > 1]
    ordered = given.sort_values(["best", "texts"], ascending=False, kind="stable")
    return [str(answer) for answer in ordered.index[:MOST_ANSWERS]]


def _answer(answer: str, length: int, text: Catalogue) -> str:
    return tick_label(readable(answer), length=length) if answer else text("charts.answers.empty")


def _answer_traces(
    part: pd.DataFrame, heights: list[float], width: float, facts: pd.Series, *, text: Catalogue, theme: ChartTheme
) -> list[Any]:
    """A column's bars and, at their ends, its marks with whiskers; of a ranked list marks at 0."""
    ranked = bool(facts["ranked"])
    marker = series_marker(int(facts["column"]), theme, ranked=ranked, size=8)
    part = part.assign(share=part["share"].fillna(0))
    marks = interval_row(
        part,
        heights,
        marker,
        [_answer_hover(row, text) for row in part.to_dict("records")],
        ("share", "low", "high"),
        whiskered=not ranked,
        name=column_name(facts["name"], text, ranked=ranked),
        cliponaxis=False,
    )
    return [marks] if ranked else [pale_bars(part["share"], heights, marker["color"], width), marks]


def _answer_hover(row: dict[Any, Any], text: Catalogue) -> str:
    answer = hover_words(row["answer"]) if row["answer"] else text("charts.answers.empty")
    where = f"{hover_words(str(row['name']))}<br>{answer}<br>"
    if row["ranked"]:
        return where + text("charts.answers.place", place=row["first_row"])
    ends = [text.number(row[end], 3) for end in ("low", "high")]
    return where + text("charts.answers.count", count=row["count"], n=row["n"], low=ends[0], high=ends[1])


def lengths_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Histogram of lengths, one small chart a column.

    Args:
        frame: as `dashboard.frames.sampling_sets.length_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    columns = sorted(frame["column"].unique())
    fig = go.Figure()
    titles = []
    largest = float(frame["share"].max())  # the same of all columns: their bars compare
    for index, column in enumerate(columns):
        part = frame[frame["column"] == column]
        fig.add_traces(_length_traces(part, axis_name("y", index), text, theme))
        fig.update_layout({axis_name("yaxis", index): {"range": [0, 1.1 * largest], "nticks": 4}})
        name = column_name(part["name"].iloc[0], text, ranked=bool(part["ranked"].iloc[0]))
        titles.append(f"{name} · {text('charts.lengths.of', n=int(part['n'].iloc[0]))}")
    low, high = frame["from_tokens"].min(), frame["to_tokens"].max()
    stacked(fig, titles).update_layout(barmode="stack", separators=separators(text))
    fig.update_xaxes(title_text=text("charts.lengths.tokens"), range=[low - 0.7, high + 0.7])
    return theme.apply(fig)


def _length_traces(part: pd.DataFrame, axis: str, text: Catalogue, theme: ChartTheme) -> list[Any]:
    """Bars of those that ended and, pale above them, of those at the limit; marks at the tops."""
    column, ranked = int(part["column"].iloc[0]), bool(part["ranked"].iloc[0])
    colour = series_look(column, theme).colour
    width = float(part["to_tokens"].iloc[0] - part["from_tokens"].iloc[0] + 1) * 0.86
    part = part[(part["count"] > 0).to_numpy()]
    middle = ((part["from_tokens"] + part["to_tokens"]) / 2).tolist()
    limited = part["share"] * part["limited"] / part["count"]
    looks = [(part["share"] - limited, 0.85), (limited, 0.35)]
    if ranked:
        looks = [(part["share"], 1.0)]
    bars = [
        go.Bar(
            x=middle,
            y=shares.tolist(),
            width=width,
            yaxis=axis,
            opacity=opacity,
            marker={"color": "rgba(0,0,0,0)" if ranked else colour, "line": {"color": colour, "width": int(ranked)}},
            hoverinfo="skip",
        )
        for shares, opacity in looks
    ]
    marks = go.Scatter(
        x=middle,
        y=part["share"].tolist(),
        yaxis=axis,
        mode="markers",
        marker=series_marker(column, theme, ranked=ranked, size=7),
        hovertext=[_length_hover(row, text) for row in part.to_dict("records")],
        hovertemplate=HOVERTEXT,
        cliponaxis=False,
    )
    return [*bars, marks]


def _length_hover(row: dict[Any, Any], text: Catalogue) -> str:
    first, last = int(row["from_tokens"]), int(row["to_tokens"])
    span = str(first) if first == last else f"{first}–{last}"
    facts = {"span": span, "count": int(row["count"]), "n": int(row["n"]), "limited": int(row["limited"])}
    return f"{hover_words(str(row['name']))}<br>{text('charts.lengths.count', **facts)}"
