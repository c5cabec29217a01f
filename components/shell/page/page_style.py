"""Page set-up and the few style rules that Streamlit's theme settings do not reach."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from components.shell.prompt import pending_line
from components.web.theme_watch.theme_watch import theme_watch
from dashboard.i18n import Catalogue
from dashboard.navigation import page_at

_SHEETS = [Path(__file__).parent / "page_style.css", *sorted(Path(__file__).parents[2].glob("*/*.css"))]
"""Ours, then those of each feature; a page has them all, so that nothing changes its look when another page opens."""
_STYLE = "\n".join(sheet.read_text(encoding="utf-8") for sheet in dict.fromkeys(_SHEETS))
_DARK_PRINT = (Path(__file__).parent / "dark_print.css").read_text(encoding="utf-8")
_ICON = Path(__file__).parent / "icon.png"


def tab_icon() -> None:
    """Our own icon, before anything else: a page's menu icon would be fetched from elsewhere to stand in the tab."""
    st.set_page_config(page_icon=str(_ICON), layout="wide")


def page_look(text: Catalogue, title: str) -> None:
    """Title and icon of the browser's tab, our style rules for the visitor's theme, the page's language."""
    st.set_page_config(page_title=f"{title} · Logitscope", page_icon=str(_ICON), layout="wide")
    sidebar = json.dumps(text("sidebar.button"), ensure_ascii=False)  # one of our own texts, as a string of CSS
    style = _STYLE + _DARK_PRINT if st.context.theme.type == "dark" else _STYLE
    st.html(f"<style>:root {{ --ls-sidebar: {sidebar}; }}\n{style}</style>")
    # `text.language` is one of our own constants
    st.html(
        f"<script>document.documentElement.lang='{text.language}'</script>",
        unsafe_allow_javascript=True,
    )
    theme_watch("dark" if st.context.theme.type == "dark" else "light", key="theme_watch")


def page_bar(pages: Sequence[StreamlitPage]) -> None:
    """Links to all pages, on a narrow screen only: there the menu lies in the sidebar, which is shut."""
    with st.container(key="page_bar", horizontal=True):
        for page in pages:
            st.page_link(page)


def page_head(text: Catalogue, slug: str, prompt: str) -> None:
    """A page's title and the question that it answers; while another prompt is typed, which one the charts show."""
    pending = pending_line(text, prompt) if page_at(slug).uses_prompt else ""
    st.html(
        f'<div class="ls-head"><h1>{html.escape(text(f"{slug}.title"))}</h1>'
        f'<p class="ls-question">{html.escape(text(f"{slug}.question"))}</p>'
        f'<p class="ls-pending" aria-hidden="true">{html.escape(pending)}</p></div>'
    )
