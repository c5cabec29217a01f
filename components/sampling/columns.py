"""Columns of decode settings on the page: a card each, one of them in the editor, all of them in the link."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from components.shell import link
from components.shell.messages import advice, literal_label, quiet
from components.shell.model_rules import acting_fact, rules_told
from components.shell.view import View
from dashboard.engine.api.decoding import ModelRules
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling.columns import (
    DEFAULT,
    MOST,
    NAME_LENGTH,
    PRESETS,
    RANGES,
    ColumnSpec,
    changed,
    file_of,
    impossible,
    read,
    read_file,
    without_effect,
    written,
)

COLUMNS, GO = "sampling_columns", "sampling_go"
EDITED = "sampling_edited"
FIRST_SEED = 42
MARKERS = ("●", "■", "◆", "▲")
"""Of each column, as in the charts."""
_FIELDS = (
    ("do_sample", "temperature", "top_k", "top_p", "min_p"),
    ("typical_p", "repetition_penalty", "no_repeat_ngram_size", "num_beams", "length_penalty"),
    ("num_return_sequences", "max_new_tokens", "seed", "stop_strings", "name"),
)
"""The editor's rows."""
_STEPS = {"temperature": 0.1, "top_p": 0.05, "min_p": 0.01, "typical_p": 0.05, "repetition_penalty": 0.05}
_PROBLEM = "_sampling_problem"
FILE_BYTES = 100_000


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


# -- cards ---------------------------------------------------------------------------------------------------------
def cards(specs: Sequence[ColumnSpec], names: Sequence[str], view: View) -> None:
    """Each column's name, marker and effective settings, and what transformers would refuse; the model's own rules."""
    text, theme, rules = view.text, view.theme, view.card.rules
    for number, (holder, spec) in enumerate(zip(st.columns(len(specs)), specs, strict=True)):
        with holder:
            mark = f'<span style="color:{theme.categories[number]}" aria-hidden="true">{MARKERS[number]}</span>'
            lines = html.escape(_effective(spec, rules, text))
            title = html.escape(names[number])
            st.html(f'<p class="ls-card">{mark} {title}</p><p class="ls-note">{lines}</p>')
            for problem in impossible(spec):
                advice(text(f"sampling.impossible.{problem}", rows=spec.num_return_sequences, beams=spec.num_beams))
    rules_told(rules, text)


def _effective(spec: ColumnSpec, rules: ModelRules, text: Catalogue) -> str:
    """What acts, in the order in which it acts, and which of it is the model's own."""
    settings, beams = spec.settings(), spec.num_beams > 1
    acting = ", ".join(rules.in_order(settings, beams=beams)) or text("sampling.nothing_acts")
    rows = text("sampling.rows", rows=spec.num_return_sequences, tokens=spec.max_new_tokens)
    if spec.num_beams > 1:
        kind = text("sampling.beam_sample" if spec.do_sample else "sampling.beam_search", beams=spec.num_beams)
    else:
        kind = text("sampling.drawn", seed=str(spec.seed)) if spec.do_sample else text("sampling.likeliest")
    facts = [rows, kind, text("sampling.order", names=acting), acting_fact(rules, settings, text, beams=beams)]
    return " · ".join(fact for fact in facts if fact)


def names_of(specs: Sequence[ColumnSpec]) -> tuple[str, ...]:
    """A name a column; equal ones are numbered."""
    labels = [spec.label for spec in specs]
    return tuple(f"{label} ({number})" if labels.count(label) > 1 else label for number, label in enumerate(labels, 1))


# -- the editor ----------------------------------------------------------------------------------------------------
def editor(specs: Sequence[ColumnSpec], names: Sequence[str], view: View) -> None:
    """All settings of one column, and what is done with columns as a whole."""
    text, rules = view.text, view.card.rules
    with st.expander(text("sampling.edit"), expanded=True):
        _toolbar(specs, text)
        if st.session_state.get(EDITED) not in range(len(specs)):
            st.session_state[EDITED] = 0
        column_at, preset_at = st.columns([3, 2], vertical_alignment="bottom")
        with column_at:
            chosen = st.segmented_control(
                text("sampling.edited"),
                range(len(specs)),
                key=EDITED,
                format_func=lambda at: f"{MARKERS[at]} {literal_label(names[at])}",
                required=True,
            )
        number = chosen or 0
        idle = without_effect(specs[number])
        with preset_at:
            _preset(specs, number, text)
        for row in _FIELDS:
            for holder, name in zip(st.columns(len(row), vertical_alignment="top"), row, strict=True):
                with holder:
                    _field(specs, number, name, text, idle.get(name))
        if rules.values:
            _field(specs, number, "model_rules", text, None)
        reasons = [
            text(f"sampling.idle.{reason}", fields=", ".join(name for name, why in idle.items() if why == reason))
            for reason in dict.fromkeys(idle.values())
        ]
        quiet(" ".join(reasons))
    problem = st.session_state.pop(_PROBLEM, "")
    if problem:
        advice(problem)


