"""The prompt: its form in the sidebar, the chat around it, whether it ran, and the exact tokens of it."""

from __future__ import annotations

import html
from contextlib import nullcontext
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.shell import link
from components.shell.messages import notice, quiet
from components.shell.view import View
from components.shell.waiting import allow
from components.web.pending_prompt.pending_prompt import pending_prompt
from components.web.token_chips.token_chips import token_chips
from dashboard.conversation import (
    ASSISTANT,
    MOST_TURNS,
    SYSTEM,
    USER,
    Conversation,
    Turn,
    read_turns,
    written_turns,
)
from dashboard.engine.api.model import ModelCard
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.tokens import ISOLATE, shortened, visible, visible_text

EXAMPLES = ("twice", "class", "capital", "induction", "worked", "spanish")
"""Example prompts: the catalogue's ``examples.<name>``."""
NEAR_LIMIT = 0.9
"""Share of the model's context from which the count is a warning."""
QUOTED = 160
"""Characters of the prompt that the line about one that did not run quotes."""
TURNS, TOOLS, THINKING = "chat_turns", "chat_tools", "chat_thinking"
"""Keys, and query parameters, of what stands around the prompt in a chat."""
_SYSTEM, _TURN = "chat_system", "chat_turn_"
"""Keys of the system message's box, and, before a row's number, of a turn's."""
_ROWS, _ROWS_OF = "_chat_rows", "_chat_rows_of"
"""(number, role) of each turn's box below the system message's, and the text of TURNS that the boxes say."""
_THINKING = {"template": None, "on": True, "off": False}


@dataclass(frozen=True)
class PromptForm:
    """What the form says, and the places in it that are filled once it is known what the model's template reads."""

    prompt: str
    chat: bool
    conversation: Conversation
    before: DeltaGenerator
    """Above the prompt."""
    switches: DeltaGenerator
    """Above the button."""
    after: DeltaGenerator
    """Below the button: the first button of a form is the one that Ctrl+Enter presses."""


def prompt_form(text: Catalogue, *, used: bool) -> PromptForm:
    """The prompt and the chat that ran; folded on a page that does not use it."""
    default = text("examples.twice")
    link.prompt_state(default)
    conversation, in_link = _conversation()
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
            before = st.container()
            st.text_area(
                text("sidebar.prompt"),
                key="prompt",
                height=150,
                persist_state="session",
                help=text("sidebar.prompt_help"),
            )
            st.toggle(text("sidebar.chat"), key="chat", bind=link.binding("chat"), help=text("sidebar.chat_help"))
            switches = st.container()
            st.form_submit_button(text("sidebar.run"), key="prompt_run", on_click=_use, width="stretch")
            after = st.container()
    if not link.prompt_written(default):
        notice(text("sidebar.prompt_not_in_link"))
    if not in_link:
        notice(text("chat.not_in_link"))
    state = st.session_state
    prompt, chat = str(state["prompt"]), bool(state["chat"])
    keys = [_SYSTEM, TOOLS, *(f"{_TURN}{number}" for number, _ in state[_ROWS])]
    pending_prompt(
        boxes={"prompt": prompt, **{key: state[key] for key in keys}},
        chat=chat,
        thinking=text(f"chat.thinking_{state[THINKING]}"),
        words=text("sidebar.pending_unseen"),
        key="pending_prompt",
    )
    return PromptForm(prompt, chat, conversation, before, switches, after)


# -- the chat around it --------------------------------------------------------------------------------------------
def _conversation() -> tuple[Conversation, bool]:
    """What stands around the prompt in a chat, of the link or as it was edited since, and whether the link holds it."""
    state = st.session_state
    link.list_state(TURNS)
    link.list_state(TOOLS)
    link.choice_state(THINKING, tuple(_THINKING), "template")
    if state.get(_ROWS_OF) != state[TURNS]:
        try:
            _show(read_turns(state[TURNS]))
        except Unreadable as error:
            link.drop(link.Dropped(TURNS, state[TURNS][:40], "why", (("why", error.message),)))
            _show(())
    boxes = [(SYSTEM, _SYSTEM), *((role, f"{_TURN}{number}") for number, role in state[_ROWS])]
    turns = tuple(Turn(role, state[key]) for role, key in boxes if state[key])
    state[TURNS] = state[_ROWS_OF] = written_turns(turns)
    in_link = [link.list_written(key) for key in (TURNS, TOOLS)]
    thinking = _THINKING[link.choice_written(THINKING, "template")]
    return Conversation(turns, thinking, state[TOOLS]), all(in_link)


