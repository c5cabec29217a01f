"""A report from a link is made whole: its views are opened one after another, and each gives its chart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from components.report.collecting import BOARD, contents, entries
from components.shell.messages import quiet
from components.shell.waiting import allow
from dashboard.i18n import Catalogue
from dashboard.navigation import page_file
from dashboard.report.board import Entry
from dashboard.view_state import FIELDS, as_held

_TOUR = "_report_tour"
_SAME = ("lang", "scale")
_PAGE = "report"
_IN_STATE = {"integer", "number", "switch", "span", "ranges"}
"""Kinds of fields that Streamlit binds to their widgets: the session says them, not the address."""


@dataclass(frozen=True)
class _Tour:
    """What is on the way: the report as its address has it, and views."""

    report: dict[str, str | list[str]]
    """Query parameters of the Report page."""
    opened: tuple[str, ...] = ()
    """Digests of the charts whose views were opened so far."""
    page: str = _PAGE
    """That is open now."""
    turn: Entry | None = None
    """The view that is turned to."""


def waiting() -> list[Entry]:
    """Charts of the report that are not here yet."""
    return [entry for entry in entries() if entry.digest not in contents()]


def restore_button(text: Catalogue) -> None:
    """On the Report page: the button that begins, where charts are waiting."""
    if waiting():
        st.button(text("report.restore"), key="report_restore", icon=":material/play_arrow:", on_click=_begin)


def _begin() -> None:
    held: dict[str, str | list[str]] = {BOARD: st.query_params[BOARD]} if BOARD in st.query_params else {}
    st.session_state[_TOUR] = _Tour(held)


def _end() -> None:
    st.session_state.pop(_TOUR, None)


def tour_line(text: Catalogue, slug: str) -> None:
    """On a view that is open for the report: how far it is, and a button that ends it.

    Whoever turns to another page by hand ends it as well.
    """
    tour: _Tour | None = st.session_state.get(_TOUR)
    if tour is None:
        return
    if tour.page != slug:
        _end()
    elif slug != _PAGE:
        with st.container(horizontal=True, vertical_alignment="center", key="report_tour"):
            quiet(text("report.restoring", done=len(tour.opened), all=len(tour.opened) + len(_unopened(tour))))
            st.button(text("report.restore_stop"), key="report_restore_stop", on_click=_end)


def next_view(*, at_work: bool) -> None:
    """At the end of a page's run: on to the next view, or back to the report after the last; else nothing.

    Work that needs a yes is not begun: its chart stays missing.

    Args:
        at_work: whether the page still makes texts; it runs again when they are there.
    """
    tour: _Tour | None = st.session_state.get(_TOUR)
    if tour is None or at_work:
        return
    left = _unopened(tour)
    if left:
        st.session_state[_TOUR] = replace(tour, opened=(*tour.opened, left[0].digest), page=left[0].page, turn=left[0])
        allow()
        st.rerun()
    _end()
    if tour.page != _PAGE:
        st.switch_page(page_file(_PAGE), query_params=_same() | tour.report)


def turn() -> None:
    """Before anything of a page is drawn: turn to the view that is next. Later its widgets could not be set."""
    tour: _Tour | None = st.session_state.get(_TOUR)
    if tour is None or tour.turn is None:
        return
    entry = tour.turn
    st.session_state[_TOUR] = replace(tour, turn=None)
    address: dict[str, str | list[str]] = _same()
    for name, value in entry.link.items():
        if FIELDS[name].kind in _IN_STATE:
            st.session_state[name] = as_held(name, value)
        else:
            address[name] = value
    st.switch_page(page_file(entry.page), query_params=address)


def _same() -> dict[str, str | list[str]]:
    return {name: st.query_params[name] for name in _SAME if name in st.query_params}


def _unopened(tour: _Tour) -> list[Entry]:
    return [entry for entry in waiting() if entry.digest not in tour.opened]
