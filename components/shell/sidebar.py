"""The sidebar: language, model, prompt, exact tokens, and what of a link was not used."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from components.charts.theme import ChartTheme
from components.shell import link
from components.shell.messages import notice, quiet
from components.shell.view import View, current
from components.shell.waiting import allow
from components.web.copy_link.copy_link import copy_link
from components.web.token_text.token_text import token_text
from dashboard import cache
from dashboard.engine.api.model import ModelCard, ModelSpec, RunRequest, TokenizedPrompt
from dashboard.errors import DashboardError
from dashboard.i18n import LANGUAGES, Catalogue, pick_language
from dashboard.tokens import visible, visible_text
from dashboard.view_state import pack_prompt

EXAMPLES = ("twice", "class", "capital", "induction", "worked", "spanish")
"""Example prompts: the catalogue's ``examples.<name>``."""
NEAR_LIMIT = 0.9
"""Share of the model's context from which the count is a warning."""


def language_picker() -> Catalogue:
    """The language switch, in the sidebar's first row, and the catalogue that it gives."""
    default = pick_language(None, st.context.locale, cache.settings().language)
    link.choice_state("lang", list(LANGUAGES), default)
    with st.sidebar.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.html('<p class="ls-brand">Logitscope</p>', width="content")
        st.segmented_control(
            "Language / Idioma",
            list(LANGUAGES),
            key="lang",
            required=True,
            format_func=str.upper,
            label_visibility="collapsed",
            persist_state="session",
        )
    return Catalogue(link.choice_written("lang", default), st.context.locale)


def view_controls(text: Catalogue) -> None:
    """Model, prompt and look: the view that pages work with."""
    with st.sidebar:
        model = _model_picker(text)
        prompt, chat = _prompt_form(text)
    mode = "dark" if st.context.theme.type == "dark" else "light"
    st.session_state["_view"] = View(text, ChartTheme(mode, _scale()), model, prompt, chat)


def _scale() -> str:
    link.choice_state("scale", ["indigo", "cividis"], "indigo")
    return str(st.session_state["scale"])


def _model_picker(text: Catalogue) -> str:
    settings = cache.settings()
    specs = {spec.id: spec for spec in cache.listed_models()}
    options = list(specs)
    wanted = st.query_params.get("model") or st.session_state.get("model")
    if wanted and wanted not in options:
        try:
            found = cache.find_model(wanted)
            specs[found.id] = found
            options.append(found.id)
        except DashboardError as error:
            link.drop(link.Dropped("model", wanted, "model", (("why", text(error.message_id, **error.facts)),)))
            st.query_params.pop("model", None)
    names = model_names(tuple(specs.values()))
    link.choice_state("model", options, settings.model)
    st.selectbox(
        text("sidebar.model"),
        options,
        key="model",
        format_func=lambda model: names.get(model, model),
        accept_new_options="*" in settings.models,
        help=text("sidebar.model_help"),
        persist_state="session",
        on_change=allow,
    )
    return link.choice_written("model", settings.model)


def model_names(specs: Sequence[ModelSpec]) -> dict[str, str]:
    """Id -> what the picker shows: the label, with the id where another model has the same label."""
    labels = Counter(spec.label for spec in specs)
    return {spec.id: spec.label if labels[spec.label] == 1 else f"{spec.label} ({spec.id})" for spec in specs}


def _prompt_form(text: Catalogue) -> tuple[str, bool]:
    default = text("examples.twice")
    link.prompt_state(default)
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
        st.text_area(text("sidebar.prompt"), key="prompt", height=150, persist_state="session")
        st.toggle(text("sidebar.chat"), key="chat", bind=link.binding("chat"), help=text("sidebar.chat_help"))
        st.form_submit_button(text("sidebar.run"), type="primary", on_click=allow, width="stretch")
    if not link.prompt_written(default):
        notice(text("sidebar.prompt_not_in_link"))
    return st.session_state["prompt"], bool(st.session_state["chat"])


def _take_example(text: Catalogue) -> None:
    name = st.session_state["example"]
    if name:
        st.session_state["prompt"] = text(f"examples.{name}")
        st.session_state["example"] = None
        allow()


