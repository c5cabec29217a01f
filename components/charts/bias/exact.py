"""Charts of exact scores: how far each group lies from a reference, and two groups side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import probability, row_axis, separators, signed
from components.charts.bias.labels import FOOT, MOST_ROWS, ROW, between, folded_label, more_rows, name_label, narrow
from components.charts.marks import HOVERTEXT, cell_labels, colours_at, signed_heatmap
from components.charts.series import LEGEND, hover_words, series_marker
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import DIFFERENCE, DUMBBELL

LIMIT = DIFFERENCE.limit or 3.0
"""Ends of the map's colours [nats]."""
MOST_COLUMNS = 40
MOST_NUMBERS = 8
"""Up to so many columns each cell shows its number."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_GROUP_LENGTH = 8
_GROUP_LINES = 2
_MOST_POWERS = 6
_DUMBBELL_HEAD = 70
"""Room for Plotly's buttons, the legend and the axis on top [px]."""


def bias_map_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, limit: float = LIMIT) -> go.Figure:
    """Completions by groups: how much likelier a completion is behind a group's prompt than behind the reference.

    Many groups with fewer completions stand below one another, where their names have room.

    Args:
        frame: as `dashboard.frames.bias.map_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        limit: ends of the colours, beyond which they do not change [nats]; the scale says so.
    """
    frame, down, across = _map_sides(frame)
    rows, columns = frame[down].drop_duplicates().tolist(), frame[across].drop_duplicates().tolist()
    rows_drawn, columns_drawn = rows[:MOST_ROWS], columns[:MOST_COLUMNS]
    frame = frame[frame[down].isin(rows_drawn) & frame[across].isin(columns_drawn)]
    shape = (len(rows_drawn), len(columns_drawn))
    few = len(columns_drawn) <= MOST_NUMBERS
    fig = go.Figure(_map_traces(frame, shape, text, theme, limit=limit, numbers=few))
    title = {"text": text(f"charts.bias_map.{across}s"), "standoff": 2}
    fig.update_xaxes(title=title, **_map_columns(columns_drawn, few=few))
    fig.update_yaxes(**{**row_axis([name_label(name) for name in rows_drawn], theme), "minor": None})
    hidden = {down: len(rows) - len(rows_drawn), across: len(columns) - len(columns_drawn)}
    if any(hidden.values()):
        left = text("charts.bias_map.more", rows=hidden["completion"], groups=hidden["group"])
        corner = {"x": 0, "y": 0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"}
        fig.add_annotation(text=narrow(left), showarrow=False, **corner)
    head = BAR_ROOM + (60 if few else 150)
    foot = 40 if any(hidden.values()) else 12
    fig.update_layout(
        height=ROW * len(rows_drawn) + head + foot,
        margin={"t": head, "b": foot},
        separators=separators(text),
    )
    return theme.apply(fig)


def _map_traces(
    frame: pd.DataFrame, shape: tuple[int, int], text: Catalogue, theme: ChartTheme, *, limit: float, numbers: bool
) -> list[Any]:
    """The cells and, where there is room, their numbers."""
    records = frame.to_dict("records")
    # beyond the largest float there is no colour
    values = np.clip(frame["delta_nats"].to_numpy(np.float64), -10 * limit, 10 * limit).reshape(shape)
    low, high = (signed(text, end, 0 if limit == round(limit) else 1) for end in (-limit, limit))
    cells = signed_heatmap(
        values,
        limit,
        _map_title(str(frame["reference"].iloc[0]), text),
        (f"≤ {low}", f"≥ {high}"),
        theme=theme,
        hovertext=np.array([_map_hover(row, text) for row in records], object).reshape(shape).tolist(),
        hovertemplate=HOVERTEXT,
    )
    if not numbers:
        return [cells]
    digits = 2 if shape[1] <= 4 else 1
    labels = np.array([_cell(row, text, digits) for row in records], object).reshape(shape)
    return [cells, *cell_labels(labels, colours_at(0.5 + values / limit / 2, theme.diverging()), theme)]


def _map_title(reference: str, text: Catalogue) -> str:
    return text("charts.bias_map.to", name=name_label(reference)) if reference else text("charts.bias_map.to_mean")


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


def _cell(row: Mapping[Any, Any], text: Catalogue, digits: int) -> str:
    if np.isnan(row["delta_nats"]):
        return ""
    if row["group"] == row["reference"]:
        return text.number(0, 0)
    agree = row["agree"] == row["templates"]
    return ("" if agree else "~") + signed(text, row["delta_nats"], digits)


def _map_hover(row: Mapping[Any, Any], text: Catalogue) -> str:
    lines = [
        f"{hover_words(str(row['completion']))} · {hover_words(str(row['group']))}",
        text("charts.bias.delta", value=signed(text, row["delta_nats"], 3)),
        between(text, row["low_nats"], row["high_nats"]),
        text("charts.bias.agree", agree=int(row["agree"]), templates=int(row["templates"])),
        text("charts.bias.mean_log_prob", value=signed(text, row["log_prob_nats"], 3)),
    ]
    return "<br>".join(lines)


def dumbbell_figure(
    frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme, each_way: int | None = None
) -> go.Figure:
    """Each completion's probability in two groups, the completions that lean most to the first group on top.

    Args:
        frame: as `dashboard.frames.bias.completion_frame` makes it.
        value: of DUMBBELL of `dashboard.stats.statistic`.
        text: the catalogue.
        theme: colours and template.
        each_way: so many that lean most to each group; ``None``: up to MOST_ROWS that lean most to either.
    """
    sides = {side: f"{side}_{value}" for side in ("first", "second")}
    ordered = _leaning(frame, list(sides.values()), each_way)
    heights = list(range(len(ordered)))
    hovers = [_pair_hover(row, value, text) for row in ordered.to_dict("records")]
    fig = go.Figure()
    x = [end for pair in zip(*(ordered[column] for column in sides.values()), strict=True) for end in (*pair, None)]
    y = [end for row in heights for end in (row, row, None)]
    line = {"color": theme.muted, "width": 2}
    # an axis on top is drawn only where something lies on it
    fig.add_scatter(x=x, y=y, xaxis="x2", mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for index, (side, column) in enumerate(sides.items()):
        fig.add_scatter(
            x=ordered[column].tolist(),
            y=heights,
            mode="markers",
            name=name_label(str(frame[side].iloc[0])),
            marker=series_marker(index, theme),
            hovertext=hovers,
            hovertemplate=HOVERTEXT,
        )
    axis = _log_axis(ordered[list(sides.values())].to_numpy(np.float64), text)
    title = narrow(DUMBBELL[value].label(text)) + more_rows(text, len(frame) - len(ordered))
    fig.update_layout(xaxis={**axis, "title_text": title}, xaxis2={**axis, "overlaying": "x", "side": "top"})
    fig.update_yaxes(**row_axis([name_label(name) for name in ordered["completion"]], theme))
    height = ROW * max(4, len(ordered)) + FOOT + _DUMBBELL_HEAD
    legend = {**LEGEND, "yref": "container", "yanchor": "top"}
    fig.update_layout(
        height=height, showlegend=True, legend=legend, margin_t=_DUMBBELL_HEAD, separators=separators(text)
    )
    return theme.apply(fig)


def _leaning(frame: pd.DataFrame, columns: list[str], each_way: int | None) -> pd.DataFrame:
    """Rows of the completions that are drawn, those that lean most to the first group first."""
    known = frame[(frame[columns] > 0).all(axis=1)]
    lean = np.diff(np.log(known[columns].to_numpy(np.float64)[:, ::-1]), axis=1)[:, 0]
    order = np.argsort(-lean, kind="stable")
    if each_way is not None:
        to_first, to_second = order[lean[order] >= 0], order[lean[order] < 0]
        return known.iloc[np.concatenate([to_first[:each_way], to_second[-each_way:]])]
    most = np.argsort(-np.abs(lean), kind="stable")[:MOST_ROWS]
    return known.iloc[most[np.argsort(-lean[most], kind="stable")]]


def _log_axis(values: NDArray[np.float64], text: Catalogue) -> dict[str, Any]:
    """Settings of a logarithmic axis that shows `values`, with room for half a mark at its ends."""
    ends = np.log10(values)
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (-3.0, 0.0)
    room = max(0.15, 0.05 * (high - low))
    low, high = low - room, high + room
    ticks, words = _log_ticks(low, high, text)
    return {"type": "log", "range": [low, high], "tickvals": ticks, "ticktext": words, "tickangle": 0}


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
