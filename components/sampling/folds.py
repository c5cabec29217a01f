"""Folds of the page: drawn and computed while they are open, and open in the link."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from components.shell import link
from components.shell.view import View, error_frame


def fold(view: View, key: str, label: str, draw: Callable[[], None], *, opened: bool = False) -> None:
    """A part of the page behind its heading; what goes wrong in it is said in it.

    Args:
        view: of the page.
        key: switch of FIELDS.
        label: the heading.
        draw: draws what is inside; called while it is open.
        opened: whether it is open where neither the person nor the link says.
    """
    state, last = st.session_state, f"_fold_{key}"
    if key not in state and key not in st.query_params:
        state[key] = state.get(last, opened)
    part = st.expander(label, key=key, on_change="rerun", bind=link.binding(key))
    state[last] = bool(part.open)
    if part.open:
        with part, error_frame(view.text):
            draw()
