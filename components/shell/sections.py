"""The sections of a page: the bar that leads to them. Their headings are those of `messages.section` with an anchor."""

from __future__ import annotations

from collections.abc import Mapping

from components.shell.view import View
from components.web.page_sections.page_sections import page_sections


def section_bar(view: View, sections: Mapping[str, str]) -> None:
    """The bar "On this page", which stays in view; the link holds the section in view as ``at``.

    Args:
        view: the page's.
        sections: anchor -> title, in the page's order, each a choice of ``at`` in `dashboard.view_state.FIELDS`.
    """
    page_sections(sections, text=view.text, key="page_sections")
