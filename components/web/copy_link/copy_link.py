"""The page's link in a field, and a button that copies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from components.web.shared.source import source
from dashboard.i18n import Catalogue

_copy = st.components.v2.component(
    "copy_link",
    html=source("copy_link/copy_link.html"),
    css=source("shared/controls.css", "copy_link/copy_link.css"),
    js=source("shared/life.js", "shared/clipboard.js", "copy_link/copy_link.js"),
)


def copy_link(*, more: Mapping[str, str], without: Sequence[str] = (), text: Catalogue, key: str) -> None:
    """Draw both; where the browser keeps its clipboard closed, the link is selected instead.

    Args:
        more: query parameters that the copied link names although the page's address may leave them out (defaults).
        without: those of the page's address that it leaves out.
        text: the catalogue.
        key: widget key.
    """
    words = {name: text(f"web.copy.{name}") for name in ("copy", "copied", "by_hand", "link")}
    _copy(key=key, data={"words": words, "more": dict(more), "without": list(without)})
