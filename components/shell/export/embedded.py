"""One chart without its page: ``?embed=true&panel=head``, for slides and course pages."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from components.web.embedded_height.embedded_height import embedded_height
from dashboard.i18n import Catalogue

PARAMETER = "panel"
"""Of the link, beside Streamlit's own ``embed``: the name of the chart."""
_SHOWN = "_embedded_shown"
_STYLE = (Path(__file__).parent / "embedded.css").read_text(encoding="utf-8")


def embedded_panel() -> str:
    """The chart that is shown alone; empty: the whole page is shown."""
    return str(st.query_params.get(PARAMETER, "")) if st.context.is_embedded else ""


def begin() -> None:
    """Before a page is drawn: hide what is not the chart."""
    if embedded_panel():
        st.session_state[_SHOWN] = []
        st.html(f"<style>{_STYLE}</style>")


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """The place of a chart that is shown alone, and whether it is this one: the first of that name."""
    names: list[str] = st.session_state[_SHOWN]
    names.append(name)
    if name == embedded_panel() and names.count(name) == 1:
        with st.container(key="embedded"):
            yield True
    else:
        yield False


def end(text: Catalogue) -> None:
    """After a page was drawn: say if it has no such chart, and tell the page around how high this one is."""
    wanted = embedded_panel()
    if not wanted:
        return
    names = list(dict.fromkeys(st.session_state[_SHOWN]))
    if wanted not in names:
        message = text("export.embedded.no_panel", panel=wanted, panels=", ".join(names) or "–")
        st.html(f'<div class="ls-advice" role="alert">{html.escape(message)}</div>')
    embedded_height(key="embedded_height")
