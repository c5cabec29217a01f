"""Links from a page to another: with the model, the language and the look of this one, and a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from components.shell.view import View
from dashboard.navigation import page_file
from dashboard.view_state import CHAT, pack_prompt

ARROW = ":material/arrow_forward:"
_SAME = ("model", "lang", "scale")
"""Query parameters that are the same on the other page; a link that opens in a new tab knows nothing else."""


def page_link(
    view: View,
    slug: str,
    label: str,
    params: Mapping[str, str | list[str]] | None = None,
    *,
    prompt: str | None = None,
    icon: str | None = ARROW,
    width: Literal["stretch", "content"] = "content",
) -> None:
    """A link to a page.

    Args:
        view: of this page.
        slug: of `dashboard.navigation.PAGES`.
        label: what it says; Markdown.
        params: what the other page shows, by query parameter.
        prompt: that it opens with; ``None``: the person's own, read as it is here.
        icon: before the label.
        width: of the link.
    """
    names = _SAME if prompt is not None else (*_SAME, *CHAT)
    same = {name: st.query_params[name] for name in names if name in st.query_params}
    written = pack_prompt(view.prompt if prompt is None else prompt)
    query = {**same, **written, **(params or {})}
    st.page_link(page_file(slug), label=label, icon=icon, query_params=query, width=width)
