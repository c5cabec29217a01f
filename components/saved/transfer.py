"""Export and import of saved views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from components.shell.messages import advice, notice, quiet
from components.shell.view import View, error_frame
from dashboard import cache
from dashboard.parsing.text_files import checked_size
from dashboard.parsing.unreadable import Unreadable
from dashboard.store.saved_view import SavedView, Visitor
from dashboard.store.transfer import MOST_FILE_BYTES, read_views, views_json, views_zip

_IMPORTED = "_saved_imported"
"""Of the session: how many views of how many in the file were new, until it was said."""


def export_buttons(view: View, total: int, views: Callable[[], Sequence[SavedView]]) -> None:
    """Two downloads of what the list has.

    Args:
        view: of the page.
        total: how many views.
        views: all of them, read when somebody asks for a file.
    """
    text = view.text
    kinds = (("json", views_json, "application/json"), ("zip", views_zip, "application/zip"))
    for kind, write, mime in kinds:
        st.download_button(
            text(f"saved.export_{kind}"),
            data=partial(_written, write, views),
            file_name=f"logitscope-saved-views.{kind}",
            mime=mime,
            key=f"saved_export_{kind}",
            on_click="ignore",
            icon=":material/download:",
            help=text("saved.export_help"),
            disabled=not total,
        )


def _written(write: Callable[[Sequence[SavedView]], bytes], views: Callable[[], Sequence[SavedView]]) -> bytes:
    return write(views())


def import_box(view: View, person: Visitor) -> None:
    """A file of saved views is brought, read when the button is pressed, and told of."""
    text = view.text
    if _IMPORTED in st.session_state:
        new, count = st.session_state.pop(_IMPORTED)
        notice(
            text("saved.imported", new=new, left=count - new) if new < count else text("saved.imported_all", new=new)
        )
    with st.popover(text("saved.import"), icon=":material/upload:", disabled=not person.may_save):
        quiet(text("saved.import_note"))
        file = st.file_uploader(text("saved.import_file"), ["json", "zip"], key="saved_file")
        if not st.button(text("saved.import_now"), key="saved_import", disabled=file is None) or file is None:
            return
        with error_frame(text):
            try:
                checked_size(file.size, MOST_FILE_BYTES)
                contents = read_views(file.getvalue())
                st.session_state[_IMPORTED] = cache.store().views.add_all(contents, person), len(contents)
            except Unreadable as error:
                advice(text(error.message.id, **error.message.facts))
                return
            st.rerun()
