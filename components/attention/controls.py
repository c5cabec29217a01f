"""The line of controls below the mosaic: which map is looked at, for which token, and how the pictures are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from components.attention.findings import opening_head
from components.attention.map_picker import Detail
from components.shell.pickers import choice_picker, integer_picker, ranges_input, span_picker, switch
from components.shell.view import View

WINDOW_FROM = 64
"""From so many tokens on, a part of the map can be chosen."""


@dataclass(frozen=True)
class Look:
    """How mosaic and map are drawn."""

    order: str
    """``layer`` or one of the scores of heads."""
    without_first: bool
    own_scale: bool


def controls(view: View, metrics: pd.DataFrame) -> tuple[Look, Detail]:
    """The person's choices for the whole page.

    Args:
        view: of this page.
        metrics: one row a head; they say which head a fresh page opens.
    """
    text, card, count = view.text, view.card, len(view.tokens.tokens)
    first_layer, first_head = opening_head(metrics)
    with st.container(key="attention_controls", horizontal=True, vertical_alignment="bottom"):
        with st.container(width=170):
            what = choice_picker(
                "attention_view",
                text("attention.view"),
                text=text,
                prefix="attention.views",
                help_text=text("attention.view_help"),
            )
        with st.container(width=130):
            layer = integer_picker("attention_layer", text("attention.layer"), card.layers - 1, first_layer)
        with st.container(width=130):
            last = max(card.heads_of(layer), 1) - 1
            head = integer_picker("attention_head", text("attention.head"), last, first_head)
        with st.container(width=130):
            token = integer_picker("attention_token", text("attention.token"), count - 1, count - 1, follow_high=True)
        layers, heads = _heads(view, what, layer, head)
        with st.popover(text("attention.look"), key="attention_look"):
            look = _look(view)
    queries, keys = _part(view, count)
    detail = Detail(
        *(view, what, layer, head, layers, heads, token, queries, keys),
        without_first=look.without_first,
        own_scale=look.own_scale,
    )
    return look, detail


def _heads(view: View, what: str, layer: int, head: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Layers and heads of the map: those named for a mean or a maximum, else the one."""
    if what not in {"mean", "max"}:
        return (layer,), (head,)
    text, card = view.text, view.card
    with st.container(width=120):
        layers = ranges_input("attention_layers", text("attention.layers"), card.layers, text=text)
    with st.container(width=120):
        heads = ranges_input("attention_heads", text("attention.heads"), card.heads, text=text)
    return layers, heads


def _part(view: View, count: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Spans of queries and keys; the whole where the prompt is short."""
    if count <= WINDOW_FROM:
        return (0, count), (0, count)
    text = view.text
    queries_at, keys_at = st.columns(2, gap="medium")
    with queries_at:
        queries = span_picker("attention_queries", text("attention.queries"), count, text("attention.span_help"))
    with keys_at:
        keys = span_picker("attention_keys", text("attention.keys"), count, text("attention.span_help"))
    return queries, keys


def _look(view: View) -> Look:
    text = view.text
    order = choice_picker(
        "attention_order",
        text("attention.order"),
        text=text,
        prefix="metrics",
        help_text=text("attention.order_help"),
    )
    without_first = switch(
        "attention_without_first", text("attention.without_first"), text("attention.without_first_help")
    )
    own_scale = switch("attention_own_scale", text("attention.own_scale"), text("attention.own_scale_help"))
    return Look(order, without_first, own_scale)
