"""Charts of how a prediction forms through the layers, and of what moved it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import bar_figure, hover_token, probability, separators, thinned, tick_label
from components.charts.theme import BAR_ROOM, MONO, ChartTheme, luminance, rgb
from dashboard.i18n import Catalogue

VALUES = ("prob", "entropy", "kl", "followed_prob", "followed_rank")
"""What a cell's colour can say."""
MOST_COLUMNS = 256
"""A wider lens is drawn every so many positions; the table has all."""
MOST_LABELLED = 20
"""Up to so many columns a cell shows its token."""
MOST_BARS = 20
_COLUMNS = {"prob": "prob_1", "entropy": "entropy_nats", "kl": "kl_nats", "followed_prob": "followed_prob"}
_DASHES = ("solid", "dash", "dot", "dashdot")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")
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

    **Reading it:** each cell names the likeliest next token at that layer; follow a column upwards to see it form.

    **Careful:** lower layers are read through a norm and a head that were trained for the last one: an odd token there
    need not be what the model "thinks".

    Args:
        frame: as `dashboard.frames.lens.lens_frame` makes it.
        value: of VALUES; those of a followed token need its columns.
        vocab: size of the vocabulary: the end of the scales of entropy and rank.
        text: the catalogue.
        theme: colours and template.
        pos: a position to mark.
    """
    steps = list(dict.fromkeys(zip(frame["layer"], frame["part"], strict=True)))
    every = frame["pos"].drop_duplicates().tolist()
    shown = every[:: -(-len(every) // MOST_COLUMNS)]
    frame = frame[frame["pos"].isin(shown)]
    shape = (len(steps), len(shown))
    labelled = len(shown) <= MOST_LABELLED
    heatmap = go.Heatmap(
        **_colours(frame, value, vocab),
        colorscale=theme.sequential(),
        hovertext=[_hover(row, value, text) for row in frame.to_dict("records")],
        hovertemplate="%{hovertext}<extra></extra>",
        xgap=int(labelled),
        ygap=1,
    )
    share = (heatmap.z - heatmap.zmin) / (heatmap.zmax - heatmap.zmin)
    heatmap.z = np.asarray(heatmap.z).reshape(shape)
    heatmap.hovertext = np.array(heatmap.hovertext, object).reshape(shape).tolist()
    heatmap.colorbar.title.text = text(f"lens.colours.{value}")
    fig = go.Figure(heatmap)
    if labelled:
        fig.add_traces(_labels(frame["token_1"].tolist(), share, shape, theme))
    x, y = _settled(frame, steps, shown)
    line = {"color": theme.selection, "width": 2}
    fig.add_scatter(x=x, y=y, mode="lines", line=line, name=text("charts.lens.settled"), hoverinfo="skip")
    names = frame["token"].tolist()[: len(shown)]
    ticks = thinned(len(shown), 24, shown.index(pos) if pos in shown else None)
    fig.update_xaxes(
        title_text=text("charts.axis.after"),
        range=[-0.5, len(shown) - 0.5],
        tickmode="array",
        tickvals=ticks,
        ticktext=[tick_label(str(names[i]), shown[i]) for i in ticks],
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


def _colours(frame: pd.DataFrame, value: str, vocab: int) -> dict[str, Any]:
    """(cell,) z, its range, and the marks of its bar."""
    if value == "followed_rank":
        # rank 1 is the far end: more is more likely in every scale of the page
        marks = range(int(np.log10(vocab)) + 1)
        bar = {"tickvals": [-mark for mark in marks], "ticktext": [f"{10**mark}" for mark in marks]}
        z = -np.log10(frame["followed_rank"].to_numpy(np.float64)).astype(np.float32)
        return {"z": z, "zmin": -float(np.log10(vocab)), "zmax": 0, "colorbar": bar}
    z = frame[_COLUMNS[value]].to_numpy(np.float32)
    top = {"entropy": float(np.log(vocab)), "kl": float(z.max()) or 1.0}.get(value, 1.0)
    return {"z": z, "zmin": 0, "zmax": top}


def _labels(tokens: list[str], share: NDArray[Any], shape: tuple[int, int], theme: ChartTheme) -> list[go.Scatter]:
    """Every cell's token, in whichever ink is read better on the cell's colour.

    A heatmap's own text would be grey or white whatever the cell's colour, and unreadable on the middle of the scale.
    """
    names = [tick_label(token, length=int(np.clip(LABEL_ROOM // shape[1], 4, 12))) for token in tokens]
    row, col = np.divmod(np.arange(len(names)), shape[1])
    cells = luminance(theme.lut() / 255)[np.rint(255 * np.clip(share, 0, 1)).astype(int)]
    inks = (theme.text, theme.paper)
    contrast = [_contrast(cells, luminance(rgb(ink))) for ink in inks]
    best = np.argmax(contrast, axis=0)
    return [
        go.Scatter(
            x=col[best == i],
            y=row[best == i],
            mode="text",
            text=[name for name, choice in zip(names, best, strict=True) if choice == i],
            textfont={"family": MONO, "size": 11, "color": ink},
            hoverinfo="skip",
        )
        for i, ink in enumerate(inks)
    ]


def _contrast(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    """Contrast of two relative luminances, 1 to 21 (WCAG 2)."""
    return np.asarray((np.maximum(one, other) + 0.05) / (np.minimum(one, other) + 0.05))


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


def _settled(frame: pd.DataFrame, steps: list[tuple[int, str]], shown: list[int]) -> tuple[list[float], list[float]]:
    """A line below the step from which each position's final token stays on top."""
    place = {step: i for i, step in enumerate(steps)}
    rows = frame[frame["settled"]].to_dict("records")
    level = {row["pos"]: place[row["layer"], row["part"]] - 0.5 for row in rows}
    x = [i + side for i in range(len(shown)) for side in (-0.5, 0.5)]
    return x, [level[pos] for pos in shown for _ in range(2)]


