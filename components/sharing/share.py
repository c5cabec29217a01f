"""Share: the button at the head of every page, and the link of the view that it opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.sharing.opened import MADE, NUMBERS
from components.sharing.stored import CARRIED_BY, STORED, store_button, stored_written, texts_of
from components.shell.link import packed_list
from components.shell.messages import advice, notice, quiet
from components.shell.view import View
from components.web.copy_link.copy_link import copy_link
from dashboard import cache
from dashboard.i18n import Catalogue
from dashboard.sharing.fingerprint import Fingerprint
from dashboard.sharing.origin import LinkOrigin
from dashboard.view_state import LINK_CHARACTERS, pack_prompt

LONG_LINK = 6000
"""A longer link is cut off by some programs that carry it [characters]."""
CHAT_LISTS = ("chat_turns", "chat_tools")
"""Fields of lists around the prompt."""


@dataclass(frozen=True)
class ShareButton:
    """The button, and what it opens, which is filled when the page is there."""

    opened: bool
    content: DeltaGenerator


@contextmanager
def page_actions() -> Iterator[DeltaGenerator]:
    """The row of a page's head: what is drawn inside stands left, the buttons on the given place right."""
    with st.container(key="page_head", horizontal=True, vertical_alignment="top"):
        head = st.container(key="page_title")
        actions = st.container(key="page_actions", horizontal=True, width="content")
    with head:
        yield actions


def share_button(text: Catalogue, actions: DeltaGenerator) -> ShareButton:
    """Draw the button; until `share_link` fills it, it says that the page is still being computed."""
    with actions:
        popover = st.popover(text("share.button"), key="share", on_change="rerun", icon=":material/share:")
    with popover:
        content = st.empty()
    if popover.open:
        with content:
            quiet(text("share.computing"))
    return ShareButton(bool(popover.open), content)


def share_link(view: View, slug: str, button: ShareButton, *, may_store: bool) -> None:
    """What the button opens: the link, and what it carries, or why there is none.

    Args:
        view: of this page.
        slug: the page's.
        button: as `share_button`.
        may_store: whether this person may keep texts on the server.
    """
    texts = texts_of(view, slug)
    link_id = stored_written(texts)
    if not button.opened:
        return
    text, more = view.text, whole_link(view)
    lacking = missing(view, slug) or ("whole" if _length(more) > LINK_CHARACTERS else "")
    without: tuple[str, ...] = ()
    with button.content.container():
        if lacking:
            link_id = link_id or store_button(texts, text, why=lacking, may_store=may_store)
            if link_id is None:
                return
            without = tuple(name for key in texts for name in CARRIED_BY.get(key, (key,)))
            more = {name: value for name, value in more.items() if name not in without} | {STORED: link_id}
            if _length(more, without) > LINK_CHARACTERS:
                advice(text("share.too_long.whole"))
                return
            quiet(text("share.stored.done", days=cache.store().links.unused_days))
        copy_link(more=more, without=without if lacking else (STORED,), text=text, key="copy_link")
        length = _length(more, without)
        if length > LONG_LINK:
            notice(text("share.long", characters=length))
        quiet(text("share.carries" if NUMBERS in more else "share.carries_no_numbers"))


def _length(more: Mapping[str, str], without: Sequence[str] = ()) -> int:
    """Of the query of a link [characters]: the page's address with `more` and without the names in `without`."""
    address = {name: st.query_params.get_all(name) for name in st.query_params if name not in without}
    return len(urlencode({**address, **more}, doseq=True))


def whole_link(view: View) -> dict[str, str]:
    """What a copied link names beside the page's address: what is at its default, where it was made, its numbers."""
    prompt = {} if {"prompt", "pz"} & set(st.query_params) else pack_prompt(view.prompt)
    link = {"lang": view.text.language, "model": view.model, **prompt}
    if view.loaded:
        link[MADE] = LinkOrigin.here(view.card.version).written()
        if view.shown:
            link[NUMBERS] = Fingerprint.of(view.shown[0].result, view.shown[0].numbers()).written()
    return link


def missing(view: View, slug: str) -> str:
    """What of the page no link can carry: ``prompt``, ``chat``, ``probe`` or ``report``; empty: all can be carried."""
    state = st.session_state
    if slug == "report":
        return "report" if packed_list(state.get("report_items", "")) is None else ""
    if slug == "bias":
        return "probe" if len(state.get("bias_probe", "")) > LINK_CHARACTERS else ""
    if not pack_prompt(view.prompt):
        return "prompt"
    chat = [state.get(name, "") for name in CHAT_LISTS] if view.chat else []
    return "chat" if any(packed_list(written) is None for written in chat if written) else ""
