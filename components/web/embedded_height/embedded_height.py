"""Tells the page around, by ``postMessage``, how high an embedded chart is."""

from __future__ import annotations

import streamlit as st

from components.web.shared.source import source

_height = st.components.v2.component(
    "embedded_height",
    html=source("embedded_height/embedded_height.html"),
    js=source("shared/life.js", "embedded_height/embedded_height.js"),
)


def embedded_height(*, key: str) -> None:
    """Send ``{type: "logitscope:height", height}`` [CSS px] at first and whenever it changes.

    Args:
        key: widget key.
    """
    _height(key=key)