def trajectories_figure(frame: pd.DataFrame, *, value: str, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Lines of some tokens' probability or rank through the layers, after one position.

    **Reading it:** where a line rises, the layers between made that token likelier.

    **Careful:** as in the lens, lower layers are read through a norm and head trained for the last.

    Args:
        frame: as `dashboard.frames.lens.trajectory_frame` makes it.
        value: ``prob`` or ``rank``.
        text: the catalogue.
        theme: colours and template.
    """
    fig = go.Figure()
    labels: list[str] = []
    for place, (token_id, part) in enumerate(frame.groupby("id", sort=False)):
        rows = part.to_dict("records")
        labels = [step_label(row["layer"], row["part"], text) for row in rows]
        name = hover_token(str(part["token"].iloc[0]))
        fig.add_scatter(
            x=list(range(len(part))),
            y=part[value].tolist(),
            name=name,
            mode="lines+markers",
            line={"color": theme.categories[place % 8], "dash": _DASHES[place // 8 % 4], "width": 2},
            marker={"symbol": _MARKERS[place % 8], "size": 7, "color": theme.categories[place % 8]},
            hovertext=[
                f"{name} · id {token_id}<br>{text('charts.lens.step', step=label)}<br>"
                f"p {probability(text, row['prob'])} · {text('charts.rank', rank=row['rank'])}"
                for label, row in zip(labels, rows, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    ticks = thinned(len(labels), 18, len(labels) - 1)
    fig.update_xaxes(
        title_text=text("charts.axis.layer"),
        tickmode="array",
        tickvals=ticks,
        ticktext=[labels[i] for i in ticks],
        range=[-0.5, len(labels) - 0.5],
    )
    fig.update_yaxes(title_text=text(f"charts.axis.{'prob' if value == 'prob' else 'rank_log'}"))
    if value == "prob":
        fig.update_yaxes(range=[-0.02, 1.02])
    else:
        top = float(np.log10(max(10, frame["rank"].max())))
        marks = [10**mark for mark in range(int(top) + 1)]
        fig.update_yaxes(type="log", range=[1.04 * top, -0.06 * top], tickvals=marks, ticktext=[f"{m}" for m in marks])
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"family": MONO}}
    fig.update_layout(height=360, showlegend=True, legend=legend, margin_t=40, separators=separators(text))
    return theme.apply(fig)


def parts_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars: what the embedding, each layer's attention and each layer's MLP add to one logit, largest first.

    **Reading it:** a bar to the right raises the token's logit, one to the left lowers it; with those not drawn they
    sum to the logit.

    **Careful:** a part that raises all tokens alike changes no probability, and what a part does through later layers
    is counted with those layers.

    Args:
        frame: as `dashboard.frames.lens.parts_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    names = [
        text(f"charts.parts.{row['part']}", layer="" if pd.isna(row["layer"]) else row["layer"])
        for row in frame.to_dict("records")
    ]
    return _moved(frame, names, text, theme)


def heads_moved_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Bars: what each head of one layer adds to one logit, largest first.

    **Reading it:** a bar to the right raises the token's logit; all together are what the layer's attention adds.

    **Careful:** only the direct way to the logit is counted, not what a head prepares for later layers.

    Args:
        frame: as `dashboard.frames.lens.heads_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    names = [
        text("charts.parts.rest") if pd.isna(row["head"]) else text("charts.parts.head", head=row["head"])
        for row in frame.to_dict("records")
    ]
    return _moved(frame, names, text, theme)


def _moved(frame: pd.DataFrame, names: list[str], text: Catalogue, theme: ChartTheme) -> go.Figure:
    values = frame["logit"].to_numpy(np.float64)
    order = np.argsort(-np.abs(values), kind="stable")
    shown, hidden = order[:MOST_BARS], order[MOST_BARS:]
    signed = [_signed(text, values[i]) for i in shown]
    more = ""
    if len(hidden):
        more = text("charts.parts.more", count=len(hidden), total=_signed(text, values[hidden].sum()))
    low, high = min(0.0, *values[shown]), max(0.0, *values[shown])
    room = 0.02 * (high - low or 1)
    fig = bar_figure(
        [names[i] for i in shown],
        [float(values[i]) for i in shown],
        signed,
        [f"{names[i]}: {note}" for i, note in zip(shown, signed, strict=True)],
        axis_title=text("charts.axis.moved"),
        theme=theme,
        text=text,
        axis={"range": [low - (room if low < 0 else 0), high + (room if high > 0 else 0)], "zeroline": True},
        more=more,
    )
    colours = [theme.accent if values[i] >= 0 else theme.categories[1] for i in shown]
    return fig.update_traces(marker_color=colours).update_xaxes(zerolinecolor=theme.muted)


def _signed(text: Catalogue, value: float) -> str:
    """Three decimals with their sign."""
    shown = text.number(abs(value), 3)
    return f"−{shown}" if value < 0 else f"+{shown}"
