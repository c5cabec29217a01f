"""Texts that are too long for a link: the server keeps them under an id, which the link has in their place."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from components.shell import link
from components.shell.messages import advice, notice
from components.shell.view import View, error_frame
from dashboard import cache
from dashboard.errors import DashboardError
from dashboard.i18n import Catalogue, Message
from dashboard.parsing.strict_json import read_json
from dashboard.parsing.unreadable import Unreadable

STORED = "stored"
"""Query parameter: the id of the texts."""
LONG = ("prompt", "chat_turns", "chat_tools", "bias_probe", "report_items")
"""Choices of a page that can be too long, as the session holds them."""
CARRIED_BY = {"prompt": ("prompt", "pz")}
"""Query parameters of those whose parameter has another name."""
_READ = "_stored_read"
_HELD = "_stored_held"
"""In the session: the texts that were stored or opened last, as JSON, and their id."""


def read_stored() -> None:
    """Once a session, before the page's controls: take the texts that the link names; without them, say why."""
    if st.session_state.get(_READ):
        return
    st.session_state[_READ] = True
    link_id = st.query_params.get(STORED)
    if link_id is None:
        return
    try:
        content = cache.store().links.get(link_id)
        st.session_state.update(_read(content))
    except DashboardError as error:
        _refuse(link_id, Message(error.message_id, error.facts))
    except Unreadable as error:
        _refuse(link_id, error.message)
    else:
        st.session_state[_HELD] = (content, link_id)


def _read(content: str) -> dict[str, str]:
    """The texts by their names. Raises Unreadable."""
    texts = read_json(content)
    if not isinstance(texts, dict) or not all(name in LONG and isinstance(value, str) for name, value in texts.items()):
        raise Unreadable("link.packed")
    return texts


def _refuse(link_id: str, why: Message) -> None:
    link.drop(link.Dropped(STORED, link_id[:40], "why", (("why", why),)))
    st.query_params.pop(STORED, None)


def texts_of(view: View, slug: str) -> dict[str, str]:
    """The texts of a page that can be too long, by their names in the session."""
    state = st.session_state
    own = {"bias": "bias_probe", "report": "report_items"}.get(slug)
    if own:
        return {own: state[own]} if state.get(own) else {}
    chat = {name: state[name] for name in ("chat_turns", "chat_tools") if view.chat and state.get(name)}
    return {"prompt": view.prompt, **chat}


def stored_written(texts: Mapping[str, str]) -> str | None:
    """After the page: the id of `texts` stands in its address while they are the stored ones; else ``None``."""
    content, link_id = st.session_state.get(_HELD, ("", ""))
    if content and content == _written(texts):
        if st.query_params.get(STORED) != link_id:
            st.query_params[STORED] = link_id
        return str(link_id)
    st.query_params.pop(STORED, None)
    return None


def store_button(texts: Mapping[str, str], text: Catalogue, *, why: str, may_store: bool) -> str | None:
    """Why no link can carry the texts, and a button that stores them for one; their id once it was pressed.

    Args:
        texts: as of `texts_of`.
        text: the catalogue.
        why: which of them is too long, below ``share.stored`` of the catalogue.
        may_store: false: nobody is signed in where a sign-in is set up.
    """
    if not may_store:
        advice(text(f"share.too_long.{why}"))
        return None
    notice(text(f"share.stored.{why}"))
    if not st.button(text("share.stored.button"), key="share_store", icon=":material/link:"):
        return None
    content, link_id = _written(texts), None
    with error_frame(text):
        link_id = cache.store().links.put(content)
        st.session_state[_HELD] = (content, link_id)
        st.query_params[STORED] = link_id
    if link_id is None:  # the frame has said why the store did not take them
        advice(text(f"share.too_long.{why}"))
    return link_id


def _written(texts: Mapping[str, str]) -> str:
    return json.dumps(dict(texts), ensure_ascii=False, sort_keys=True)
