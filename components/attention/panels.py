"""The panels of one head, or of several as one map: headline, running text, heatmap and lines."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from components.attention.map_picker import LINES_SIDE, MAP_SIDE, Detail
from components.charts.attention import heatmap as charts
from components.shell.messages import quiet, section
from components.shell.view import View, run_facts
from components.web.token_text.token_text import token_text
from dashboard.frames import attention as frames
from dashboard.run_key import Origin
from dashboard.scripts.attention import combine_script, head_script, rollout_script
from dashboard.tokens import visible

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
    view.panel(
        "head",
        [detail.request(detail.queries, detail.keys, MAP_SIDE)],
        options=detail.options,
        figure=partial(
            charts.head_figure,
            found,
            tokens,
            own_maximum=detail.own_scale,
            highlight=detail.token,
            # dragging draws the box that becomes the exact part, where there is a part to choose
            drag="select" if len(tokens) > WINDOW_FROM else "zoom",
        ),
        frame=lambda: frames.head_frame(found, tokens),
        table=lambda: frames.weight_table(found, tokens) if found.block == 1 else frames.head_frame(found, tokens),
        script=lambda origin: map_script(detail, origin, detail.queries, detail.keys),
        strip=[
            view.card.weight_formula,
            row_sums(view, found.row_sum_error),
            text("strip.pooled", block=found.block) if found.block > 1 else "",
            *run_facts(view),
        ],
        alt={"what": text(f"attention.views.{detail.what}"), "tokens": len(tokens)},
        on_select=_take_box if len(tokens) > WINDOW_FROM else None,
        suffix=detail.suffix,
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
    view.panel(
        "lines",
        [detail.request(span, span, MAP_SIDE)],
        options=detail.options,
        figure=partial(charts.lines_figure, found, tokens, chosen=detail.token),
        frame=lambda: frames.head_frame(found, tokens),
        script=lambda origin: map_script(detail, origin, span, span, chart="lines"),
        strip=[*run_facts(view)],
        alt={"tokens": span[1] - span[0]},
        suffix=detail.suffix,
    )
