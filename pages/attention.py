"""Attention: what does each head look at? Mosaic of all heads, then one head (or several, as one map) in detail."""

import streamlit as st

from components.attention import mosaic, panels
from components.attention.controls import controls
from components.attention.findings import page_finding
from components.attention.token_bars import token_bars
from components.shell.messages import finding
from components.shell.sections import section_bar
from components.shell.sidebar import loaded_view
from components.shell.waiting import drawn_first
from dashboard.frames.attention import metric_frame

view = loaded_view()
section_bar(view, {name: view.text(f"attention.sections.{name}") for name in ("heads", "map", "scores")})
tiles = mosaic.tiles(view)
metrics = metric_frame(tiles)
finding(page_finding(view, metrics))
mosaic_place = st.container()
look, detail = controls(view, metrics)
with mosaic_place:
    mosaic.mosaic(view, tiles, metrics, look, selected=(detail.layer, detail.head))
drawn_first("mosaic")

with st.container(key="mosaic_detail"):
    panels.headline(detail, metrics)
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        form = panels.form_picker(detail)
    if form == "table":  # needs the whole width; the bars follow below
        left = right = st.container()
    with left:
        panels.weights_panel(detail, form)
    with right:
        token_bars(detail)
mosaic.metric_map(view, metrics)
