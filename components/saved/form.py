"""The form of a saved view: title, note, tags, what was expected, and the view that it is compared with."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboard.i18n import Catalogue
from dashboard.store.saved_view import (
    MOST_CHARACTERS,
    MOST_TAGS,
    TAG_CHARACTERS,
    ViewContent,
    Visitor,
    written_link,
)

_OPTIONS = 200
"""So many of the tags that there are can be picked; any other can be typed."""


def view_form(
    content: ViewContent, key: str, tags: dict[str, int], person: Visitor, text: Catalogue
) -> ViewContent | None:
    """Draw the form; gives what was written when it was sent.

    Args:
        content: what it begins with.
        key: of the form and its widgets.
        tags: that there are, with how many views bear each.
        person: who writes.
        text: the catalogue.

    Raises:
        Unreadable: what was written cannot be saved.
    """
    common, limit = sorted(tags, key=lambda tag: -tags[tag])[:_OPTIONS], MOST_CHARACTERS
    with st.form(key, border=False):
        title = st.text_input(text("saved.title_label"), content.title, limit["title"], key=f"{key}_title")
        note = st.text_area(text("saved.note"), content.note, 100, limit["note"], key=f"{key}_note")
        picked = st.multiselect(
            text("saved.tags"),
            sorted({*common, *content.tags}),
            list(content.tags),
            key=f"{key}_tags",
            accept_new_options=True,
            max_selections=MOST_TAGS,
            placeholder=text("saved.tags_placeholder"),
            help=text("saved.tags_help", characters=TAG_CHARACTERS),
        )
        expected = st.text_area(
            text("saved.expected"),
            content.expected,
            80,
            limit["expected"],
            key=f"{key}_expected",
            help=text("saved.expected_help"),
        )
        control = st.text_input(
            text("saved.control"),
            content.control,
            limit["control"],
            key=f"{key}_control",
            help=text("saved.control_help"),
        )
        shared = content.shared
        if person.sign_in:
            shared = st.checkbox(text("saved.shared"), shared, key=f"{key}_shared")
        if not st.form_submit_button(text("saved.save"), type="primary", key=f"{key}_send"):
            return None
    written = replace(
        content,
        title=title.strip(),
        note=note,
        tags=tuple(sorted({" ".join(tag.split()) for tag in picked})),
        expected=expected,
        control=written_link(control) if control.strip() else "",
        shared=shared,
    )
    written.check()
    return written
