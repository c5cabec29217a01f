"""The mosaic as a figure, for exports: every head of every layer in one picture (the page draws it on a canvas)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from components.charts.axes import first_hidden, separators
from components.charts.marks import HOVERTEXT, colour_bar
from components.charts.theme import BAR_ROOM, ChartTheme
from dashboard.engine.api.arrays import Bytes
from dashboard.engine.api.attention import Tiles
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import WEIGHT

MOST_CELLS = 1_300_000
"""A mosaic has at most so many cells (1.75 MB as JSON); larger ones are pooled further, and that is said."""
_CAPTION = 34
"""Height of the two lines below a tile [px]."""


@dataclass(frozen=True)
class _Plan:
    """Where tiles stand, in cells: tile (row, col) begins at (row * pitch_y, col * pitch_x)."""

    slots: NDArray[np.intp]
    """(tile, 2) row and column of each tile."""
    side: int
    """Cells of a tile along each side."""
    edge: int
    """Width of a tile [px]."""
    flows: bool
    """Tiles stand in reading order with captions; else layers from left to right, heads from top to bottom."""

    @property
    def rows(self) -> int:
        return int(self.slots[:, 0].max()) + 1

    @property
    def cols(self) -> int:
        return int(self.slots[:, 1].max()) + 1

    @property
    def pitch_x(self) -> float:
        return self.side + self.side / self.edge * (8 if self.flows else 1)

    @property
    def pitch_y(self) -> float:
        return self.side + self.side / self.edge * (_CAPTION + 6 if self.flows else 1)

    def edges(self, count: int, pitch: float) -> NDArray[np.float64]:
        """Borders of the cells along one axis: `side` cells a tile, then one for the space to the next."""
        starts = np.arange(count)[:, None] * pitch + np.arange(self.side + 1) - 0.5
        return np.append(starts.reshape(-1), count * pitch - 0.5)

    def centres(self, count: int, pitch: float) -> list[float]:
        """Middle of each tile along one axis."""
        return [i * pitch + (self.side - 1) / 2 for i in range(count)]


def mosaic_figure(
    tiles: Tiles,
    order: Sequence[tuple[int, int]],
    *,
    text: Catalogue,
    theme: ChartTheme,
    captions: Sequence[str] = (),
    hide_first: bool = False,
) -> go.Figure:
    """Every head of every layer in one picture.

    Args:
        tiles: of every head.
        order: (layer, head) pairs to draw.
        text: the catalogue.
        theme: colours and template.
        captions: one a pair: the heads flow in reading order with these below them; none or all empty: layers from
            left to right, heads from top to bottom.
        hide_first: leave out what heads give to token 0.
    """
    pairs = np.asarray(order, dtype=np.intp).reshape(-1, 2)
    drawn = tiles.tiles[pairs[:, 0], pairs[:, 1]]
    if hide_first:
        drawn[:, :, 0] = tiles.tiles_without_first[pairs[:, 0], pairs[:, 1]]
    drawn, factor = _pooled(drawn, MOST_CELLS // len(pairs))
    flows = any(captions)
    slots = _reading_order(len(pairs)) if flows else pairs[:, ::-1]
    edge = 64 if flows else int(np.clip(1400 // (slots[:, 1].max() + 1), 24, 64))
    plan = _Plan(slots, drawn.shape[-1], edge, flows)
    names = [text("charts.head_name", layer=layer, head=head) for layer, head in order]
    bar = colour_bar(WEIGHT.label(text), theme)
    fig = go.Figure([_image(drawn, plan, theme), _hover(names, captions, plan, theme), bar])
    fig.add_trace(_frames(plan, theme))
    if flows:
        fig.add_trace(_captions(order, captions, plan))
    notes = [text("charts.cells", block=tiles.block * factor)] if tiles.block * factor > 1 else []
    notes += [first_hidden(1, text)] if hide_first else []
    _axes(fig, plan, theme, " · ".join(notes))
    fig.update_layout(separators=separators(text))
    return theme.apply(fig)


def _pooled(tiles: Bytes, most: int) -> tuple[NDArray[np.uint8], int]:
    """(tile, side, side) max-pooled by the smallest power of two with at most `most` cells a tile, and that factor."""
    factor = 1
    while tiles.shape[-1] > 1 and (tiles.shape[-1] + 1) ** 2 > most:
        pad = tiles.shape[-1] % 2
        padded = np.pad(tiles, ((0, 0), (0, pad), (0, pad)))
        half = padded.shape[-1] // 2
        tiles = padded.reshape(-1, half, 2, half, 2).max(axis=(2, 4))
        factor *= 2
    return tiles, factor


def _reading_order(count: int) -> NDArray[np.intp]:
    """(count, 2) row and column of each tile, so that the picture is about 3 wide to 2 high."""
    columns = max(1, int(np.ceil(np.sqrt(count * 1.5 * (64 + _CAPTION) / 72))))
    return np.stack(np.divmod(np.arange(count), columns), axis=1)


def _image(tiles: Bytes, plan: _Plan, theme: ChartTheme) -> go.Heatmap:
    """All tiles as one picture: 0 where nothing can be, else 1 + the weight in 254 steps.

    So the upper triangle and the space between tiles stay paper with every colour scale.
    """
    side = plan.side
    picture = np.zeros((plan.rows * (side + 1), plan.cols * (side + 1)), dtype=np.uint8)
    exists = np.tri(side, dtype=bool)
    for tile, (row, col) in zip(tiles, plan.slots, strict=True):
        if tile.any():  # a layer without attention has no map
            y, x = row * (side + 1), col * (side + 1)
            picture[y : y + side, x : x + side] = np.where(exists, 1 + np.rint(tile * (254 / 255)), 0)
    scale = theme.sequential()
    paper = [[0.0, theme.paper], [0.5 / 255, theme.paper], [0.5 / 255, scale[0][1]]]
    return go.Heatmap(
        z=picture,
        x=plan.edges(plan.cols, plan.pitch_x),
        y=plan.edges(plan.rows, plan.pitch_y),
        zmin=0,
        zmax=255,
        colorscale=paper + [[(1 + 254 * float(at)) / 255, colour] for at, colour in scale],
        showscale=False,
        hoverinfo="skip",
    )


def _hover(names: Sequence[str], captions: Sequence[str], plan: _Plan, theme: ChartTheme) -> go.Heatmap:
    """An invisible cell a head that says which it is."""
    labels = np.full((plan.rows, plan.cols), "", dtype=object)
    for i, (row, col) in enumerate(plan.slots):
        labels[row, col] = f"{names[i]} · {captions[i]}" if captions and captions[i] else names[i]
    return go.Heatmap(
        z=np.where(labels == "", np.nan, 0.0),
        x=plan.centres(plan.cols, plan.pitch_x),
        y=plan.centres(plan.rows, plan.pitch_y),
        hovertext=labels.tolist(),
        hovertemplate=HOVERTEXT,
        hoverongaps=False,
        opacity=0,
        showscale=False,
        colorscale=theme.sequential(),
    )


def _frames(plan: _Plan, theme: ChartTheme) -> go.Scatter:
    """A thin frame around every tile, as one trace."""
    line_width = plan.side / plan.edge  # [cells]
    low, high, gap = -0.5 - line_width / 2, plan.side - 0.5 + line_width / 2, np.nan
    x = plan.slots[:, 1:] * plan.pitch_x + np.array([low, high, high, low, low, gap])
    y = plan.slots[:, :1] * plan.pitch_y + np.array([low, low, high, high, low, gap])
    line = {"color": theme.grid, "width": 1}
    return go.Scatter(x=x.reshape(-1), y=y.reshape(-1), mode="lines", line=line, hoverinfo="skip")


def _captions(order: Sequence[tuple[int, int]], captions: Sequence[str], plan: _Plan) -> go.Scatter:
    return go.Scatter(
        x=plan.slots[:, 1] * plan.pitch_x - 0.5,
        y=plan.slots[:, 0] * plan.pitch_y + plan.side - 0.5,
        mode="text",
        text=[f"L{layer} H{head}<br>{caption}" for (layer, head), caption in zip(order, captions, strict=True)],
        textposition="bottom right",
        textfont={"size": 11},
        hoverinfo="skip",
    )


def _axes(fig: go.Figure, plan: _Plan, theme: ChartTheme, note: str) -> None:
    plain: dict[str, Any] = {"showgrid": False, "showticklabels": not plan.flows, "tickmode": "array"}
    # every label fits from 26 px on
    every = 1 if plan.edge >= 26 else 2
    centres = {"x": plan.centres(plan.cols, plan.pitch_x), "y": plan.centres(plan.rows, plan.pitch_y)}
    fig.update_xaxes(
        **plain,
        range=[-1, plan.cols * plan.pitch_x - 0.5],
        side="top",
        tickvals=centres["x"][::every],
        ticktext=[f"L{i}" for i in range(0, plan.cols, every)],
    )
    fig.update_yaxes(
        **plain,
        range=[plan.rows * plan.pitch_y - 0.5, -1],
        tickvals=centres["y"],
        ticktext=[f"H{i}" for i in range(plan.rows)],
    )
    margin = {"l": 8 if plan.flows else 40, "r": 8, "t": BAR_ROOM + (0 if plan.flows else 18), "b": 28 if note else 8}
    cell = plan.edge / plan.side
    fig.update_layout(
        width=max(340, round(plan.cols * plan.pitch_x * cell) + margin["l"] + margin["r"]),
        height=round(plan.rows * plan.pitch_y * cell) + margin["t"] + margin["b"],
        margin=margin,
    )
    if note:
        at = {"xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "yshift": -6}
        fig.add_annotation(text=note, showarrow=False, font={"size": 12, "color": theme.muted}, **at)
