"""Charts of trees of continuations: what a beam search looked at, and exact probabilities as an icicle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from components.charts.axes import hover_token, separators, tick_label, with_minus, wrapped
from components.charts.marks import HOVERTEXT, colour_bar, ink
from components.charts.sampling.tree_layout import Layout, beam_layout
from components.charts.series import LEGEND
from components.charts.theme import BAR_ROOM, MONO, ChartTheme, luminance, rgb
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import STEP_PROB

BEAM_LABEL = 8
"""Characters of a token in the beam tree."""
ICICLE_LABEL = 24
_FONT = {"family": MONO, "size": 10}
_SLOT = 27
"""Height of a candidate with its label [px]."""
_RAISED, _ABOVE_RING = 0.12, 0.32
"""How far a label stands above where Plotly would write it, and above the ring of a text that ended [slots]."""
_STYLES = {
    "returned": {"symbol": "circle", "size": 9},
    "kept": {"symbol": "circle", "size": 7},
    "finished": {"symbol": "circle-open", "size": 13},
    "pruned": {"symbol": "x-thin", "size": 6},
}


def beam_tree_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme, first: int = 0) -> go.Figure:
    """A beam search from left to right: candidates of every step, kept, pruned or returned.

    Args:
        frame: as `dashboard.frames.trees.beam_frame` makes it.
        text: the catalogue.
        theme: colours and template.
        first: the first step that is drawn, with at most MOST_STEPS of `components.charts.sampling.tree_layout`.
    """
    layout = beam_layout(frame, first)
    rows = frame.iloc[layout.nodes].reset_index(drop=True)
    fig = go.Figure(_edges(rows, layout, theme))
    fig.add_trace(_begins(layout, text, theme))
    for kind in _STYLES:
        chosen = rows["returned"] if kind == "returned" else rows["state"] == kind
        if kind == "kept":
            chosen &= ~rows["returned"]
        if chosen.any():
            fig.add_trace(_nodes(rows, layout, chosen.to_numpy(), kind, text=text, theme=theme))
    for pale in (True, False):
        fig.add_trace(_beam_labels(rows, layout, pale, theme))
    fig.add_trace(_step_numbers(layout, first, theme))
    title = text("charts.beam_tree.steps")
    if layout.cut:
        last = int(frame["step"].max())
        facts = {"first": first, "last": first + layout.steps - 1, "end": last, "nodes": len(frame) - len(rows)}
        title = wrapped(f"{title} · {text('charts.beam_tree.cut', **facts)}")
    fig.update_xaxes(title_text=title, range=[-0.5, layout.width + 0.7], showgrid=False, showticklabels=False)
    fig.update_yaxes(range=[layout.height, -1.2], showgrid=False, showticklabels=False)
    height = int(_SLOT * (layout.height + 1.2)) + 110
    fig.update_layout(height=height, showlegend=True, legend=LEGEND, separators=separators(text))
    return theme.apply(fig)


def _edges(rows: pd.DataFrame, layout: Layout, theme: ChartTheme) -> list[go.Scatter]:
    """Lines from parents, one trace a look: pruned candidates, kept ones, returned texts."""
    returned, pruned = rows["returned"].to_numpy(), (rows["state"] == "pruned").to_numpy()
    looks = [
        (pruned & ~returned, {"color": theme.grid, "width": 1}),
        (~pruned & ~returned, {"color": theme.muted, "width": 1}),
        (returned, {"color": theme.accent, "width": 3}),
    ]
    return [_lines(layout, chosen, line) for chosen, line in looks if chosen.any()]


def _lines(layout: Layout, chosen: Any, line: dict[str, Any]) -> go.Scatter:
    gap = np.full(int(chosen.sum()), np.nan)
    x = np.stack([layout.from_x[chosen], layout.x[chosen], gap], axis=1).ravel()
    y = np.stack([layout.from_y[chosen], layout.y[chosen], gap], axis=1).ravel()
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _begins(layout: Layout, text: Catalogue, theme: ChartTheme) -> go.Scatter:
    """The prompt, and small marks where a band goes on from the tokens that the one above ended with."""
    prompt = [token is None for token in layout.begin_token]
    labels = [
        text("charts.trees.prompt") if token is None else tick_label(token, length=BEAM_LABEL)
        for token in layout.begin_token
    ]
    return go.Scatter(
        x=layout.begin_x,
        y=layout.begin_y,
        mode="markers+text",
        text=labels,
        textposition="top center",
        textfont={**_FONT, "color": theme.muted, "shadow": _halo(theme)},
        marker={
            "symbol": ["square" if is_prompt else "circle" for is_prompt in prompt],
            "size": [9 if is_prompt else 5 for is_prompt in prompt],
            "color": theme.muted,
        },
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _halo(theme: ChartTheme) -> str:
    """A shadow in the paper's colour: lines do not run through words."""
    return ", ".join(f"{x}px {y}px 1px {theme.paper}" for x in (-1, 0, 1) for y in (-1, 0, 1))


def _nodes(
    rows: pd.DataFrame, layout: Layout, chosen: Any, kind: str, *, text: Catalogue, theme: ChartTheme
) -> go.Scatter:
    colour = {"returned": theme.accent, "kept": theme.muted, "finished": theme.text, "pruned": theme.muted}[kind]
    return go.Scatter(
        x=layout.x[chosen],
        y=layout.y[chosen],
        mode="markers",
        name=text(f"charts.beam_tree.{kind}"),
        marker={**_STYLES[kind], "color": colour, "line": {"color": colour, "width": 2 if kind == "finished" else 1}},
        hovertext=[_beam_hover(row, text) for row in rows[chosen].to_dict("records")],
        hovertemplate=HOVERTEXT,
        cliponaxis=False,
    )


