"""Runs the page again when its visitor switches between light and dark, which Streamlit alone does not."""

from __future__ import annotations

import streamlit as st

from components.web.shared.source import source

_watch = st.components.v2.component(
    "theme_watch",
    html=source("theme_watch/theme_watch.html"),
    js=source("shared/life.js", "theme_watch/theme_watch.js"),
)


def theme_watch(mode: str, *, key: str) -> None:
    """Watch for the switch.

    Args:
        mode: ``light`` or ``dark``, what this run drew with.
        key: widget key.
    """
    _watch(key=key, data={"mode": mode}, on_mode_change=lambda: None)
