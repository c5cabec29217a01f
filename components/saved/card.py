"""One saved view in the list: what it is, a link that opens it, and what can be done with it."""

from __future__ import annotations

import html
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from components.saved.form import view_form
from components.saved.visitor import visitor
from components.shell.messages import advice
from components.shell.view import View, error_frame
from dashboard import cache
from dashboard.errors import DashboardError, SavedViewChanged
from dashboard.parsing.unreadable import Unreadable
from dashboard.store.saved_view import SavedView, Visitor
from dashboard.tokens import steered_by_none, visible_text

UNDO, PROBLEM = "_saved_undo", "_saved_problem"
"""Of the session: the view that was deleted last, and what an action met."""
_VERSION = "_saved_version"


def card(saved: SavedView, person: Visitor, view: View) -> None:
    """Draw a view."""
    text = view.text
    with st.container(border=True, key=f"saved_{saved.id}"):
        st.html(_description(saved, view))
        if person.may_change(saved.author):
            with st.container(horizontal=True):
                if st.button(text("saved.edit"), key=f"saved_edit_{saved.id}", icon=":material/edit:"):
                    st.session_state[_VERSION] = saved.version
                    st.dialog(text("saved.edit_title"), width="medium")(_edit)(saved, view)
                st.button(
                    text("saved.delete"),
                    key=f"saved_delete_{saved.id}",
                    icon=":material/delete:",
                    on_click=_delete,
                    args=(saved,),
                )


def undo(view: View) -> None:
    """What an action met, and the way back of the last deletion."""
    state, text = st.session_state, view.text
    problem = state.pop(PROBLEM, None)
    if problem is not None:
        advice(text(problem.message_id, **problem.facts))
    if UNDO in state:
        with st.container(horizontal=True, vertical_alignment="center", key="saved_undo_line"):
            deleted = html.escape(text("saved.deleted", title=_literal(state[UNDO].content.title)))
            st.html(f'<p class="ls-note" role="status">{deleted}</p>', width="content")
            st.button(text("saved.undo"), key="saved_undo", icon=":material/undo:", on_click=_restore)


def href(page: str, query: str) -> str:
    """The address of a view, beside this page's own."""
    return f"./{quote(page)}?{query}"


def _description(saved: SavedView, view: View) -> str:
    text, content = view.text, saved.content
    facts = [
        text(f"{content.page}.title") if f"{content.page}.title" in text else content.page,
        saved.model,
        f"“{_literal(saved.excerpt)}”" if saved.excerpt else "",
        _date(saved.changed),
        _literal(saved.author_name),
        text("saved.is_shared") if content.shared and saved.author else "",
    ]
    tags = "".join(f'<span class="ls-saved-tag">{html.escape(_literal(tag))}</span>' for tag in content.tags)
    long = [
        ("saved.note", html.escape(steered_by_none(content.note))),
        ("saved.expected", html.escape(steered_by_none(content.expected))),
        ("saved.control", _control(content.control, view)),
    ]
    rows = "".join(f"<dt>{html.escape(text(name))}</dt><dd>{value}</dd>" for name, value in long if value)
    return (
        f'<p class="ls-card"><a href="{html.escape(href(content.page, content.query))}" target="_self">'
        f"{html.escape(_literal(content.title))}</a> {tags}</p>"
        f'<p class="ls-count">{html.escape(" · ".join(filter(None, facts)))}</p>'
        + (f'<dl class="ls-facts ls-saved-text">{rows}</dl>' if rows else "")
    )


def _control(control: str, view: View) -> str:
    if not control:
        return ""
    page, _, query = control.partition("?")
    label = view.text("saved.open_control", page=view.text(f"{page}.title"))
    return f'<a href="{html.escape(href(page, query))}" target="_self">{html.escape(label)}</a>'


def _literal(words: str) -> str:
    """A text on one line; characters that would steer their neighbours as their codes."""
    return " ".join(visible_text(word) for word in words.split())


def _date(moment: datetime) -> str:
    """In the browser's time zone."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _edit(saved: SavedView, view: View) -> None:
    text, person, views = view.text, visitor(), cache.store().views
    with error_frame(text):
        try:
            written = view_form(saved.content, f"edit_{saved.id}", views.tags(person), person, text)
            if written is None:
                return
            views.change(saved.id, st.session_state[_VERSION], written, person)
        except Unreadable as error:
            advice(text(error.message.id, **error.message.facts))
            return
        except SavedViewChanged as error:
            st.session_state[_VERSION] = error.facts["version"]  # who sends it again has been told
            raise
        st.rerun()


def _delete(saved: SavedView) -> None:
    state = st.session_state
    try:
        cache.store().views.delete(saved.id, visitor())
        state[UNDO] = saved
    except DashboardError as error:
        state[PROBLEM] = error


def _restore() -> None:
    state = st.session_state
    saved: SavedView = state.pop(UNDO)
    try:
        cache.store().views.restore(saved.id, visitor())
    except DashboardError as error:
        state[PROBLEM] = error
