"""Page set-up and the few style rules that Streamlit's theme settings do not reach."""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from dashboard.i18n import Catalogue

_STYLE = (Path(__file__).parent / "page_style.css").read_text(encoding="utf-8")
_ICON = Path(__file__).parent / "icon.png"


def tab_icon() -> None:
    """Our own icon, before anything else: a page's menu icon would be fetched from elsewhere to stand in the tab."""
    st.set_page_config(page_icon=str(_ICON), layout="wide")


def page_look(text: Catalogue, title: str) -> None:
    """Title and icon of the browser's tab, our style rules, and the page's language for screen readers."""
    st.set_page_config(page_title=f"{title} · Logitscope", page_icon=str(_ICON), layout="wide")
    st.html(f"<style>{_STYLE}</style>")
    # `text.language` is one of our own constants
    st.html(
        f"<script>document.documentElement.lang='{text.language}'</script>",
        unsafe_allow_javascript=True,
    )


def page_head(text: Catalogue, slug: str) -> None:
    """A page's title and the question that it answers."""
    st.html(
        f'<div class="ls-head"><h1>{html.escape(text(f"{slug}.title"))}</h1>'
        f"<p>{html.escape(text(f'{slug}.question'))}</p></div>"
    )