def loaded_view() -> View:
    """The view with its model loaded and its prompt read; the sidebar shows the exact tokens and the model's facts.

    Raises:
        DashboardError: the model cannot be had, or the prompt not be read.
        Cancelled: loading was stopped.
    """
    view = current()
    place = st.sidebar.container()
    view.load(cache.engine())
    _compare_made(view.card)
    with place:
        _token_count(view.text, view.tokens, view.card)
        _template_notes(view)
        with st.expander(view.text("sidebar.tokens")):
            _tokens(view)
        _model_facts(view.text, view.card)
        _look(view.text)
        copy_link(more=_whole_link(view), text=view.text, key="copy_link")
        _cost(view)
    return view


def _token_count(text: Catalogue, tokens: TokenizedPrompt, card: ModelCard) -> None:
    count = len(tokens.tokens)
    near = count >= NEAR_LIMIT * card.context
    line = text("sidebar.near_limit" if near else "sidebar.count", tokens=count, limit=card.context)
    st.html(f'<p class="ls-count{" ls-warn" if near else ""}">{html.escape(line)}</p>')


def _template_notes(view: View) -> None:
    """What the tokenizer would append and is left out, and which of its chat templates is used."""
    tokens = view.tokens
    if tokens.left_out:
        quiet(view.text("sidebar.left_out", tokens=" ".join(map(visible, tokens.left_out))))
    if tokens.chat_template:
        quiet(view.text("sidebar.chat_template", name=visible_text(tokens.chat_template)))


def _tokens(view: View) -> None:
    token_text(
        tokens=[visible(token) for token in view.tokens.tokens],
        special=[token.special for token in view.tokens.tokens],
        weights=None,
        selected=None,
        hover=[f"{i} · id {token.id} · {token.piece}" for i, token in enumerate(view.tokens.tokens)],
        lut=view.theme.lut(),
        dark=view.theme.mode == "dark",
        text=view.text,
        key="sidebar_tokens",
        on_pick=None,
    )


def _model_facts(text: Catalogue, card: ModelCard) -> None:
    lines = [
        text(
            "sidebar.shape_uneven" if card.uneven else "sidebar.shape",
            layers=card.layers,
            heads=card.heads,
            kv=card.kv_heads,
        ),
        text("sidebar.device", device=card.device_name, dtype=card.dtype),
        text("sidebar.revision", revision=card.revision[:12], version=card.transformers),
    ]
    st.html("".join(f'<p class="ls-count">{html.escape(line)}</p>' for line in lines))


def made_with(card: ModelCard) -> str:
    """What a link says about where it was made: revision, dtype and version."""
    return f"{card.revision[:12]} {card.dtype} transformers-{card.transformers}"


def _compare_made(card: ModelCard) -> None:
    """Say so when a link was made with another revision, dtype or version than is here."""
    made = st.query_params.get("made")
    if made:
        st.query_params.pop("made")
        if made != made_with(card):
            link.drop(link.Dropped("made", made, "made", (("here", made_with(card)),)))


def _whole_link(view: View) -> dict[str, str]:
    """What a copied link names so that it stays the same view when a default changes."""
    prompt = {} if {"prompt", "pz"} & set(st.query_params) else pack_prompt(view.prompt)
    return {"lang": view.text.language, "model": view.model, "made": made_with(view.card), **prompt}


def _cost(view: View) -> None:
    """What a run of this prompt costs; refuses one that is over the operator's limit."""
    cost = view.engine.cost(RunRequest(view.key))
    seconds, megabytes = view.text.number(cost.seconds, 1), view.text.number(cost.nbytes / 1e6, 1)
    line = view.text("sidebar.cost", seconds=seconds, megabytes=megabytes)
    st.html(f'<p class="ls-count">{html.escape(line)}</p>')


def _look(text: Catalogue) -> None:
    st.segmented_control(
        text("sidebar.scale"),
        ["indigo", "cividis"],
        key="scale",
        required=True,
        format_func=lambda scale: text(f"sidebar.scale_{scale}"),
        persist_state="session",
        help=text("sidebar.scale_help"),
    )
    link.choice_written("scale", "indigo")


def _named(problem: link.Dropped, text: Catalogue) -> str:
    """A value of the link and why it was not used; characters that would steer their neighbours as their codes."""
    name, value = (
        " ".join(visible_text(part) for part in shown.split(" ")) for shown in (problem.name, problem.value[:80])
    )
    return text(f"link.{problem.reason}", name=name, value=value, **dict(problem.facts))


def link_notices(text: Catalogue) -> None:
    """Name each value of the link that was not used."""
    problems = link.dropped()
    if not problems:
        return
    lines = [_named(problem, text) for problem in problems]
    notice("\n".join([text("link.dropped"), *lines]))
    st.button(text("link.dismiss"), key="link_dismiss", on_click=link.dismiss)
