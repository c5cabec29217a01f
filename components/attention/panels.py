"""The panels of the Attention page."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from components.attention.map_picker import LINES_SIDE, MAP_SIDE, Detail
from components.charts.attention import heatmap as charts
from components.shell.messages import quiet, section
from components.shell.panel import Panel, chart_panel
from components.shell.pickers import choice_picker
from components.shell.view import View, run_facts
from components.web.head_mosaic.head_mosaic import head_mosaic
from components.web.token_text.token_text import token_text
from dashboard.engine.api.attention import AttentionRequest, QueryRowsRequest, Tiles, TilesRequest
from dashboard.frames import attention as frames
from dashboard.i18n import Catalogue
from dashboard.run_key import Origin
from dashboard.scripts.attention import (
    combine_script,
    head_script,
    metric_script,
    mosaic_script,
    query_rows_script,
    rollout_script,
)
from dashboard.tokens import Token, visible

WINDOW_FROM = 64
"""From so many tokens on, a part of the map can be chosen."""
FINDINGS = (("induction", 0.4), ("duplicate_token", 0.4), ("previous_token", 0.4), ("first_token", 0.9))
"""Scores from which the headline says in words what a head does here; documented in docs/numbers.md."""
_WORDS = {
    "induction": "induction",
    "duplicate_token": "duplicate",
    "previous_token": "previous",
    "first_token": "first",
}


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
    view: View, found: Tiles, metrics: pd.DataFrame, *, order: str, selected: tuple[int, int], without_first: bool
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
            tiles=found.tiles,
            first_column=found.tiles_without_first,
            order=pairs,
            flow="grid" if order == "layer" else "ordered",
            captions=captions,
            tokens=[visible(token) for token in view.tokens.tokens],
            block=found.block,
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
    sent = found.tiles.nbytes + found.tiles_without_first.nbytes
    chart_panel(
        Panel(
            name="mosaic",
            origins=[TilesRequest(view.key)],
            options={"order": order, "without_first": without_first},
            text=text,
            draw=draw,
            figure=partial(
                charts.mosaic_figure,
                found,
                pairs,
                text=text,
                theme=view.theme,
                captions=captions,
                hide_first=without_first,
            ),
            frame=lambda: frames.mosaic_frame(found, view.tokens.tokens),
            table=lambda: metrics,
            script=lambda origin: mosaic_script(card, origin),
            strip=[
                text("strip.exact"),
                card.weight_formula,
                row_sums(view, found.row_sum_error),
                text("strip.pooled", block=found.block) if found.block > 1 else "",
                text("strip.eight_bit"),
                text("strip.heads_sent", heads=card.all_heads, kilobytes=round(sent / 1000)),
                *run_facts(view),
            ],
            alt={"heads": card.all_heads, "layers": card.layers, "tokens": len(view.tokens.tokens)},
        )
    )


def _score(text: Catalogue, value: float) -> str:
    return "–" if math.isnan(value) else text.number(value, 2)


def row_sums(view: View, error: float) -> str:
    """How far row sums are from 1, in words that fit the family."""
    if np.isnan(error):
        return ""
    return view.text(
        "strip.rows_less" if error > 1e-3 else "strip.rows_sum",
        error=f"{error:.0e}" if error < 1e-3 else view.text.number(error, 3),
    )


def headline(detail: Detail, metrics: pd.DataFrame) -> None:
    """What the detail shows; and in words what the head does, where a documented threshold says so."""
    text = detail.view.text
    facts = {"layer": detail.layer, "head": detail.head, "count": len(detail.pairs), "layers": detail.view.card.layers}
    title = text(f"attention.headline_{detail.what}", **facts)
    if detail.what == "head":
        row = metrics[(metrics["layer"] == detail.layer) & (metrics["head"] == detail.head)].iloc[0]
        found = [name for name, least in FINDINGS if float(row[name]) >= least]
        if found:
            score = text.number(float(row[found[0]]), 2)
            title += " — " + text(f"attention.finding_{_WORDS[found[0]]}", score=score)
    section(title)


def running_text(detail: Detail) -> None:
    """The prompt, each token coloured by the weight that the chosen token gives it; a click chooses another."""
    view, text = detail.view, detail.view.text
    weights = np.zeros(len(detail.tokens), np.float32)
    row = detail.chosen_row().weights[0, 0]
    weights[: len(row)] = np.nan_to_num(row)

    def pick(index: int) -> None:
        st.session_state["attention_token"] = index

    token_text(
        tokens=[visible(token) for token in detail.tokens],
        special=[token.special for token in detail.tokens],
        weights=weights,
        selected=detail.token,
        hover=[f"{i} · {text.number(float(w), 3)}" for i, w in enumerate(weights)],
        lut=view.theme.lut(),
        dark=view.theme.mode == "dark",
        text=text,
        key="attention_text",
        on_pick=pick,
    )
    note = "attention.text_note_dark" if view.theme.mode == "dark" else "attention.text_note"
    quiet(text(note, token=visible(detail.tokens[detail.token]), pos=detail.token))


def weight_map(detail: Detail) -> None:
    """The heatmap of weights: whole and exact, pooled with a note, or an exact part."""
    view, text, tokens = detail.view, detail.view.text, detail.tokens
    found = detail.weights(detail.queries, detail.keys)
    if found.block > 1:
        quiet(text("attention.pooled_note", tokens=len(tokens), block=found.block))
    elif (detail.queries, detail.keys) != ((0, len(tokens)), (0, len(tokens))):
        spans = {"row_start": detail.queries[0], "row_stop": detail.queries[1] - 1}
        spans |= {"col_start": detail.keys[0], "col_stop": detail.keys[1] - 1}
        quiet(text("attention.exact_note", tokens=len(tokens), **spans))
    chart_panel(
        Panel(
            name="head",
            origins=[detail.request(detail.queries, detail.keys, MAP_SIDE)],
            options=detail.options,
            text=text,
            figure=partial(
                charts.head_figure,
                found,
                tokens,
                text=text,
                theme=view.theme,
                own_maximum=detail.own_scale,
                highlight=detail.token,
                # dragging draws the box that becomes the exact part, where there is a part to choose
                drag="select" if len(tokens) > WINDOW_FROM else "zoom",
            ),
            frame=lambda: frames.head_frame(found, tokens),
            table=lambda: frames.weight_table(found, tokens) if found.block == 1 else frames.head_frame(found, tokens),
            script=lambda origin: map_script(detail, origin, detail.queries, detail.keys),
            strip=[
                text("strip.exact"),
                view.card.weight_formula,
                row_sums(view, found.row_sum_error),
                text("strip.pooled", block=found.block) if found.block > 1 else "",
                *run_facts(view),
            ],
            alt={"what": text(f"attention.views.{detail.what}"), "tokens": len(tokens)},
            on_select=_take_box if len(tokens) > WINDOW_FROM else None,
            suffix=detail.suffix,
        )
    )


def _take_box() -> None:
    """A box dragged over the map becomes the exact part."""
    boxes = st.session_state["chart_head"]["selection"]["box"]
    if boxes:
        for axis, key in (("x", "attention_keys"), ("y", "attention_queries")):
            low, high = sorted(boxes[0][axis])
            start = max(round(low), 0)
            st.session_state[key] = (start, max(round(high) + 1, start + 1))


def map_script(
    detail: Detail, origin: Origin, rows: tuple[int, int], cols: tuple[int, int], chart: str | None = None
) -> str:
    """The script that makes this part of the map again, as a map, bars (of one row or column) or lines."""
    card = detail.view.card
    if detail.what == "head":
        return head_script(card, origin, detail.layer, detail.head, rows=rows, cols=cols, chart=chart)
    if detail.what == "rollout":
        return rollout_script(card, origin, rows=rows, cols=cols, chart=chart)
    return combine_script(card, origin, detail.pairs, detail.what, rows=rows, cols=cols, chart=chart)


def token_bars(detail: Detail) -> None:
    """Bars of the chosen token's row and column, and all heads for it."""
    text = detail.view.text
    token = visible(detail.tokens[detail.token])
    section(text("attention.token_title", pos=detail.token, token=token))
    names = [text("attention.looks_at"), text("attention.looked_at"), text("attention.all_heads")]
    row, column, heads = st.tabs(names, key="token_bars", on_change="rerun")
    if row.open:
        with row:
            _row_panel(detail)
    if column.open:
        with column:
            _column_panel(detail)
    if heads.open:
        with heads:
            _all_heads_panel(detail)


