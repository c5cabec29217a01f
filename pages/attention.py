"""Attention: what does each head look at? Mosaic of all heads, then one head (or several, as one map) in detail."""

import streamlit as st

from components.attention import mosaic, panels, token_bars
from components.shell.pickers import choice_picker, integer_picker, ranges_input, span_picker, switch
from components.shell.sidebar import loaded_view
from dashboard.frames.attention import metric_frame

view = loaded_view()
text, card, tokens = view.text, view.card, view.tokens.tokens
tiles = mosaic.tiles(view)
metrics = metric_frame(tiles)

with st.container(key="attention_controls"):
    order_at, layer_at, head_at, switches_at = st.columns([2.2, 1, 1, 2.2], vertical_alignment="bottom")
    with order_at:
        order = choice_picker(
            "attention_order",
            text("attention.order"),
            text=text,
            prefix="metrics",
            help_text=text("attention.order_help"),
        )
    first_layer, first_head = mosaic.opening_head(metrics, tokens)
    with layer_at:
        layer = integer_picker("attention_layer", text("attention.layer"), card.layers - 1, first_layer)
    with head_at:
        head = integer_picker("attention_head", text("attention.head"), max(card.heads_of(layer), 1) - 1, first_head)
    with switches_at, st.container(horizontal=True):
        without_first = switch(
            "attention_without_first", text("attention.without_first"), text("attention.without_first_help")
        )
        own_scale = switch("attention_own_scale", text("attention.own_scale"), text("attention.own_scale_help"))

mosaic.mosaic(view, tiles, metrics, order=order, selected=(layer, head), without_first=without_first)

with st.container(key="detail_controls"):
    view_at, token_at, layers_at, heads_at = st.columns([2.2, 1, 1.6, 1.6], vertical_alignment="bottom")
    with view_at:
        what = choice_picker(
            "attention_view",
            text("attention.view"),
            text=text,
            prefix="attention.views",
            help_text=text("attention.view_help"),
        )
    with token_at:
        token = integer_picker(
            "attention_token", text("attention.token"), len(tokens) - 1, len(tokens) - 1, follow_high=True
        )
    layers: tuple[int, ...] = (layer,)
    heads: tuple[int, ...] = (head,)
    if what in {"mean", "max"}:
        with layers_at:
            layers = ranges_input("attention_layers", text("attention.layers"), card.layers, text=text)
        with heads_at:
            heads = ranges_input("attention_heads", text("attention.heads"), card.heads, text=text)
    whole = (0, len(tokens))
    queries = keys = whole
    if len(tokens) > panels.WINDOW_FROM:
        with layers_at if what in {"head", "rollout"} else st.container():
            queries = span_picker(
                "attention_queries", text("attention.queries"), len(tokens), text("attention.span_help")
            )
        with heads_at if what in {"head", "rollout"} else st.container():
            keys = span_picker("attention_keys", text("attention.keys"), len(tokens), text("attention.span_help"))

detail = panels.Detail(
    view, what, layer, head, layers, heads, token, queries, keys, without_first=without_first, own_scale=own_scale
)
panels.headline(detail, metrics)
panels.running_text(detail)
left, right = st.columns([1.5, 1], gap="medium")
with left:
    panels.weight_map(detail)
with right:
    token_bars.token_bars(detail)
panels.lines(detail)
mosaic.metric_map(view, metrics)
