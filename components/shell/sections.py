"""The sections of a page: the bar that leads to them, and folds that the link keeps open.

Headings are those of `messages.section` with an anchor.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from components.shell import link
from components.shell.view import View
from components.web.page_sections.page_sections import page_sections


def section_bar(view: View, sections: Mapping[str, str]) -> None:
    """The bar "On this page", which stays in view; the link holds the section in view as ``at``.

    Args:
        view: the page's.
        sections: anchor -> title, in the page's order, each a choice of ``at`` in `dashboard.view_state.FIELDS`.
    """
    page_sections(sections, text=view.text, key="page_sections")


def fold_state(key: str, *, opened: bool = False) -> bool:
    """Whether a fold will be open, before it is drawn: as the link says, else as it was left, on any page.

    Args:
        key: switch of FIELDS.
        opened: whether it is open the first time where the link does not say.
    """
    state = st.session_state
    if key not in state and key not in st.query_params:
        state[key] = state.get(_left(key), opened)
    return bool(state.get(key, st.query_params.get(key) == "true"))


def fold(key: str, label: str, *, opened: bool = False) -> ExpanderContainer:
    """A part of a page behind its heading `label`, with ``open``; for `key` and `opened` see `fold_state`."""
    fold_state(key, opened=opened)
    part = st.expander(label, key=key, on_change="rerun", bind=link.binding(key))
    st.session_state[_left(key)] = bool(part.open)
    return part


def _left(key: str) -> str:
    """Where the session keeps how a fold was left."""
    return f"_fold_{key}"