def _preset(specs: Sequence[ColumnSpec], number: int, text: Catalogue) -> None:
    key = f"sampling_preset_{number}"

    def take() -> None:
        name = st.session_state[key]
        if name:
            write_columns(_with(specs, number, replace(PRESETS[name], seed=specs[number].seed)))
            st.session_state[key] = None

    st.selectbox(
        text("sampling.preset"),
        list(PRESETS),
        index=None,
        key=key,
        placeholder=text("sampling.preset_choose"),
        format_func=lambda name: text(f"sampling.presets.{name}"),
        on_change=take,
    )


def _field(specs: Sequence[ColumnSpec], number: int, name: str, text: Catalogue, idle: str | None) -> None:
    """One setting; greyed where it does nothing."""
    key = f"sampling_{number}_{name}"
    value = getattr(specs[number], name)
    change = partial(_take, specs, number, name, key, text)
    options: dict[str, Any] = {
        "key": key,
        "help": text(f"parameter.{name}.meaning"),
        "on_change": change,
        "disabled": idle is not None,
    }
    if isinstance(value, bool):
        st.session_state[key] = value
        st.toggle(name, **options)
    elif name == "stop_strings":
        st.session_state[key] = "\n".join(stop.replace("\\", "\\\\").replace("\n", "\\n") for stop in value)
        st.text_area(name, height=68, placeholder=text("sampling.stop_hint"), **options)
    elif name in {"name", "seed"}:  # a seed may be larger than a browser's numbers
        st.session_state[key] = str(value)
        st.text_input(text("sampling.name") if name == "name" else name, max_chars=NAME_LENGTH, **options)
    else:
        low, high = RANGES[name]
        whole = isinstance(value, int)
        kind = int if whole else float
        st.session_state[key] = value
        step = kind(_STEPS.get(name, 1))
        st.number_input(name, kind(low), kind(high), step=step, format="%d" if whole else "%g", **options)


def _take(specs: Sequence[ColumnSpec], number: int, name: str, key: str, text: Catalogue) -> None:
    """A setting was changed on the page."""
    value: Any = st.session_state[key]
    if name == "stop_strings":
        lines = [line for line in value.split("\n") if line]
        value = [line.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\") for line in lines]
    elif name == "seed":
        digits = value.strip()
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= NAME_LENGTH else value
    try:
        write_columns(_with(specs, number, changed(specs[number], {name: value})))
    except Unreadable as error:
        st.session_state[_PROBLEM] = text(error.message.id, **error.message.facts)


def _with(specs: Sequence[ColumnSpec], number: int, spec: ColumnSpec) -> list[ColumnSpec]:
    return [*specs[:number], spec, *specs[number + 1 :]]


def _toolbar(specs: Sequence[ColumnSpec], text: Catalogue) -> None:
    """Add, remove, same noise, file out, file in."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            text("sampling.add"),
            key="sampling_add",
            icon=":material/add:",
            disabled=len(specs) == MOST,
            on_click=_add,
            args=(specs,),
        )
        st.button(
            text("sampling.remove"),
            key="sampling_remove",
            icon=":material/remove:",
            disabled=len(specs) == 1,
            on_click=_remove,
            args=(specs,),
        )
        st.session_state["sampling_same"] = len(specs) > 1 and len({spec.seed for spec in specs}) == 1
        st.toggle(
            text("sampling.same_noise"),
            key="sampling_same",
            help=text("sampling.same_noise_help"),
            on_change=_same_noise,
            args=(specs,),
            disabled=len(specs) == 1,
        )
        st.download_button(
            text("sampling.save"),
            data=lambda: file_of(specs),
            file_name="logitscope-sampling-settings.json",
            mime="application/json",
            key="sampling_save",
            icon=":material/download:",
            on_click="ignore",
        )
        with st.popover(text("sampling.load"), icon=":material/upload:"):
            st.file_uploader(
                text("sampling.load_help"), type="json", key="sampling_file", on_change=_load, args=(text,)
            )


def _add(specs: Sequence[ColumnSpec]) -> None:
    seed = max(spec.seed for spec in specs) + 1
    write_columns([*specs, replace(PRESETS["bare"], seed=seed % 2**64)])
    st.session_state[EDITED] = len(specs)


def _remove(specs: Sequence[ColumnSpec]) -> None:
    number = st.session_state.get(EDITED) or 0
    write_columns([*specs[:number], *specs[number + 1 :]])
    st.session_state[EDITED] = max(0, number - 1)


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
        st.session_state[_PROBLEM] = text(error.message.id, **error.message.facts)
