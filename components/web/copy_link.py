"""A button that copies the page's link."""

from __future__ import annotations

import streamlit as st

from components.web.source import source
from dashboard.i18n import Catalogue

_copy = st.components.v2.component(
    "copy_link",
    html=source("copy_link.html"),
    css=source("controls.css", "copy_link.css"),
    js=source("life.js", "copy_link.js"),
)


def copy_link(*, text: Catalogue, key: str) -> None:
    """Draw the button; where the browser keeps its clipboard closed, the link is shown selected instead."""
    words = {name: text(f"web.copy.{name}") for name in ("copy", "copied", "by_hand", "link")}
    _copy(key=key, data={"words": words})
