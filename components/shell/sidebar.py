"""The sidebar: language, model, prompt, colour scale, the model's facts, and what of a link was not used."""

from __future__ import annotations

import html
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from components.charts.theme import SCALES, ChartTheme
from components.shell import link
from components.shell.messages import about, estimate, notice
from components.shell.model_picker import model_loaded, model_picker
from components.shell.prompt import PromptForm, chat_fields, exact_tokens, prompt_form, token_count
from components.shell.sections import fold
from components.shell.view import View, current, precision
from dashboard import cache
from dashboard.engine.api.model import ModelCard, RunRequest
from dashboard.i18n import LANGUAGES, Catalogue, pick_language
from dashboard.navigation import page_at
from dashboard.tokens import visible_text

TOKENS = "exact_tokens"
"""Fold of FIELDS."""
_SLOTS = "_sidebar_slots"


@dataclass(frozen=True)
class _Slots:
    """Places in the sidebar that are filled once the model is loaded."""

    form: PromptForm
    count: DeltaGenerator
    tokens: ExpanderContainer | None
    """``None`` on a page that does not use the prompt."""
    facts: DeltaGenerator


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
    used = page_at(urlsplit(st.context.url or "").path).uses_prompt
    with st.sidebar:
        model = model_picker(text)
        form = prompt_form(text, used=used)
        st.session_state[_SLOTS] = _Slots(
            form, st.container(), fold(TOKENS, text("sidebar.tokens")) if used else None, st.container()
        )
        scale = _scale_picker(text)
    mode = "dark" if st.context.theme.type == "dark" else "light"
    st.session_state["_view"] = View(text, ChartTheme(mode, scale), model, form.prompt, form.chat, form.conversation)


def _scale_picker(text: Catalogue) -> str:
    link.choice_state("scale", SCALES, "indigo")
    st.segmented_control(
        text("sidebar.scale"),
        SCALES,
        key="scale",
        required=True,
        format_func=lambda scale: text(f"sidebar.scale_{scale}"),
        persist_state="session",
        help=text("sidebar.scale_help"),
    )
    return link.choice_written("scale", "indigo")


def loaded_view() -> View:
    """The view with its model loaded and its prompt read; the sidebar shows the exact tokens and the model's facts.

    Raises:
        DashboardError: the model cannot be had, or the prompt not be read.
        Cancelled: loading was stopped.
    """
    view, slots = current(), st.session_state[_SLOTS]
    view.load(cache.engine())
    model_loaded(view.model)
    with slots.count:
        chat_fields(view.text, slots.form, view.card)
    view.read_prompt()
    if slots.tokens is not None:
        with slots.count:
            token_count(view)
        if slots.tokens.open:
            with slots.tokens:
                exact_tokens(view)
    with slots.facts:
        _model_facts(view.text, view.card)
        if slots.tokens is not None:
            _cost(view)
    return view


def _model_facts(text: Catalogue, card: ModelCard) -> None:
    lines = [
        text(
            "sidebar.shape_uneven" if card.uneven else "sidebar.shape",
            layers=card.layers,
            heads=card.heads,
            kv=card.kv_heads,
        ),
        text("sidebar.device", device=card.device_name, dtype=precision(card, text)),
        text("sidebar.revision", revision=card.revision[:12], version=card.transformers),
    ]
    st.html("".join(f'<p class="ls-count">{html.escape(line)}</p>' for line in lines))


def _cost(view: View) -> None:
    """What a run of this prompt costs; refuses one that is over the operator's limit."""
    text, cost = view.text, view.engine.cost(RunRequest(view.key))
    seconds, megabytes = text.number(cost.seconds, 1), text.number(cost.nbytes / 1e6, 1)
    estimate(
        text("sidebar.cost", about=about(text, cost.seconds)),
        text("sidebar.cost_numbers", seconds=seconds, megabytes=megabytes),
    )


def _named(problem: link.Dropped, text: Catalogue) -> str:
    """A value of the link and why it was not used; characters that would steer their neighbours as their codes."""
    name, value = (
        " ".join(visible_text(word) for word in raw.split(" ")) for raw in (problem.name, problem.value[:80])
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
