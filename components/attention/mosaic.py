"""The mosaic of all heads, and the map of one of their scores."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import streamlit as st

from components.attention.panels import row_sums
from components.charts.attention import heatmap as charts
from components.shell.messages import quiet, section
from components.shell.pickers import choice_picker
from components.shell.view import View, run_facts
from components.web.head_mosaic.head_mosaic import head_mosaic
from dashboard.engine.api.attention import Tiles, TilesRequest
from dashboard.frames import attention as frames
from dashboard.i18n import Catalogue
from dashboard.scripts.attention import metric_script, mosaic_script
from dashboard.tokens import Token, visible


def tiles(view: View) -> Tiles:
    """Tiles and metrics of this run, with progress."""
    view.run  # noqa: B018 - makes the run first, with its own progress
    return view.answer(TilesRequest(view.key), view.text("work.tiles"))


def opening_head(metrics: pd.DataFrame, tokens: tuple[Token, ...]) -> tuple[int, int]:
    """The head that a fresh page opens: strongest in induction, else (no token repeats) in looking one back."""
    for name in ("induction", "previous_token"):
        if metrics[name].notna().any() and len(tokens) > 1:
            best = metrics.iloc[int(metrics[name].argmax())]
            return int(best["layer"]), int(best["head"])
    return 0, 0


def mosaic(
    view: View, head_tiles: Tiles, metrics: pd.DataFrame, *, order: str, selected: tuple[int, int], without_first: bool
) -> None:
    """Every head of every layer in one picture; a click opens a head."""
    text, card = view.text, view.card
    pairs = frames.order_heads(metrics, order)
    scores = dict(
        zip(zip(metrics["layer"], metrics["head"], strict=True), metrics.get(order, metrics["layer"]), strict=True)
    )
    captions = ["" if order == "layer" else _score(text, float(scores[pair])) for pair in pairs]

    def pick(layer: int, head: int) -> None:
        st.session_state["attention_layer"] = layer
        st.session_state["attention_head"] = head
        st.session_state["attention_view"] = "head"

    def draw() -> None:
        head_mosaic(
            tiles=head_tiles.tiles,
            first_column=head_tiles.tiles_without_first,
            order=pairs,
            flow="grid" if order == "layer" else "ordered",
            captions=captions,
            tokens=[visible(token) for token in view.tokens.tokens],
            block=head_tiles.block,
            selected=selected,
            hide_first=without_first,
            missing={layer for layer, _ in card.without_attention},
            lut=view.theme.lut(),
            text=text,
            key="mosaic",
            on_pick=pick,
        )

    section(text("attention.mosaic", heads=card.all_heads, layers=card.layers))
    for layer, reason in card.without_attention[:1]:
        quiet(text("attention.without", layer=layer, count=len(card.without_attention), reason=reason))
    sent = head_tiles.tiles.nbytes + head_tiles.tiles_without_first.nbytes
    view.panel(
        "mosaic",
        [TilesRequest(view.key)],
        options={"order": order, "without_first": without_first},
        draw=draw,
        figure=partial(charts.mosaic_figure, head_tiles, pairs, captions=captions, hide_first=without_first),
        frame=lambda: frames.mosaic_frame(head_tiles, view.tokens.tokens),
        table=lambda: metrics,
        script=lambda origin: mosaic_script(card, origin),
        strip=[
            card.weight_formula,
            row_sums(view, head_tiles.row_sum_error),
            text("strip.pooled", block=head_tiles.block) if head_tiles.block > 1 else "",
            text("strip.eight_bit"),
            text("strip.heads_sent", heads=card.all_heads, kilobytes=round(sent / 1000)),
            *run_facts(view),
        ],
        alt={"heads": card.all_heads, "layers": card.layers, "tokens": len(view.tokens.tokens)},
    )


def _score(text: Catalogue, value: float) -> str:
    return "–" if math.isnan(value) else text.number(value, 2)


def metric_map(view: View, metrics: pd.DataFrame) -> None:
    """One score of every head, layers by heads."""
    text = view.text
    section(text("attention.metric_map"))
    metric = choice_picker("attention_metric", text("attention.metric"), text=text, prefix="metrics")
    quiet(text(f"metrics_meaning.{metric}"))
    view.panel(
        "metric_map",
        [TilesRequest(view.key)],
        options={"metric": metric},
        figure=partial(charts.metric_map_figure, metrics, metric),
        frame=lambda: metrics,
        script=lambda origin: metric_script(view.card, origin, metric),
        strip=[*run_facts(view)],
        alt={"metric": text(f"metrics.{metric}")},
        suffix=metric,
    )
