"""Tokens that stand among the bars whatever their rank."""

from __future__ import annotations

import streamlit as st

from components.shell import link
from components.shell.messages import quiet
from components.shell.view import View
from dashboard.errors import TokenizerFailed
from dashboard.tokens import ISOLATE, Token, visible, visible_text

PINS = "next_token_pins"
MOST_PINS = 8
SEARCH_SHOWN = 30
_OPENED = "_pins_opened"


def pin_picker(view: View) -> tuple[int, ...]:
    """Ids of the pinned tokens: searched for by text, kept in the link; folded until there is one."""
    text, card = view.text, view.card
    link.numbers_state(PINS, card.vocab, MOST_PINS)
    pinned = view.tokenizer.tokens(tuple(st.session_state[PINS]))
    # once open it stays so: the fold would shut while its last token is taken out
    st.session_state[_OPENED] = st.session_state.get(_OPENED, False) or bool(pinned)
    with st.expander(text("next_token.pin"), expanded=st.session_state[_OPENED]):
        search_at, pins_at = st.columns([1, 2], vertical_alignment="bottom")
        with search_at:
            typed = st.text_input(
                text("next_token.find"), key="find_token", max_chars=60, help=text("next_token.find_help"), live=True
            )
        matches = view.tokenizer.search(typed or "", SEARCH_SHOWN)
        names = {token.id: f"{visible(token)} · {token.id}" for token in (*pinned, *matches)}
        with pins_at:
            st.multiselect(
                text("next_token.pins"),
                list(names),
                key=PINS,
                format_func=lambda token: names[token],
                max_selections=MOST_PINS,
                placeholder=text("next_token.matches", count=len(matches)) if typed else text("next_token.pins_none"),
                persist_state="session",
            )
        if typed and not typed.isspace():
            _explained(view, typed, matches)
    return link.numbers_written(PINS)


def _explained(view: View, typed: str, matches: tuple[Token, ...]) -> None:
    """What stands in the way of pinning what was typed: it is several tokens, or none holds it."""
    text = view.text
    literal = ISOLATE.format(visible_text(typed))
    if not matches:
        quiet(text("next_token.no_match", typed=literal))
        return
    if any(token.text in {typed, f" {typed}", f"{typed} "} or visible(token) == typed for token in matches):
        return
    try:
        pieces = view.tokenizer.tokens(view.tokenizer.ids((typed,), alone=True)[0])
    except TokenizerFailed:  # it has no pieces; the matches only contain it
        return
    if len(pieces) > 1:
        names = ", ".join(ISOLATE.format(visible(token)) for token in pieces)
        quiet(text("next_token.several", typed=literal, count=len(pieces), pieces=names))
