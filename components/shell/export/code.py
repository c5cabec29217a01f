"""The Code tab of a panel: the script that makes the chart again, and the same as a Jupyter notebook."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.i18n import Catalogue
from dashboard.scripts.notebook import ScriptedChart, notebook_bytes

CODE_HEIGHT = 420
"""Of the box that the code scrolls in [px]."""
NOTEBOOK = "application/x-ipynb+json"
"""Kind of a file that holds a Jupyter notebook."""


def code_tab(chart: ScriptedChart, stem: str, text: Catalogue) -> None:
    """The script and its downloads; the notebook is made when somebody asks for it."""
    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "py": ("text/x-python", chart.script.encode),
        "ipynb": (NOTEBOOK, lambda: notebook_bytes(chart.title, [chart])),
    }
    with st.container(horizontal=True):
        for ending, (mime, data) in files.items():
            st.download_button(
                text(f"panel.{ending}"),
                data=data,
                file_name=f"{stem}.{ending}",
                mime=mime,
                key=f"{ending}_{chart.name}",
                on_click="ignore",
            )
    # the box around the code scrolls, not the code: only that can the keyboard reach in every browser
    with st.container(height=CODE_HEIGHT, border=False):
        st.code(chart.script, language="python", wrap_lines=True)
