"""The button that saves the view on screen."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.saved.form import view_form
from components.saved.visitor import visitor
from components.shell.messages import advice
from components.shell.view import View, error_frame
from dashboard import cache
from dashboard.errors import SignInNeeded
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.store.saved_view import SAVED_PAGES, ViewContent


def save_button(text: Catalogue, slug: str, actions: DeltaGenerator) -> bool:
    """Draw the button, on pages of which there can be a saved view; whether it was pressed."""
    if slug not in SAVED_PAGES:
        return False
    with actions:
        return st.button(
            text("saved.button"), key="save_view", icon=":material/bookmark_add:", help=text("saved.button_help")
        )


def save_dialog(view: View, slug: str, more: Mapping[str, str], missing: str) -> None:
    """What the button opens when the page is there.

    Args:
        view: of this page.
        slug: the page's.
        more: query parameters that the saved link names although the page's address may leave them out.
        missing: what of the page no link can carry; empty: all of it can be carried.
    """
    address = {name: st.query_params.get_all(name) for name in st.query_params}
    query = urlencode({**address, **more}, doseq=True)
    st.dialog(view.text("saved.button"), width="medium")(_save)(view, slug, query, missing)


def _save(view: View, slug: str, query: str, missing: str) -> None:
    text, person = view.text, visitor()
    if missing:
        advice(text(f"saved.too_long.{missing}"))
        return
    with error_frame(text):
        if not person.may_save:
            raise SignInNeeded()
        views = cache.store().views
        content = ViewContent(text(f"{slug}.title"), slug, query, text.language)
        start = f"{content.title}: {content.excerpt}" if content.excerpt else content.title
        try:
            written = view_form(
                ViewContent(start[:80], slug, query, text.language), "save_form", views.tags(person), person, text
            )
            if written is None:
                return
            views.save(written, person)
        except Unreadable as error:
            advice(text(error.message.id, **error.message.facts))
            return
        st.toast(text("saved.done"), icon=":material/bookmark_added:")
        st.rerun()
