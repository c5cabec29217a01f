"""The list of saved views: searched, narrowed by tags, in order, some at a time."""

from __future__ import annotations

import json
import math
from typing import cast

import streamlit as st

from components.saved.card import card, undo
from components.saved.transfer import export_buttons, import_box
from components.saved.visitor import visitor, who_sees
from components.shell import link
from components.shell.messages import quiet, section
from components.shell.pickers import choice_picker
from components.shell.view import View
from dashboard import cache
from dashboard.parsing.strict_json import read_json
from dashboard.parsing.unreadable import Unreadable
from dashboard.store.saved_view import Order, Visitor
from dashboard.view_state import Dropped

SEARCH, TAGS, ORDER, PART = "saved_search", "saved_tags", "saved_order", "saved_part"
PICKED = "saved_tags_picked"
IN_A_PART = 20


def listing(view: View) -> None:
    """Who sees what, the controls, and the views. Raises as `SavedViews.find`."""
    text, person = view.text, visitor()
    with st.container(horizontal=True, vertical_alignment="center"):
        who_sees(text, person)
    opening = st.empty()
    with opening:
        quiet(text("saved.opening"))
    views = cache.store().views
    counts = views.tags(person)
    opening.empty()
    search, tags, order = _controls(view, counts)
    undo(view)
    link.text_state(PART, "1")
    part = int(st.session_state[PART]) if st.session_state[PART].isdecimal() else 1
    found = views.find(person, search=search, tags=tags, order=order, offset=(part - 1) * IN_A_PART, limit=IN_A_PART)
    parts = max(1, math.ceil(found.total / IN_A_PART))
    if not 1 <= part <= parts:  # of an old link, or after a deletion
        part = min(max(part, 1), parts)
        offset = (part - 1) * IN_A_PART
        found = views.find(person, search=search, tags=tags, order=order, offset=offset, limit=IN_A_PART)
    st.session_state[PART] = str(part)
    link.text_written(PART, "1")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f'<p class="ls-count">{text("saved.count", count=found.total)}</p>')
        everything = lambda: views.find(person, search=search, tags=tags, order=order).views  # noqa: E731
        export_buttons(view, found.total, everything)
        import_box(view, person)
    if not found.total:
        _empty(view, bool(search or tags), person)
    for saved in found.views:
        card(saved, person, view)
    if parts > 1:
        _parts(view, part, parts)


def _controls(view: View, counts: dict[str, int]) -> tuple[str, list[str], Order]:
    text = view.text
    search_at, tags_at, order_at = st.columns([2, 2, 1])
    with search_at:
        link.text_state(SEARCH, "")
        st.text_input(
            text("saved.search"),
            key=SEARCH,
            placeholder=text("saved.search_placeholder"),
            max_chars=200,
            persist_state="session",
            on_change=_first_part,
        )
        link.text_written(SEARCH, "")
    with tags_at:
        picked = _tags_picker(view, counts)
    with order_at:
        order = choice_picker(ORDER, text("saved.order"), text=text, prefix="saved.orders")
    return st.session_state[SEARCH], picked, cast(Order, order)


def _tags_picker(view: View, counts: dict[str, int]) -> list[str]:
    """Tags that a view must bear, all of them; the link carries them as a list in JSON."""
    state = st.session_state
    link.list_state(TAGS)
    state[PICKED] = _read_tags(state[TAGS])
    st.multiselect(
        view.text("saved.tags"),
        sorted({*counts, *state[PICKED]}),
        key=PICKED,
        format_func=lambda tag: f"{tag} ({view.text.number(counts.get(tag, 0))})",
        placeholder=view.text("saved.tags_filter"),
        on_change=_tags_picked,
        persist_state="session",
    )
    link.list_written(TAGS)
    picked: list[str] = state[PICKED]
    return picked


def _read_tags(written: str) -> list[str]:
    try:
        tags = read_json(written) if written else []
    except Unreadable:
        tags = None
    if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
        return list(dict.fromkeys(tags))
    link.drop(Dropped(TAGS, written[:40], "damaged"))
    st.session_state[TAGS] = ""
    return []


def _tags_picked() -> None:
    state = st.session_state
    state[TAGS] = json.dumps(state[PICKED], ensure_ascii=False) if state[PICKED] else ""
    _first_part()


def _first_part() -> None:
    st.session_state[PART] = "1"


def _turn(part: int) -> None:
    st.session_state[PART] = str(part)


def _empty(view: View, narrowed: bool, person: Visitor) -> None:
    """What to do where there is nothing to show."""
    text = view.text
    if narrowed:
        quiet(text("saved.none_found"))
    else:
        section(text("saved.none"), text("saved.none_how" if person.may_save else "saved.none_shared"))


def _parts(view: View, part: int, parts: int) -> None:
    text = view.text
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="center"):
        for name, other, icon in (("before", part - 1, "chevron_left"), ("after", part + 1, "chevron_right")):
            st.button(
                text(f"saved.{name}"),
                key=f"saved_{name}",
                icon=f":material/{icon}:",
                disabled=not 1 <= other <= parts,
                on_click=_turn,
                args=(other,),
            )
            if name == "before":
                st.html(f'<p class="ls-count">{text("saved.part", part=part, parts=parts)}</p>', width="content")
