"""The mosaic of all heads, and the map of one of their scores."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import streamlit as st

from components.attention.controls import Look
from components.attention.panels import WEIGHT_DIGITS, row_sums
from components.charts.attention import heatmap as charts
from components.shell.messages import notice, quiet, section
from components.shell.panel import column_heads
from components.shell.pickers import choice_picker
from components.shell.view import View, run_facts
from components.web.head_mosaic.head_mosaic import head_mosaic
from dashboard.engine.api.attention import Tiles, TilesRequest
from dashboard.frames import attention as frames
from dashboard.i18n import Catalogue
from dashboard.scripts.attention import metric_script, mosaic_script
from dashboard.tokens import visible


def tiles(view: View) -> Tiles:
    """Tiles and metrics of this run, with progress."""
    view.run  # noqa: B018 - makes the run first, with its own progress
    return view.answer(TilesRequest(view.key), view.text("work.tiles"))


def mosaic(view: View, head_tiles: Tiles, metrics: pd.DataFrame, look: Look, *, selected: tuple[int, int]) -> None:
    """Every head of every layer in one picture; a click opens a head."""
    text, card, order, without_first = view.text, view.card, look.order, look.without_first
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
            shape=shape,
        )

    shape = _shape(view)
    for layer, reason in card.without_attention[:1]:
        quiet(text("attention.without", layer=layer, count=len(card.without_attention), reason=reason))
    view.panel(
        "mosaic",
        [TilesRequest(view.key)],
        options={"order": order, "without_first": without_first},
        draw=draw,
        figure=partial(charts.mosaic_figure, head_tiles, pairs, captions=captions, hide_first=without_first),
        frame=lambda: frames.mosaic_frame(head_tiles, view.tokens.tokens),
        table=lambda: metrics,
        script=lambda origin: mosaic_script(card, origin),
        heads=column_heads(text, metrics),
        digits=WEIGHT_DIGITS,
        # the question above says how; what is below should be near
        explained=False,
        strip=_facts(view, head_tiles, shape[1]),
        shows=shape[0],
        alt={"heads": card.all_heads, "layers": card.layers, "tokens": len(view.tokens.tokens)},
    )


def _facts(view: View, head_tiles: Tiles, tensors: str) -> list[str]:
    text = view.text
    sent = head_tiles.tiles.nbytes + head_tiles.tiles_without_first.nbytes
    return [
        view.card.weight_formula,
        tensors,
        row_sums(view, head_tiles.row_sum_error),
        text("strip.pooled", block=head_tiles.block) if head_tiles.block > 1 else "",
        text("strip.eight_bit"),
        text("strip.heads_sent", heads=view.card.all_heads, kilobytes=round(sent / 1000)),
        *run_facts(view),
    ]


def _shape(view: View) -> tuple[str, str]:
    """How many weights there are, and the tensors that hold them."""
    text, card, count = view.text, view.card, len(view.tokens.tokens)
    facts = {"layers": card.layers, "heads": card.heads, "tokens": count}
    if card.uneven:
        return text("attention.shape_uneven", **facts), text("attention.tensors_uneven", **facts)
    return text("attention.shape", **facts), text("attention.tensors", **facts)


def _score(text: Catalogue, value: float) -> str:
    return "–" if math.isnan(value) else text.number(value, 2)


def metric_map(view: View, metrics: pd.DataFrame) -> None:
    """One score of every head, layers by heads."""
    text = view.text
    section(text("attention.metric_map"), anchor="scores")
    chart = st.container()
    with st.container(key="metric_controls", horizontal=True, vertical_alignment="bottom"):
        with st.container(width=260):
            metric = choice_picker("attention_metric", text("attention.metric"), text=text, prefix="metrics")
        quiet(text(f"metrics_meaning.{metric}"))
    with chart:
        if metrics[metric].isna().all():
            notice(text("attention.metric_empty"))
        else:
            _metric_panel(view, metrics, metric)


def _metric_panel(view: View, metrics: pd.DataFrame, metric: str) -> None:
    text = view.text
    view.panel(
        "metric_map",
        [TilesRequest(view.key)],
        options={"metric": metric},
        figure=partial(charts.metric_map_figure, metrics, metric),
        frame=lambda: metrics,
        heads=column_heads(text, metrics),
        digits=WEIGHT_DIGITS,
        script=lambda origin: metric_script(view.card, origin, metric),
        strip=[*run_facts(view)],
        alt={"metric": text(f"metrics.{metric}")},
        shows=" · ".join([text(f"metrics.{metric}"), _shape(view)[0]]),
        suffix=metric,
    )