def _bars(
    detail: Detail,
    name: str,
    request: AttentionRequest | QueryRowsRequest,
    *,
    frame: pd.DataFrame,
    figure: Callable[..., go.Figure],
    script: Callable[[Origin], str],
) -> None:
    view, text = detail.view, detail.view.text
    chart_panel(
        Panel(
            name=name,
            origins=[request],
            options=detail.options,
            text=text,
            figure=partial(figure, frame, text=text, theme=view.theme),
            frame=lambda: frame,
            script=script,
            strip=[text("strip.exact"), *run_facts(view)],
            alt={"token": detail.token},
            suffix=f"{detail.suffix}-token{detail.token}",
        )
    )


def _row_panel(detail: Detail) -> None:
    frame = frames.row_frame(detail.chosen_row(), 0, 0, detail.tokens)
    whole = (0, len(detail.tokens))
    one = (detail.token, detail.token + 1)
    script = lambda origin: map_script(detail, origin, one, whole)  # noqa: E731
    _bars(detail, "row", detail.row_request, frame=frame, figure=charts.row_figure, script=script)


def _column_panel(detail: Detail) -> None:
    frame = frames.column_frame(detail.chosen_column(), detail.token, detail.tokens)
    whole = (0, len(detail.tokens))
    one = (detail.token, detail.token + 1)
    script = lambda origin: map_script(detail, origin, whole, one)  # noqa: E731
    _bars(detail, "column", detail.column_request, frame=frame, figure=charts.column_figure, script=script)