def _show(turns: tuple[Turn, ...]) -> None:
    """A box for each turn, in place of those that were there."""
    state = st.session_state
    system, state[_ROWS] = turns[:1] if turns and turns[0].role == SYSTEM else (), []
    state[_SYSTEM] = system[0].content if system else ""
    for turn in turns[len(system) :]:
        _add(turn.role, turn.content)


def _add(role: str, content: str = "") -> None:
    """One more box, with a number that no box had."""
    state = st.session_state
    state["_chat_row"] = number = state.get("_chat_row", 0) + 1
    state[f"{_TURN}{number}"] = content
    state[_ROWS] = [*state[_ROWS], (number, role)]


def _remove_last() -> None:
    st.session_state[_ROWS] = st.session_state[_ROWS][:-1]
    allow()


def _use() -> None:
    """The prompt is used as the boxes say; boxes of turns without text go."""
    state = st.session_state
    state[_ROWS] = [(number, role) for number, role in state[_ROWS] if state[f"{_TURN}{number}"]]
    allow()


def _add_turn(role: str) -> None:
    _add(role)
    allow()


def chat_fields(text: Catalogue, form: PromptForm, card: ModelCard) -> None:
    """Where the prompt stands in a chat template: boxes of the messages before it, and the switches that it reads."""
    if not form.chat:
        return
    if not card.chat:
        quiet(text("chat.no_template"))
        return
    rows = st.session_state[_ROWS]
    with form.before:
        st.text_area(
            text("chat.system"), key=_SYSTEM, height=68, help=text("chat.system_help"), persist_state="session"
        )
        for number, role in rows:
            st.text_area(text(f"chat.{role}"), key=f"{_TURN}{number}", height=68, persist_state="session")
    with form.switches:
        _switches(text, card)
    with form.after, st.container(horizontal=True):
        for role in (USER, ASSISTANT):
            st.form_submit_button(
                text(f"chat.add_{role}"),
                key=f"chat_add_{role}",
                type="tertiary",
                icon=":material/add:",
                on_click=_add_turn,
                args=(role,),
                disabled=len(rows) >= MOST_TURNS - 1,
                help=text("chat.add_help"),
            )
        if rows:
            st.form_submit_button(
                text("chat.remove_last"),
                key="chat_remove",
                type="tertiary",
                icon=":material/remove:",
                on_click=_remove_last,
            )
    _chat_notes(text, form.conversation, card)


def _chat_notes(text: Catalogue, conversation: Conversation, card: ModelCard) -> None:
    """What of the chat the template does not read, and that it reads the date."""
    typed = {"thinking": conversation.thinking is not None, "tools": bool(conversation.tools)}
    unread = [
        text(f"chat.unread_{name}") for name, is_typed in typed.items() if is_typed and name not in card.chat_reads
    ]
    if unread:
        quiet(text("chat.unread", names=", ".join(unread)))
    if "date" in card.chat_reads:
        quiet(text("chat.dated"))


def _switches(text: Catalogue, card: ModelCard) -> None:
    if "thinking" in card.chat_reads:
        st.segmented_control(
            text("chat.thinking"),
            tuple(_THINKING),
            key=THINKING,
            required=True,
            format_func=lambda name: text(f"chat.thinking_{name}"),
            persist_state="session",
            help=text("chat.thinking_help"),
        )
    if "tools" in card.chat_reads:
        st.text_area(text("chat.tools"), key=TOOLS, height=100, help=text("chat.tools_help"), persist_state="session")


def chat_params(view: View) -> dict[str, str] | None:
    """The query parameters of the chat that the prompt stands in; ``None``: too long for a link."""
    conversation = view.conversation
    lists = {TURNS: written_turns(conversation.turns), TOOLS: conversation.tools}
    packed = {key: link.packed_list(written) for key, written in lists.items() if written}
    if not view.chat or None in packed.values():
        return None if view.chat else {}
    name = next(name for name, thinking in _THINKING.items() if thinking == conversation.thinking)
    params = {"chat": "true", **packed, **({} if name == "template" else {THINKING: name})}
    return {key: value for key, value in params.items() if value is not None}


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
