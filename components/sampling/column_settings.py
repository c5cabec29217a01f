"""The settings of one column, folded below its head: a preset, five settings in view, the others on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from components.sampling.columns import PROBLEM, write_columns
from components.shell.messages import quiet
from components.shell.view import View
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling.columns import (
    NAME_LENGTH,
    PRESETS,
    RANGES,
    ColumnSpec,
    changed,
    impossible,
    without_effect,
)

IN_VIEW = ("do_sample", "temperature", "top_k", "top_p", "num_beams")
MORE = (
    *("num_return_sequences", "max_new_tokens", "seed", "min_p", "typical_p", "repetition_penalty"),
    *("no_repeat_ngram_size", "length_penalty", "stop_strings", "name"),
)
_STEPS = {"temperature": 0.1, "top_p": 0.05, "min_p": 0.01, "typical_p": 0.05, "repetition_penalty": 0.05}
_NARROW, _WIDE = 130, 172
"""Widths of a setting [px]: short names, and all."""


def settings(view: View, specs: Sequence[ColumnSpec], number: int) -> None:
    """The settings of column `number`; open where transformers would refuse it."""
    text, rules, spec = view.text, view.card.rules, specs[number]
    key = f"sampling_settings_{number}"
    if impossible(spec):
        st.session_state[key] = True
    fold = st.expander(text("sampling.settings"), key=key, on_change="rerun")
    if not fold.open:
        return
    with fold:
        _preset(specs, number, text)
        idle = without_effect(spec)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            for name in IN_VIEW:
                _field(specs, number, name, text, idle.get(name))
        _reasons({name: why for name, why in idle.items() if name in IN_VIEW}, text)
        more = st.expander(text("sampling.more_settings"), key=f"sampling_more_{number}", on_change="rerun")
        if more.open:
            with more, st.container(horizontal=True, vertical_alignment="top"):
                for name in (*MORE, *(["model_rules"] if rules.values else [])):
                    _field(specs, number, name, text, idle.get(name))
            with more:
                _reasons({name: why for name, why in idle.items() if name in MORE}, text)
        st.button(
            text("sampling.remove"),
            key=f"sampling_remove_{number}",
            icon=":material/remove:",
            disabled=len(specs) == 1,
            on_click=_remove,
            args=(specs, number),
        )


def _reasons(idle: Mapping[str, str], text: Catalogue) -> None:
    """Why settings do nothing; `idle` is field -> reason."""
    for reason in dict.fromkeys(idle.values()):
        fields = ", ".join(name for name, why in idle.items() if why == reason)
        quiet(text(f"sampling.idle.{reason}", fields=fields))


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
        "width": _NARROW if name in IN_VIEW else _WIDE,
    }
    if isinstance(value, bool):
        st.session_state[key] = value
        st.toggle(name, **options | {"width": "content"})
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
        st.session_state[PROBLEM] = text(error.message.id, **error.message.facts)


def _with(specs: Sequence[ColumnSpec], number: int, spec: ColumnSpec) -> list[ColumnSpec]:
    return [*specs[:number], spec, *specs[number + 1 :]]


def _remove(specs: Sequence[ColumnSpec], number: int) -> None:
    write_columns([*specs[:number], *specs[number + 1 :]])