def _all_heads_panel(detail: Detail) -> None:
    view = detail.view
    request = QueryRowsRequest(view.key, detail.token)
    frame = frames.query_rows_frame(view.engine.answer(request), detail.tokens)
    script = partial(query_rows_script, view.card, query=detail.token)
    _bars(detail, "query_rows", request, frame=frame, figure=charts.query_rows_figure, script=script)


def lines(detail: Detail) -> None:
    """Lines from each token to the tokens that it looks at."""
    view, text, tokens = detail.view, detail.view.text, detail.tokens
    start = (
        detail.queries[0]
        if detail.queries != (0, len(tokens))
        else max(0, min(detail.token - LINES_SIDE // 2, len(tokens) - LINES_SIDE))
    )
    span = (start, min(start + LINES_SIDE, len(tokens)))
    section(
        text("attention.lines"),
        text("attention.lines_window", shown=span[1] - span[0], start=span[0]) if len(tokens) > LINES_SIDE else "",
    )
    found = detail.weights(span, span)
    chart_panel(
        Panel(
            name="lines",
            origins=[detail.request(span, span, MAP_SIDE)],
            options=detail.options,
            text=text,
            figure=partial(charts.lines_figure, found, tokens, text=text, theme=view.theme, chosen=detail.token),
            frame=lambda: frames.head_frame(found, tokens),
            script=lambda origin: map_script(detail, origin, span, span, chart="lines"),
            strip=[text("strip.exact"), *run_facts(view)],
            alt={"tokens": span[1] - span[0]},
            on_select=None,
            suffix=detail.suffix,
        )
    )


def metric_map(view: View, metrics: pd.DataFrame) -> None:
    """One score of every head, layers by heads."""
    text = view.text
    section(text("attention.metric_map"))
    metric = choice_picker("attention_metric", text("attention.metric"), text=text, prefix="metrics")
    quiet(text(f"metrics_meaning.{metric}"))
    chart_panel(
        Panel(
            name="metric_map",
            origins=[TilesRequest(view.key)],
            options={"metric": metric},
            text=text,
            figure=partial(charts.metric_map_figure, metrics, metric, text=text, theme=view.theme),
            frame=lambda: metrics,
            script=lambda origin: metric_script(view.card, origin, metric),
            strip=[text("strip.exact"), *run_facts(view)],
            alt={"metric": text(f"metrics.{metric}")},
            suffix=metric,
        )
    )
