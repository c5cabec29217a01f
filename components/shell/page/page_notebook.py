"""The notebook of a page: below its charts, one download that makes all of them again."""

from __future__ import annotations

import streamlit as st

from components.shell.export.code import NOTEBOOK
from components.shell.view import View
from dashboard.export import Export, file_stem
from dashboard.scripts.notebook import notebook_bytes


def page_notebook(view: View, slug: str) -> None:
    """Its button, where the page has charts; the notebook is written when somebody asks for it."""
    if not view.panels:
        return
    panels = list(view.panels.values())
    title = view.text(f"{slug}.title")
    page = Export.of([panel.result for panel in panels], slug)
    st.download_button(
        view.text("panel.page_ipynb"),
        data=lambda: notebook_bytes(title, [panel.scripted() for panel in panels]),
        file_name=f"{file_stem(page, slug, 'notebook')}.ipynb",
        mime=NOTEBOOK,
        key="page_notebook",
        icon=":material/download:",
        type="tertiary",
        help=view.text("panel.page_ipynb_help"),
        on_click="ignore",
    )
