"""Charts of exact scores: how far each group lies from a reference, and two groups side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import probability, row_axis, separators
from components.charts.bias.marks import (
    BAR_AT_LEFT,
    FOOT,
    MOST_ROWS,
    ROW,
    between,
    cell_labels,
    folded_label,
    marker_of,
    more_rows,
    name_label,
    narrow,
    signed,
)
from components.charts.series import LEGEND, hover_words
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue

LIMIT = 3.0
"""Ends of the map's colours [nats]: 20 times as likely, or a 20th."""
MOST_COLUMNS = 40
MOST_NUMBERS = 8
"""Up to so many columns each cell shows its number."""
VALUES = ("prob", "lexicon_prob")
"""What the dumbbell can compare."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_GROUP_LENGTH = 8
_GROUP_LINES = 2
_MOST_POWERS = 6


def bias_map_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, limit: float = LIMIT) -> go.Figure:
    """Completions by groups: how much likelier a completion is behind a group's prompt than behind the reference.

    Many groups with fewer completions stand below one another, where their names have room.

    **Reading it:** orange is likelier than for the reference, blue less likely; the numbers are differences of
    log-probability, +0.7 is twice as likely.

    **Careful:** with ~ in front templates disagree about the sign, so the cell is no finding. Compare groups on one
    completion; colours of two completions say nothing about which is likelier.

    Args:
        frame: as `dashboard.frames.bias.map_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        limit: ends of the colours, beyond which they do not change [nats]; the scale says so.
    """
    frame, down, across = _map_sides(frame)
    rows, columns = frame[down].drop_duplicates().tolist(), frame[across].drop_duplicates().tolist()
    shown, beside = rows[:MOST_ROWS], columns[:MOST_COLUMNS]
    frame = frame[frame[down].isin(shown) & frame[across].isin(beside)]
    shape = (len(shown), len(beside))
    values = frame["delta_nats"].to_numpy(np.float64)
    hovers = np.array([_map_hover(row, text) for row in frame.to_dict("records")], object)
    scale = theme.diverging()
    # beyond the largest float there is no colour
    drawn = np.clip(values, -10 * limit, 10 * limit).reshape(shape)
    fig = go.Figure(
        go.Heatmap(
            z=drawn.astype(np.float32),
            zmin=-limit,
            zmid=0,
            zmax=limit,
            colorscale=scale,
            colorbar=_map_bar(str(frame["reference"].iloc[0]), limit, text),
            hoverongaps=False,
            hovertext=hovers.reshape(shape).tolist(),
            hovertemplate="%{hovertext}<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    few = len(beside) <= MOST_NUMBERS
    if few:
        labels = [_cell(row, text, 2 if len(beside) <= 4 else 1) for row in frame.to_dict("records")]
        fig.add_traces(cell_labels(np.array(labels, object).reshape(shape), 0.5 + drawn / limit / 2, scale, theme))
    fig.update_xaxes(title={"text": text(f"charts.bias_map.{across}s"), "standoff": 2}, **_map_columns(beside, few=few))
    fig.update_yaxes(**{**row_axis([name_label(name) for name in shown], theme), "minor": None})
    hidden = {down: len(rows) - len(shown), across: len(columns) - len(beside)}
    if any(hidden.values()):
        left = text("charts.bias_map.more", rows=hidden["completion"], groups=hidden["group"])
        fig.add_annotation(
            text=narrow(left), x=0, y=0, xref="paper", yref="paper", xanchor="left", yanchor="top", showarrow=False
        )
    head = BAR_ROOM + (60 if few else 150)
    foot = 40 if any(hidden.values()) else 12
    fig.update_layout(
        height=ROW * len(shown) + head + foot,
        margin={"t": head, "b": foot},
        separators=separators(text),
    )
    return theme.apply(fig)


def _map_sides(frame: pd.DataFrame) -> tuple[pd.DataFrame, str, str]:
    """The frame in the order of the cells, what stands down the side and what along the top."""
    completions, groups = frame["completion"].nunique(), frame["group"].nunique()
    if groups <= max(MOST_NUMBERS, completions):
        return frame, "completion", "group"
    return frame.iloc[np.arange(len(frame)).reshape(completions, -1).T.ravel()], "group", "completion"


def _map_columns(names: Sequence[str], *, few: bool) -> dict[str, Any]:
    """Settings of the axis along the top."""
    return {
        "side": "top",
        "range": [-0.5, len(names) - 0.5],
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [folded_label(name, _GROUP_LENGTH, _GROUP_LINES) if few else name_label(name) for name in names],
        "autotickangles": [0, -90],
        "showgrid": False,
        "tickfont": {"size": 11},
    }


def _map_bar(reference: str, limit: float, text: Catalogue) -> dict[str, Any]:
    title = text("charts.bias_map.to", name=name_label(reference)) if reference else text("charts.bias_map.to_mean")
    ends = [signed(text, end, 0 if limit == round(limit) else 1) for end in (-limit, limit)]
    return {
        "title": {"text": title},
        "tickvals": [-limit, 0, limit],
        "ticktext": [f"≤ {ends[0]}", "0", f"≥ {ends[1]}"],
        **BAR_AT_LEFT,
    }


def _cell(row: Mapping[Any, Any], text: Catalogue, digits: int) -> str:
    if np.isnan(row["delta_nats"]):
        return ""
    if row["group"] == row["reference"]:
        return text.number(0, 0)
    sure = row["agree"] == row["templates"]
    return ("" if sure else "~") + signed(text, row["delta_nats"], digits)


def _map_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    lines = [
        f"{hover_words(str(row['completion']))} · {hover_words(str(row['group']))}",
        text("charts.bias.delta", value=signed(text, row["delta_nats"], 3)),
        between(text, row["low_nats"], row["high_nats"]),
        text("charts.bias.agree", agree=int(row["agree"]), templates=int(row["templates"])),
        text("charts.bias.mean_log_prob", value=signed(text, row["log_prob_nats"], 3)),
    ]
    return "<br>".join(lines)


def dumbbell_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Each completion's probability in two groups, the completions that lean most to the first group on top.

    **Reading it:** the longer the line between two marks, the more the group changes the completion; the mark on the
    right is the group that makes it likelier.

    **Careful:** the scale is logarithmic: equal lengths are equal ratios, not equal probabilities. These are means over
    templates; single templates may lie the other way round.

    Args:
        frame: as `dashboard.frames.bias.completion_frame` makes it.
        value: of VALUES.
        text: the catalogue.
        theme: colours and template.
    """
    sides = {side: f"{side}_{value}" for side in ("first", "second")}
    there = frame[(frame[list(sides.values())] > 0).all(axis=1)]
    lean = np.diff(np.log(there[list(sides.values())].to_numpy(np.float64)[:, ::-1]), axis=1)[:, 0]
    most = np.argsort(-np.abs(lean), kind="stable")[:MOST_ROWS]
    ordered = there.iloc[most[np.argsort(-lean[most], kind="stable")]]
    heights = list(range(len(ordered)))
    hovers = [_pair_hover(row, value, text) for row in ordered.to_dict("records")]
    fig = go.Figure()
    x = [end for pair in zip(*(ordered[column] for column in sides.values()), strict=True) for end in (*pair, None)]
    y = [end for row in heights for end in (row, row, None)]
    fig.add_scatter(x=x, y=y, mode="lines", line={"color": theme.muted, "width": 2}, hoverinfo="skip", showlegend=False)
    for place, (side, column) in enumerate(sides.items()):
        fig.add_scatter(
            x=ordered[column].tolist(),
            y=heights,
            mode="markers",
            name=name_label(str(frame[side].iloc[0])),
            marker=marker_of(place, theme),
            hovertext=hovers,
            hovertemplate="%{hovertext}<extra></extra>",
        )
    ends = np.log10(ordered[list(sides.values())].to_numpy(np.float64))
    low, high = (float(ends.min()), float(ends.max())) if len(ordered) else (-3.0, 0.0)
    room = max(0.15, 0.05 * (high - low))  # half a mark
    low, high = low - room, high + room
    ticks, words = _log_ticks(low, high, text)
    title = narrow(text(f"charts.dumbbell.{value}")) + more_rows(text, len(frame) - len(ordered))
    fig.update_xaxes(
        type="log",
        title_text=title,
        range=[low, high],
        tickvals=ticks,
        ticktext=words,
        tickangle=0,
    )
    fig.update_yaxes(**row_axis([name_label(name) for name in ordered["completion"]], theme))
    height = ROW * max(4, len(ordered)) + FOOT + 40
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, margin_t=40, separators=separators(text))
    return theme.apply(fig)


def _log_ticks(low: float, high: float, text: Catalogue) -> tuple[list[float], list[str]]:
    """Marks between two powers of ten and their labels: few enough for a narrow screen, and at least two."""
    powers = list(range(int(np.ceil(low)), int(np.floor(high)) + 1))
    if len(powers) > 1:
        powers = powers[:: -(-len(powers) // _MOST_POWERS)]
        return [10.0**power for power in powers], [f"10{str(p).translate(_RAISED)}" if p else "1" for p in powers]
    fine = [digit * 10.0**power for power in range(int(np.floor(low)), int(np.ceil(high))) for digit in (1, 2, 3, 5, 7)]
    ticks = [tick for tick in fine if low <= np.log10(tick) <= high]
    ticks = ticks if len(ticks) > 1 else [10.0**low, 10.0**high]
    return ticks, [text.number(tick, 2, "g") for tick in ticks]


def _pair_hover(row: Mapping[Any, Any], value: str, text: Catalogue) -> str:
    lines = [hover_words(str(row["completion"]))]
    lines += [f"{hover_words(str(row[s]))}: {probability(text, row[f'{s}_{value}'])}" for s in ("first", "second")]
    lines += [
        text("charts.bias.delta", value=signed(text, row["delta_nats"], 3)),
        between(text, row["low_nats"], row["high_nats"]),
        text("charts.bias.agree", agree=int(row["agree"]), templates=int(row["templates"])),
    ]
    return "<br>".join(lines)
