"""The bar of a page's sections: stays in view, jumps, marks the section in view and keeps it in the link."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from components.web.shared.source import source
from dashboard.i18n import Catalogue

_sections = st.components.v2.component(
    "page_sections",
    html=source("page_sections/page_sections.html"),
    css=source("page_sections/page_sections.css"),
    js=source("shared/life.js", "page_sections/section_in_view.js", "page_sections/page_sections.js"),
)


def page_sections(sections: Mapping[str, str], *, text: Catalogue, key: str) -> None:
    """Draw the bar; looking elsewhere changes the address in the browser, without a run of the page.

    Args:
        sections: name -> title, in the page's order; the heading of each has the id ``at-<name>``. The first is the
            page's beginning, which an address need not name.
        text: the catalogue.
        key: widget key.
    """
    entries = [{"name": name, "title": title} for name, title in sections.items()]
    _sections(key=key, data={"sections": entries, "words": {"label": text("web.sections.label")}})
