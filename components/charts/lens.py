"""Charts of how a prediction forms through the layers: the logit lens, and tokens through the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import hover_token, log_axis, probability, separators, step_axis, thinned, tick_label
from components.charts.marks import HOVERTEXT, cell_labels, heatmap
from components.charts.series import DASHES, LEGEND, SYMBOLS, series_marker
from components.charts.theme import BAR_ROOM, MONO, ChartTheme
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import LENS, TRAJECTORIES

MOST_COLUMNS = 256
"""A wider lens is drawn every so many positions; the table has all."""
MOST_LABELLED = 20
"""Up to so many columns a cell shows its token."""
_ROW = 18
LABEL_ROOM = 140
"""Characters of all labels of a row together."""


def step_label(layer: int, part: str, text: Catalogue) -> str:
    """A step of the residual stream, for an axis."""
    if part == "embedding":
        return text("charts.lens.embedding")
    return str(layer) if part == "output" else text("charts.lens.half", layer=layer)


def lens_figure(
    frame: pd.DataFrame, *, value: str, vocab: int, text: Catalogue, theme: ChartTheme, pos: int | None = None
) -> go.Figure:
    """Layers by positions: what the model would say next if it ended there.

    Args:
        frame: as `dashboard.frames.lens.lens_frame` makes it.
        value: of LENS of `dashboard.stats.statistic`; those of a followed token need its columns.
        vocab: size of the vocabulary: the end of the scales of entropy and rank.
        text: the catalogue.
        theme: colours and template.
        pos: a position to mark.
    """
    steps = list(dict.fromkeys(zip(frame["layer"], frame["part"], strict=True)))
    every = frame["pos"].drop_duplicates().tolist()
    columns = every[:: -(-len(every) // MOST_COLUMNS)]
    frame = frame[frame["pos"].isin(columns)]
    cells = _cells(frame, (len(steps), len(columns)), value, vocab, text=text, theme=theme)
    fig = go.Figure(cells)
    if len(columns) <= MOST_LABELLED:
        fig.add_traces(_labels(frame["token_1"].tolist(), cells, theme))
    x, y = _settled(frame, steps, columns)
    line = {"color": theme.selection, "width": 2}
    fig.add_scatter(x=x, y=y, mode="lines", line=line, name=text("charts.lens.settled"), hoverinfo="skip")
    names = frame["token"].tolist()[: len(columns)]
    ticks = thinned(len(columns), 24, columns.index(pos) if pos in columns else None)
    fig.update_xaxes(
        title_text=text("charts.axis.after"),
        range=[-0.5, len(columns) - 0.5],
        tickmode="array",
        tickvals=ticks,
        ticktext=[tick_label(str(names[i]), columns[i]) for i in ticks],
        showgrid=False,
        tickfont={"family": MONO, "size": 11},
    )
    rows = thinned(len(steps), 32)
    fig.update_yaxes(
        title_text=text("charts.axis.layer"),
        range=[-0.5, len(steps) - 0.5],
        tickmode="array",
        tickvals=rows,
        ticktext=[step_label(*steps[row], text) for row in rows],
        showgrid=False,
    )
    height = int(np.clip(_ROW * len(steps), 140, 900)) + BAR_ROOM + 90
    fig.update_layout(height=height, margin_t=BAR_ROOM, separators=separators(text))
    return theme.apply(fig)


def _cells(
    frame: pd.DataFrame, shape: tuple[int, int], value: str, vocab: int, *, text: Catalogue, theme: ChartTheme
) -> go.Heatmap:
    """The coloured cells, (step, position)."""
    statistic = LENS[value]
    z = frame[statistic.column].to_numpy(np.float64 if statistic.logarithmic else np.float32)
    begin, end, bar = 0.0, statistic.scale_end(float(z.max()), vocab=vocab), {}
    if statistic.logarithmic:
        # rank 1 is the far end: more is more likely in every scale of the page
        z, begin, end = -np.log10(z), -float(np.log10(vocab)), 0.0
        powers = range(int(np.log10(vocab)) + 1)
        bar = {"tickvals": [-power for power in powers], "ticktext": [f"{10**power}" for power in powers]}
    hovers = [_hover(row, value, text) for row in frame.to_dict("records")]
    return heatmap(
        z.reshape(shape),
        end,
        statistic.label(text),
        theme=theme,
        begin=begin,
        gap=(int(shape[1] <= MOST_LABELLED), 1),
        colorbar=bar,
        hovertext=np.array(hovers, object).reshape(shape).tolist(),
        hovertemplate=HOVERTEXT,
    )


def _labels(tokens: list[str], cells: go.Heatmap, theme: ChartTheme) -> list[go.Scatter]:
    """Every cell's token."""
    z = np.asarray(cells.z)
    share = (z - cells.zmin) / (cells.zmax - cells.zmin)
    length = int(np.clip(LABEL_ROOM // z.shape[1], 4, 12))
    labels = np.array([tick_label(token, length=length) for token in tokens], object).reshape(z.shape)
    colours = theme.lut()[np.rint(255 * np.clip(share, 0, 1)).astype(int)] / 255
    return cell_labels(labels, colours, theme, size=11)


def _hover(row: dict[Any, Any], value: str, text: Catalogue) -> str:
    """Where, the five likeliest, and what else the cell knows."""
    where = text("charts.lens.where", step=step_label(row["layer"], row["part"], text), pos=row["pos"])
    lines = [f"{where} {hover_token(str(row['token']))}"]
    lines += [
        f"{text.number(row[f'prob_{i}'], 4)}  {hover_token(str(row[f'token_{i}']))}"
        for i in range(1, 6)
        if f"prob_{i}" in row
    ]
    entropy, kl = text.number(row["entropy_nats"], 3), text.number(row["kl_nats"], 3)
    lines.append(text("charts.lens.spread", entropy=entropy, kl=kl))
    if value.startswith("followed"):
        rank = text("charts.rank", rank=row["followed_rank"])
        lines.append(f"{hover_token(str(row['followed_token']))}: p {probability(text, row['followed_prob'])}, {rank}")
    return "<br>".join(lines)


def _settled(frame: pd.DataFrame, steps: list[tuple[int, str]], columns: list[int]) -> tuple[list[float], list[float]]:
    """A line below the step from which each position's final token stays on top."""
    row_of = {step: i for i, step in enumerate(steps)}
    cells = frame[frame["settled"]].to_dict("records")
    level = {cell["pos"]: row_of[cell["layer"], cell["part"]] - 0.5 for cell in cells}
    x = [i + side for i in range(len(columns)) for side in (-0.5, 0.5)]
    return x, [level[pos] for pos in columns for _ in range(2)]


def trajectories_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Lines of some tokens' probability or rank through the layers, after one position.

    Args:
        frame: as `dashboard.frames.lens.trajectory_frame` makes it.
        value: of TRAJECTORIES of `dashboard.stats.statistic`.
        text: the catalogue.
        theme: colours and template.
    """
    fig = go.Figure()
    labels: list[str] = []
    for index, (token_id, part) in enumerate(frame.groupby("id", sort=False)):
        rows = part.to_dict("records")
        labels = [step_label(row["layer"], row["part"], text) for row in rows]
        name = hover_token(str(part["token"].iloc[0]))
        marker = series_marker(index, theme, size=7)
        # eight looks and then another dash: twelve tokens can be followed
        dash = DASHES[index // len(SYMBOLS) % len(DASHES)]
        fig.add_scatter(
            x=list(range(len(part))),
            y=part[value].tolist(),
            name=name,
            mode="lines+markers",
            line={"color": marker["color"], "dash": dash, "width": 2},
            marker={key: marker[key] for key in ("symbol", "size", "color")},
            hovertext=[
                f"{name} · id {token_id}<br>{text('charts.lens.step', step=label)}<br>"
                f"p {probability(text, row['prob'])} · {text('charts.rank', rank=row['rank'])}"
                for label, row in zip(labels, rows, strict=True)
            ],
            hovertemplate=HOVERTEXT,
        )
    fig.update_xaxes(**step_axis(labels, 18, text))
    statistic = TRAJECTORIES[value]
    top = float(np.log10(max(10, frame["rank"].max())))
    axis = log_axis(top, downwards=True) if statistic.logarithmic else {"range": [-0.02, 1.02]}
    fig.update_yaxes(title_text=statistic.label(text), **axis)
    legend = {**LEGEND, "font": {"family": MONO}}
    fig.update_layout(height=360, showlegend=True, legend=legend, margin_t=40, separators=separators(text))
    return theme.apply(fig)
