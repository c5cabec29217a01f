"""Charts of how much the texts of a set differ, and how likely they are.

A ranked list, which beams make, is drawn hollow and without intervals.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import axis_name, row_axis, separators, stacked, with_minus, wrapped
from components.charts.marks import HOVERTEXT, SHARE_TICKS, interval_row, whiskers
from components.charts.series import LEGEND, column_name, hover_words, series_marker, shift
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.diversity import BLEU_LEAST_TOKENS, DISTINCT_2, MEAN_LOG_P, METRICS, SELF_BLEU
from dashboard.stats.statistic import SETS

_BETWEEN = 62
"""Room between two small charts, for an axis and its title [px]."""


def sets_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """One row a metric: each column's value with its 95 % interval.

    Args:
        frame: as `dashboard.frames.sampling_sets.set_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    known = set(frame["metric"][frame["value"].notna()])
    groups = [[metric for metric in METRICS if metric in known and SETS[metric].is_share], [MEAN_LOG_P]]
    columns = frame["column"].unique().tolist()
    sizes = [(13 * len(columns) + 16) * max(1, len(group)) for group in groups]
    whole = sum(sizes) + _BETWEEN
    domains = [[1 - sizes[0] / whole, 1], [0, sizes[1] / whole]]
    titles = [wrapped(text("charts.sets.shares")) + _why_no_bleu(frame, text), _with_unit(MEAN_LOG_P, text)]
    fig = go.Figure()
    for below, (group, domain, title) in enumerate(zip(groups, domains, titles, strict=True)):
        x, y = axis_name("x", below), axis_name("y", below)
        for index, column in enumerate(columns):
            part = frame[frame["column"] == column].set_index("metric").loc[group].reset_index()
            heights = [row + shift(index, len(columns), 0.72) for row in range(len(group))]
            marks = _points(part, heights, int(column), text, theme)
            fig.add_trace(marks.update(xaxis=x, yaxis=y, showlegend=below == 0))
        rows = row_axis([SETS[metric].label(text) for metric in group], theme)
        fig.update_layout({axis_name("yaxis", below): {"domain": domain, **rows}})
        fig.update_layout({axis_name("xaxis", below): {"anchor": y, "title": {"text": title}}})
    fig.update_layout(xaxis={"range": [-0.02, 1.02], "tickvals": SHARE_TICKS})
    fig.update_layout(height=whole + 120, showlegend=True, legend=LEGEND, separators=separators(text))
    return theme.apply(fig)


def _points(part: pd.DataFrame, heights: list[float], column: int, text: Catalogue, theme: ChartTheme) -> go.Scatter:
    """Values of one column with their whiskers."""
    ranked = bool(part["ranked"].any())
    name = str(part["name"].iloc[0]) if len(part) else ""
    marker = series_marker(column, theme, ranked=ranked)
    hovers = [_hover(row, text) for row in part.to_dict("records")]
    name = column_name(name, text, ranked=ranked)
    return interval_row(part, heights, marker, hovers, name=name, legendgroup=str(column))


def _hover(row: dict[Any, Any], text: Catalogue) -> str:
    name = SETS[row["metric"]].label(text)
    facts = {"metric": name, "value": _number(row["value"], text), "n": int(row["n"])}
    if "name" in row:
        facts["metric"] = f"{hover_words(str(row['name']))}<br>{name}"
    if pd.isna(row["low"]):
        return text("charts.sets.without", **facts)
    ends = {"low": _number(row["low"], text), "high": _number(row["high"], text)}
    return text("charts.sets.with_interval", **facts, **ends)


def _number(value: float, text: Catalogue) -> str:
    return with_minus(text.number(value, 3))


def _why_no_bleu(frame: pd.DataFrame, text: Catalogue) -> str:
    """Says why a column has no Self-BLEU."""
    bleu = frame[frame["metric"] == SELF_BLEU]
    short = ((bleu["n"] > 1) & bleu["value"].isna()).any()
    return "<br>" + wrapped(text("charts.sets.short", least=BLEU_LEAST_TOKENS)) if short else ""


def _with_unit(metric: str, text: Catalogue) -> str:
    """A metric's name for an axis, with its unit."""
    name = SETS[metric].label(text)
    return f"{name} {text('charts.metric.unit')}" if SETS[metric].unit else name


def quality_diversity_figure(
    frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, diversity: str = DISTINCT_2
) -> go.Figure:
    """One point a column: how likely its texts are to the model, and how much they differ.

    Args:
        frame: as `dashboard.frames.sampling_sets.set_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        diversity: the metric upwards, one of shares.
    """
    fig = go.Figure()
    for column, part in frame.groupby("column", sort=True):
        across, up = (part[part["metric"] == metric] for metric in (MEAN_LOG_P, diversity))
        ranked = bool(part["ranked"].iloc[0])
        marker = series_marker(int(str(column)), theme, ranked=ranked, size=12)
        both = pd.concat([across, up]).to_dict("records")
        fig.add_scatter(
            x=across["value"].tolist(),
            y=up["value"].tolist(),
            mode="markers",
            name=column_name(part["name"].iloc[0], text, ranked=ranked),
            marker=marker,
            error_x=whiskers(across, marker["color"]),
            error_y=whiskers(up, marker["color"]),
            hovertext=["<br>".join([_hover(both[0], text), _hover({**both[1], "name": ""}, text)])],
            hovertemplate=HOVERTEXT,
        )
    fig.update_xaxes(title_text=_with_unit(MEAN_LOG_P, text))
    fig.update_yaxes(title_text=_with_unit(diversity, text), range=[-0.03, 1.03], tickvals=SHARE_TICKS)
    fig.update_layout(height=420, showlegend=True, legend=LEGEND, separators=separators(text))
    return theme.apply(fig)


def sweep_figure(frame: pd.DataFrame, *, knob: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Small charts, one a metric: how it changes with one knob, with 95 % intervals.

    Args:
        frame: as `dashboard.frames.sampling_sets.sweep_frame` makes it.
        knob: the knob's name for the axis, our own words.
        text: the catalogue.
        theme: colours and template.
    """
    known = set(frame["metric"][frame["value"].notna()])
    metrics = [metric for metric in METRICS if metric in known]
    values = frame["knob"].drop_duplicates().tolist()
    fig = go.Figure()
    for index, metric in enumerate(metrics):
        part = frame[frame["metric"] == metric]
        fig.add_trace(_sweep_line(part, values, axis_name("y", index), text, theme))
        share = {"range": [-0.05, 1.05], "tickvals": [0, 0.5, 1]} if SETS[metric].is_share else {}
        fig.update_layout({axis_name("yaxis", index): {"nticks": 4, **share}})
    stacked(fig, [_with_unit(metric, text) for metric in metrics])
    fig.update_xaxes(
        title_text="<br>".join([knob, wrapped(text("charts.sweep.apart")) + _why_no_bleu(frame, text)]),
        range=[-0.5, len(values) - 0.5],
        tickmode="array",
        tickvals=list(range(len(values))),
        ticktext=[text.number(value, 6, "g") for value in values],
    )
    fig.update_layout(separators=separators(text))
    return theme.apply(fig)


def _sweep_line(part: pd.DataFrame, values: list[float], axis: str, text: Catalogue, theme: ChartTheme) -> go.Scatter:
    symbols = ["circle-open" if ranked else "circle" for ranked in part["ranked"]]
    return go.Scatter(
        x=[values.index(value) for value in part["knob"]],
        y=part["value"].tolist(),
        yaxis=axis,
        mode="lines+markers",
        line={"color": theme.accent, "width": 1.5},
        marker={"color": theme.accent, "size": 8, "line": {"color": theme.accent, "width": 1.5}, "symbol": symbols},
        error_y=whiskers(part, theme.accent),
        hovertext=[f"{text.number(row['knob'], 6, 'g')}<br>{_hover(row, text)}" for row in part.to_dict("records")],
        hovertemplate=HOVERTEXT,
    )
