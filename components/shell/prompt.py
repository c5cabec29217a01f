"""The prompt: its form in the sidebar, whether it ran, and the exact tokens that the model reads."""

from __future__ import annotations

import html
from contextlib import nullcontext

import streamlit as st

from components.shell import link
from components.shell.messages import notice, quiet
from components.shell.view import View
from components.shell.waiting import allow
from components.web.pending_prompt.pending_prompt import pending_prompt
from components.web.token_chips.token_chips import token_chips
from dashboard.i18n import Catalogue
from dashboard.tokens import ISOLATE, shortened, visible, visible_text

EXAMPLES = ("twice", "class", "capital", "induction", "worked", "spanish")
"""Example prompts: the catalogue's ``examples.<name>``."""
NEAR_LIMIT = 0.9
"""Share of the model's context from which the count is a warning."""
QUOTED = 160
"""Characters of the prompt that the line about one that did not run quotes."""


def prompt_form(text: Catalogue, *, used: bool) -> tuple[str, bool]:
    """The prompt that ran and whether it stands in the chat template; folded on a page that does not use it."""
    default = text("examples.twice")
    link.prompt_state(default)
    with nullcontext() if used else st.expander(text("sidebar.prompt_unused"), key="prompt_fold"):
        st.selectbox(
            text("sidebar.examples"),
            EXAMPLES,
            index=None,
            key="example",
            placeholder=text("sidebar.examples"),
            format_func=lambda name: text(f"examples.{name}"),
            on_change=_take_example,
            args=(text,),
            label_visibility="collapsed",
        )
        with st.form("prompt_form", border=False):
            st.text_area(
                text("sidebar.prompt"),
                key="prompt",
                height=150,
                persist_state="session",
                help=text("sidebar.prompt_help"),
            )
            st.toggle(text("sidebar.chat"), key="chat", bind=link.binding("chat"), help=text("sidebar.chat_help"))
            st.form_submit_button(text("sidebar.run"), key="prompt_run", on_click=allow, width="stretch")
    if not link.prompt_written(default):
        notice(text("sidebar.prompt_not_in_link"))
    prompt, chat = str(st.session_state["prompt"]), bool(st.session_state["chat"])
    pending_prompt(prompt=prompt, chat=chat, words=text("sidebar.pending_unseen"), key="pending_prompt")
    return prompt, chat


def _take_example(text: Catalogue) -> None:
    name = st.session_state["example"]
    if name:
        st.session_state["prompt"] = text(f"examples.{name}")
        st.session_state["example"] = None
        allow()


def pending_line(text: Catalogue, prompt: str) -> str:
    """What a page says while the prompt box holds something else than `prompt`, which the charts show."""
    visible_prompt = " ".join(visible_text(word) for word in prompt[: 4 * QUOTED].split())
    return text("sidebar.pending", prompt=ISOLATE.format(shortened(visible_prompt, QUOTED)))


def token_count(view: View) -> None:
    """How many tokens the prompt has, and what the tokenizer or its template did that one might not expect."""
    text, tokens = view.text, view.tokens
    count, limit = len(tokens.tokens), view.card.context
    near = count >= NEAR_LIMIT * limit
    line = text("sidebar.near_limit" if near else "sidebar.count", tokens=count, limit=limit)
    st.html(f'<p class="ls-count{" ls-warn" if near else ""}">{html.escape(line)}</p>')
    if tokens.left_out:
        quiet(text("sidebar.left_out", tokens=" ".join(map(visible, tokens.left_out))))
    if tokens.chat_template:
        quiet(text("sidebar.chat_template", name=visible_text(tokens.chat_template)))


def prompt_end(view: View, most: int) -> str:
    """At most `most` characters of the prompt's end, to stand before a text that goes on from it; a word begins it.

    Nothing in a chat: an answer does not go on from what was said to the model.
    """
    if view.tokens.template != "raw":
        return ""
    end = view.prompt[-most:]
    if len(view.prompt) > most:
        end = f"…{end[end.find(' ', 0, -1) + 1 :]}"
    return "".join(" " if character == " " else visible_text(character) for character in end)


def exact_tokens(view: View) -> None:
    """The prompt's tokens with their positions and ids."""
    token_chips(view.tokens.tokens, text=view.text, key="token_chips")