def _beam_hover(row: dict[Any, Any], text: Catalogue) -> str:
    score = with_minus(text.number(row["score"], 3))
    facts = text("charts.beam_tree.hover", id=str(row["id"]), step=row["step"], score=score)
    state = text(f"charts.beam_tree.{row['state']}")
    back = f" · {text('charts.beam_tree.returned')}" if row["returned"] else ""
    return f"{hover_token(str(row['token']))}<br>{facts}<br>{state}{back}"


def _beam_labels(rows: pd.DataFrame, layout: Layout, pale: bool, theme: ChartTheme) -> go.Scatter:
    chosen = ((rows["state"] == "pruned") & ~rows["returned"]).to_numpy() == pale
    raised = np.where(rows["state"] == "finished", _ABOVE_RING, _RAISED)
    return go.Scatter(
        x=layout.x[chosen],
        y=(layout.y - raised)[chosen],
        mode="text",
        text=[tick_label(str(token), length=BEAM_LABEL) for token in rows["token"][chosen]],
        textposition="top center",
        textfont={**_FONT, "color": theme.muted if pale else theme.text, "shadow": _halo(theme)},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _step_numbers(layout: Layout, first: int, theme: ChartTheme) -> go.Scatter:
    return go.Scatter(
        x=layout.number_x,
        y=layout.number_y,
        mode="text",
        text=[str(step) for step in range(first, first + layout.steps)],
        textfont={"size": 10, "color": theme.muted},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def probability_tree_figure(frame: pd.DataFrame, *, text: Catalogue, theme: ChartTheme) -> go.Figure:
    """Continuations as an icicle: the height of a tile is the probability of the whole path to it.

    Args:
        frame: as `dashboard.frames.trees.probability_frame` makes it.
        text: the catalogue.
        theme: colours and template.
    """
    rows = frame.to_dict("records")
    split = set(frame["parent"].dropna())
    rest = frame["state"] == "rest"
    colours = _tile_colours(frame, theme)
    fig = go.Figure(
        go.Icicle(
            ids=frame["node"].astype(str),
            parents=["" if pd.isna(parent) else str(parent) for parent in frame["parent"]],
            labels=[_tile_label(row, text) for row in rows],
            # a tile is as high as the tiles that it splits into: their rest makes the sum exact
            values=[0.0 if row["node"] in split else row["prob"] for row in rows],
            branchvalues="remainder",
            sort=False,
            tiling={"orientation": "h", "pad": 1},
            marker={
                "colors": colours,
                "line": {"color": theme.grid, "width": 1},
                "pattern": {
                    "shape": ["/" if is_rest else "" for is_rest in rest],
                    "fgcolor": theme.muted,
                    "bgcolor": theme.paper,
                    "size": 5,
                    "solidity": 0.15,
                },
            },
            textinfo="label",
            leaf={"opacity": 1},
            textfont={"family": MONO, "size": 12, "color": _inks(colours, theme)},
            hovertext=[_tile_hover(row, text) for row in rows],
            hovertemplate=HOVERTEXT,
            pathbar={"thickness": 20, "textfont": {"family": MONO, "size": 12, "color": theme.text}},
            root={"color": theme.grid},
        )
    )
    fig.add_trace(colour_bar(STEP_PROB.label(text), theme, showlegend=False))
    hidden = {"visible": False, "fixedrange": True}
    fig.update_layout(xaxis=hidden, yaxis=hidden, height=560, margin_t=BAR_ROOM)
    fig.update_layout(uniformtext={"minsize": 10, "mode": "hide"}, separators=separators(text))
    return theme.apply(fig)


def _tile_label(row: dict[Any, Any], text: Catalogue) -> str:
    """Token and probability of the way, in one line: many tiles are low."""
    if row["state"] == "prompt":
        return text("charts.trees.prompt")
    name = text("charts.trees.rest") if row["state"] == "rest" else tick_label(str(row["token"]), length=ICICLE_LABEL)
    return f"{name} {_small(row['prob'], text)}"


def _tile_colours(frame: pd.DataFrame, theme: ChartTheme) -> list[str]:
    """The scale's colour of a step's probability; prompt and rests have none."""
    lut = theme.lut()
    return [
        theme.grid
        if state == "prompt"
        else theme.paper
        if state == "rest"
        else "#{:02X}{:02X}{:02X}".format(*lut[round(255 * float(np.clip(prob, 0, 1)))])
        for prob, state in zip(frame["step_prob"], frame["state"], strict=True)
    ]


def _inks(colours: list[str], theme: ChartTheme) -> list[str]:
    """Text or paper, whichever is read better on each of `colours`."""
    cells = luminance(np.array([rgb(colour) for colour in colours]))
    return [(theme.text, theme.paper)[which] for which in ink(cells, theme)]


def _small(prob: float, text: Catalogue) -> str:
    """Three decimals; smaller ones with two significant digits."""
    return text.number(prob, 3) if prob >= 1e-2 else text.number(prob, 1, "e")


def _tile_hover(row: dict[Any, Any], text: Catalogue) -> str:
    way = text("charts.trees.way", prob=_small(row["prob"], text))
    if row["state"] == "prompt":
        return f"{text('charts.trees.prompt')}<br>{way}"
    step = text("charts.trees.step", prob=_small(row["step_prob"], text))
    if row["state"] == "rest":
        return f"{text('charts.trees.others')}<br>{step}<br>{way}"
    what = f"{hover_token(str(row['token']))} · id {row['id']}<br>{step}<br>{way}"
    return f"{what}<br>{text('charts.trees.' + row['state'])}" if row["state"] != "inner" else what
