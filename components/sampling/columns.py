"""Columns of decode settings: in the link, as heads above their texts, added, saved to a file and read from one."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from components.shell import link
from components.shell.messages import advice
from components.shell.model_rules import acting_fact
from components.shell.view import View
from dashboard.engine.api.decoding import ModelRules
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling.columns import (
    DEFAULT,
    MOST,
    PRESETS,
    ColumnSpec,
    file_of,
    impossible,
    read,
    read_file,
    written,
)

COLUMNS, GO = "sampling_columns", "sampling_go"
FIRST_SEED = 42
MARKERS = ("●", "■", "◆", "▲")
"""Of each column, as in the charts."""
PROBLEM = "_sampling_problem"
"""Why what was entered last was not taken, if it was not."""
FILE_BYTES = 100_000
_TWO_LINES = ' style="min-height: 3.3em"'
"""Of what acts in narrow columns: the settings below one line and below two stand at the same height."""


def opening() -> tuple[ColumnSpec, ...]:
    """What the page opens with: each column with noise of its own."""
    return tuple(replace(spec, seed=FIRST_SEED + number) for number, spec in enumerate(DEFAULT))


def columns_state() -> tuple[ColumnSpec, ...]:
    """The columns of the link, or those that were edited since; one that cannot be read is named."""
    default = written(opening())
    link.text_state(COLUMNS, default)
    try:
        specs = read(st.session_state[COLUMNS])
    except Unreadable as error:
        link.drop(link.Dropped(COLUMNS, st.session_state[COLUMNS][:40], "why", (("why", error.message),)))
        st.session_state[COLUMNS] = default
        specs = opening()
    # once texts were run, the link names them whatever the page opens with later
    link.text_written(COLUMNS, "" if st.session_state.get(GO) else default)
    return specs


def write_columns(specs: Sequence[ColumnSpec]) -> None:
    """Other columns take the place of these."""
    st.session_state[COLUMNS] = written(specs)


# -- heads ---------------------------------------------------------------------------------------------------------
def head(view: View, specs: Sequence[ColumnSpec], number: int, title: str) -> None:
    """A column's marker and title, what acts on its texts, and what of it transformers would refuse."""
    text, spec = view.text, specs[number]
    mark = f'<span style="color:{view.theme.categories[number]}" aria-hidden="true">{MARKERS[number]}</span>'
    acting = html.escape(_effective(spec, view.card.rules, text))
    height = _TWO_LINES if len(specs) > 2 else ""
    st.html(f'<p class="ls-card">{mark} {html.escape(title)}</p><p class="ls-note"{height}>{acting}</p>')
    for problem in impossible(spec):
        advice(text(f"sampling.impossible.{problem}", rows=spec.num_return_sequences, beams=spec.num_beams))


def _effective(spec: ColumnSpec, rules: ModelRules, text: Catalogue) -> str:
    """What acts, in the order in which it acts, and which of it is the model's own."""
    settings, beams = spec.settings(), spec.num_beams > 1
    acting = ", ".join(rules.in_order(settings, beams=beams))
    rows = text("sampling.rows", rows=spec.num_return_sequences, tokens=spec.max_new_tokens)
    if spec.num_beams > 1:
        kind = text("sampling.beam_sample" if spec.do_sample else "sampling.beam_search", beams=spec.num_beams)
    else:
        kind = text("sampling.drawn", seed=str(spec.seed)) if spec.do_sample else text("sampling.likeliest")
    order = text("sampling.order", names=acting) if acting else text("sampling.no_filter")
    facts = [rows, kind, order, acting_fact(rules, settings, text, beams=beams)]
    return " · ".join(fact for fact in facts if fact)


def names_of(specs: Sequence[ColumnSpec], text: Catalogue | None = None) -> tuple[str, ...]:
    """A name a column, equal ones numbered; in the language of `text`, or without one as files have them."""
    labels = [spec.label_in(text) if text else spec.label for spec in specs]
    return tuple(f"{label} ({number})" if labels.count(label) > 1 else label for number, label in enumerate(labels, 1))


# -- all columns ---------------------------------------------------------------------------------------------------
def whole_set(specs: Sequence[ColumnSpec], text: Catalogue) -> None:
    """What is done with the columns together: one more, the same noise, to a file, from a file."""
    st.button(
        text("sampling.add"),
        key="sampling_add",
        icon=":material/add:",
        disabled=len(specs) == MOST,
        on_click=_add,
        args=(specs,),
    )
    with st.popover(text("sampling.file"), icon=":material/description:"):
        st.download_button(
            text("sampling.save"),
            data=lambda: file_of(specs),
            file_name="logitscope-sampling-settings.json",
            mime="application/json",
            key="sampling_save",
            icon=":material/download:",
            on_click="ignore",
        )
        st.file_uploader(text("sampling.load"), type="json", key="sampling_file", on_change=_load, args=(text,))
    st.session_state["sampling_same"] = len(specs) > 1 and len({spec.seed for spec in specs}) == 1
    st.toggle(
        text("sampling.same_noise"),
        key="sampling_same",
        help=text("sampling.same_noise_help"),
        on_change=_same_noise,
        args=(specs,),
        disabled=len(specs) == 1,
    )


def problem() -> None:
    """Why what was entered last was not taken."""
    if message := st.session_state.pop(PROBLEM, ""):
        advice(message)


def _add(specs: Sequence[ColumnSpec]) -> None:
    seed = max(spec.seed for spec in specs) + 1
    write_columns([*specs, replace(PRESETS["bare"], seed=seed % 2**64)])


def new_seeds(specs: Sequence[ColumnSpec]) -> None:
    """Every column draws with other noise than any column before; columns with the same noise keep it in common."""
    seeds = [spec.seed for spec in specs]
    write_columns([replace(spec, seed=(spec.seed + max(seeds) - min(seeds) + 1) % 2**64) for spec in specs])


def _same_noise(specs: Sequence[ColumnSpec]) -> None:
    """Every column draws with the same noise, or each with its own."""
    first, same = specs[0].seed, st.session_state["sampling_same"]
    write_columns(
        [replace(spec, seed=first if same else (first + number) % 2**64) for number, spec in enumerate(specs)]
    )


def _load(text: Catalogue) -> None:
    """A file of settings takes the place of the columns, or says why it cannot."""
    given = st.session_state["sampling_file"]
    if given is None:
        return
    try:
        if given.size > FILE_BYTES:
            raise Unreadable("sampling.unreadable.size", most=FILE_BYTES // 1000)
        write_columns(read_file(given.getvalue()))
    except Unreadable as error:
        st.session_state[PROBLEM] = text(error.message.id, **error.message.facts)
