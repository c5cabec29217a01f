"""One map of weights, of one head or of several, in four forms: heatmap, lines, text and table."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from components.attention.controls import WINDOW_FROM
from components.attention.findings import head_finding
from components.attention.map_picker import LINES_SIDE, MAP_SIDE, Detail
from components.charts.attention import heatmap as charts
from components.shell.messages import quiet, section
from components.shell.panel import column_heads
from components.shell.pickers import choice_picker
from components.shell.view import View, run_facts
from components.web.token_text.token_text import token_text
from dashboard.engine.api.attention import WeightMap
from dashboard.frames import attention as frames
from dashboard.i18n import Catalogue
from dashboard.run_key import Origin
from dashboard.scripts.attention import combine_script, head_script, rollout_script
from dashboard.tokens import visible

WEIGHT_DIGITS = "%.3f"
WEIGHT_COLUMNS = ("query", "query_stop", "query_token", "key", "key_stop", "key_token", "weight")


def row_sums(view: View, error: float) -> str:
    """How far row sums are from 1, in words that fit the family."""
    if np.isnan(error):
        return ""
    return view.text(
        "strip.rows_less" if error > 1e-3 else "strip.rows_sum",
        error=f"{error:.0e}" if error < 1e-3 else view.text.number(error, 3),
    )


def headline(detail: Detail, metrics: pd.DataFrame) -> None:
    """Which map this is; of one head also what it does here, and why a fresh page opens it."""
    more = head_finding(detail.view, metrics, detail.layer, detail.head) if detail.what == "head" else ""
    section(detail.title, more, anchor="map")


def form_picker(detail: Detail) -> str:
    """How the map is shown: ``heatmap``, ``lines``, ``text`` or ``table``."""
    text = detail.view.text
    return choice_picker("attention_chart", text("attention.form"), text=text, prefix="attention.forms", segmented=True)


def weights_panel(detail: Detail, form: str) -> None:
    """The map in the form that was chosen."""
    {"heatmap": _heatmap, "lines": _lines, "text": _text, "table": _table}[form](detail)


def _heatmap(detail: Detail) -> None:
    """Whole and exact, pooled with a note, or an exact part."""
    view, text, tokens = detail.view, detail.view.text, detail.tokens
    weight_map = detail.weights(detail.queries, detail.keys)
    _part_note(detail, weight_map)
    with st.container(key="square_map" if detail.queries == detail.keys else None):
        view.panel(
            "head",
            [detail.request(detail.queries, detail.keys, MAP_SIDE)],
            options=detail.options,
            figure=partial(
                charts.head_figure,
                weight_map,
                tokens,
                own_maximum=detail.own_scale,
                highlight=detail.token,
                # dragging draws the box that becomes the exact part, where there is a part to choose
                drag="select" if len(tokens) > WINDOW_FROM else "zoom",
            ),
            frame=lambda: frames.head_frame(weight_map, tokens),
            table=lambda: _matrix(detail, weight_map),
            digits=WEIGHT_DIGITS,
            heads=_column_heads(text),
            widths={"_index": 150},
            script=lambda origin: map_script(detail, origin, detail.queries, detail.keys),
            strip=_facts(detail, weight_map),
            alt={"what": text(f"attention.views.{detail.what}"), "tokens": len(tokens)},
            on_select=_take_box if len(tokens) > WINDOW_FROM else None,
            suffix=detail.suffix,
            shows=detail.shows,
        )


def _table(detail: Detail) -> None:
    """The weights themselves: rows look, columns are looked at."""
    view, text = detail.view, detail.view.text
    rows, cols = detail.queries, detail.keys
    if max(rows[1] - rows[0], cols[1] - cols[0]) > MAP_SIDE:
        rows = cols = _window(detail)
    weight_map = detail.weights(rows, cols)
    if (rows, cols) == (detail.queries, detail.keys):
        _part_note(detail, weight_map)
    view.panel(
        "matrix",
        [detail.request(rows, cols, MAP_SIDE)],
        options={"without_first": detail.without_first},
        figure=None,
        frame=lambda: frames.head_frame(weight_map, detail.tokens),
        table=lambda: frames.weight_table(weight_map, detail.tokens),
        digits=WEIGHT_DIGITS,
        heads=_column_heads(text),
        widths={"_index": 150},
        script=lambda origin: map_script(detail, origin, rows, cols),
        strip=_facts(detail, weight_map),
        suffix=detail.suffix,
    )


def _matrix(detail: Detail, weight_map: WeightMap) -> pd.DataFrame:
    if weight_map.block > 1:
        return frames.head_frame(weight_map, detail.tokens)
    return frames.weight_table(weight_map, detail.tokens)


def _column_heads(text: Catalogue) -> dict[str, str]:
    """Of a list of weights, and of a matrix whose index are the tokens that look."""
    heads = column_heads(text, WEIGHT_COLUMNS)
    return heads | {"_index": heads["query_token"]}


def _part_note(detail: Detail, weight_map: WeightMap) -> None:
    """Says that cells are pooled, or that only a part of the map is shown."""
    text, count = detail.view.text, len(detail.tokens)
    if weight_map.block > 1:
        quiet(text("attention.pooled_note", tokens=count, block=weight_map.block))
    elif (detail.queries, detail.keys) != ((0, count), (0, count)):
        spans = {"row_start": detail.queries[0], "row_stop": detail.queries[1] - 1}
        spans |= {"col_start": detail.keys[0], "col_stop": detail.keys[1] - 1}
        quiet(text("attention.exact_note", tokens=count, **spans))


def _facts(detail: Detail, weight_map: WeightMap) -> list[str]:
    view = detail.view
    return [
        view.card.weight_formula,
        row_sums(view, weight_map.row_sum_error),
        view.text("strip.pooled", block=weight_map.block) if weight_map.block > 1 else "",
        *run_facts(view),
    ]


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


def _text(detail: Detail) -> None:
    """The prompt, each token coloured by the weight that the chosen token gives it; a click chooses another."""
    view, text, tokens = detail.view, detail.view.text, detail.tokens
    one, whole = (detail.token, detail.token + 1), (0, len(tokens))
    weight_map = detail.weights(one, whole, len(tokens))
    weights = weight_map.weights[0]
    note = "attention.text_note_dark" if view.theme.mode == "dark" else "attention.text_note"

    def pick(index: int) -> None:
        st.session_state["attention_token"] = index

    def draw() -> None:
        token_text(
            tokens=[visible(token) for token in tokens],
            special=[token.special for token in tokens],
            weights=weights,
            selected=detail.token,
            hover=[f"{i} · {'–' if np.isnan(w) else text.number(float(w), 3)}" for i, w in enumerate(weights)],
            lut=view.theme.lut(),
            dark=view.theme.mode == "dark",
            text=text,
            key="attention_text",
            on_pick=pick,
            max_height=420,
        )
        quiet(text(note, token=visible(tokens[detail.token]), pos=detail.token))

    view.panel(
        "text",
        [detail.row_request],
        options=detail.options,
        draw=draw,
        figure=partial(charts.head_figure, weight_map, tokens),
        frame=lambda: frames.head_frame(weight_map, tokens),
        heads=_column_heads(text),
        digits=WEIGHT_DIGITS,
        script=lambda origin: map_script(detail, origin, one, whole, chart="map"),
        strip=[view.card.weight_formula, *run_facts(view)],
        alt={"token": detail.token},
        suffix=f"{detail.suffix}-token{detail.token}",
        shows=f"{detail.shows} · {detail.token_title}",
    )


def _window(detail: Detail) -> tuple[int, int]:
    """A span of tokens that is small enough to be seen exactly, with a note where it is not the whole prompt."""
    count = len(detail.tokens)
    start = detail.queries[0]
    if detail.queries == (0, count):
        start = max(0, min(detail.token - LINES_SIDE // 2, count - LINES_SIDE))
    span = (start, min(start + LINES_SIDE, count))
    if count > LINES_SIDE:
        # up to WINDOW_FROM tokens there is no part to choose, and the span is the one around the chosen token
        note = "attention.window" if count > WINDOW_FROM else "attention.window_of_token"
        quiet(detail.view.text(note, shown=span[1] - span[0], start=span[0]))
    return span


def _lines(detail: Detail) -> None:
    """Lines from each token to the tokens that it looks at."""
    view, text, tokens = detail.view, detail.view.text, detail.tokens
    span = _window(detail)
    weight_map = detail.weights(span, span)
    view.panel(
        "lines",
        [detail.request(span, span, MAP_SIDE)],
        options=detail.options,
        figure=partial(charts.lines_figure, weight_map, tokens, chosen=detail.token),
        frame=lambda: frames.head_frame(weight_map, tokens),
        heads=_column_heads(text),
        digits=WEIGHT_DIGITS,
        script=lambda origin: map_script(detail, origin, span, span, chart="lines"),
        strip=[*run_facts(view)],
        alt={"tokens": span[1] - span[0]},
        suffix=detail.suffix,
        shows=detail.shows,
    )
