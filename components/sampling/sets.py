"""Sets of texts compared: how they differ, how likely they are, what they answer, how long they are; and one knob."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.charts.sampling.answers import answers_figure, lengths_figure
from components.charts.sampling.sets import quality_diversity_figure, sets_figure, sweep_figure
from components.sampling import generation_task, progress
from components.sampling.columns import write_columns
from components.sampling.generation_task import GeneratedTexts
from components.sampling.panels import drawn, kind_of, texts_strip
from components.sampling.tables import page_table
from components.sampling.texts import Columns
from components.shell import link
from components.shell.messages import advice, notice, quiet, section
from components.shell.pickers import choice_picker
from components.shell.view import View
from components.shell.waiting import at_once
from dashboard.engine.api.generation import GenerateRequest
from dashboard.frames.sampling_sets import answer_frame, length_frame, set_frame, sweep_frame, text_ids
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling.columns import RANGES, ColumnSpec, changed, impossible
from dashboard.scripts.sampling import sets_script, sweep_script

ENOUGH = 20
"""Sets of at least so many texts say something about how they differ."""
KNOB_VALUES = {
    "temperature": "0.3, 0.7, 1, 1.5",
    "top_k": "5, 20, 50, 200",
    "top_p": "0.5, 0.8, 0.9, 0.95, 1",
    "min_p": "0.01, 0.05, 0.1, 0.3",
    "typical_p": "0.2, 0.5, 0.8, 0.95",
    "repetition_penalty": "1, 1.1, 1.3, 1.6",
}
"""What a sweep opens with."""
LEAST_VALUES, MOST_VALUES = 3, 9
VALUES, SWEEP_GO = "sampling_sweep_values", "sampling_sweep_go"


def sets(view: View, columns: Columns, generation: GeneratedTexts) -> None:
    """The four charts of sets, when there are texts enough."""
    text, generated = view.text, generation.generated
    enough = any(column.num_return_sequences >= ENOUGH for column in columns.request.columns if drawn(column))
    section(text("sampling.sets"), text("sampling.sets_note") if enough else text("sampling.sets_few", enough=ENOUGH))
    if not enough:
        st.button(text("sampling.sets_more", enough=ENOUGH), key="sampling_more", on_click=_more, args=(columns,))
        return
    said = view.tokenizer.decode(tuple(text_ids(output) for output in generated.outputs))
    frame = set_frame(generated, columns.names)
    answers, lengths = answer_frame(generated, columns.names, said), length_frame(generated, columns.names)
    charts = (
        ("sets", frame, sets_figure),
        ("quality", frame, quality_diversity_figure),
        ("answers", answers, answers_figure),
        ("lengths", lengths, lengths_figure),
    )
    holders = [holder for _ in range(2) for holder in st.columns([1.3, 1], gap="medium")]
    for holder, (name, table, figure) in zip(holders, charts, strict=True):
        with holder:
            _panel(view, columns, generation, name=name, frame=table, figure=partial(figure, columns.titled(table)))


def _panel(
    view: View,
    columns: Columns,
    generation: GeneratedTexts,
    *,
    name: str,
    frame: pd.DataFrame,
    figure: Callable[..., Any],
) -> None:
    view.panel(
        name,
        [columns.request],
        options={"names": columns.names, **generation.cut_off},
        figure=figure,
        frame=lambda: frame,
        **page_table(columns, frame, view.text),
        script=lambda origin: sets_script(view.card, origin, columns.request, name, names=columns.names),
        strip=[
            view.text("sampling.sampled", n=_least(columns)),
            *texts_strip(view, generation, columns.request.columns),
        ],
        kind=kind_of(columns.request.columns),
        alt={"columns": len(columns.specs)},
    )


def _least(columns: Columns) -> int:
    """Texts of the smallest drawn column."""
    return min(column.num_return_sequences for column in columns.request.columns if drawn(column))


def _more(columns: Columns) -> None:
    """Every drawn column makes enough texts."""
    write_columns(
        [
            replace(spec, num_return_sequences=max(ENOUGH, spec.num_return_sequences))
            if spec.do_sample and spec.num_beams == 1
            else spec
            for spec in columns.specs
        ]
    )


# -- one knob ------------------------------------------------------------------------------------------------------
def named_in_link() -> bool:
    """Whether a link of before there was a fold shows a sweep."""
    return bool(st.session_state.get(SWEEP_GO) or st.query_params.get(SWEEP_GO))


def sweep(view: View, columns: Columns) -> None:
    """One setting of a column over several values: the set metrics against it."""
    text = view.text
    quiet(text("sampling.sweep_note", enough=ENOUGH))
    of_at, knob_at, values_at, run_at = st.columns([1.2, 1, 1.4, 0.8], vertical_alignment="bottom")
    with of_at:
        base = _base(columns, view)
    with knob_at:
        knob = choice_picker("sampling_knob", text("sampling.knob"), text=text, prefix="sampling.knobs")
    with values_at:
        values = _values(knob, view)
    specs = None if values is None else _swept(base, knob, values, view)
    if values is None or specs is None:
        return
    request = GenerateRequest(view.key, tuple(spec.column() for spec in specs))
    generation = _swept_texts(view, request, run_at)
    if generation is None:
        return
    frame = sweep_frame(generation.generated, values)
    view.panel(
        "sweep",
        [request],
        options={"knob": knob, "values": values},
        figure=partial(sweep_figure, frame, knob=knob),
        frame=lambda: frame,
        **page_table(columns, frame, text),
        script=lambda origin: sweep_script(view.card, origin, request, knob, values),
        strip=[
            text("sampling.sampled", n=specs[0].num_return_sequences),
            *texts_strip(view, generation, request.columns),
        ],
        kind="sampled",
        alt={"values": len(values)},
        suffix=knob,
    )


def _swept_texts(view: View, request: GenerateRequest, run_at: DeltaGenerator) -> GeneratedTexts | None:
    """The texts of all values; what is there of them is of no use before the end."""
    text = view.text
    cost = view.engine.cost(request)
    name = generation_task.name_in_link(request)
    link.text_state(SWEEP_GO, "")
    link.text_written(SWEEP_GO, "")
    go = st.session_state[SWEEP_GO] == name or at_once(cost.seconds)
    generation, work = generation_task.follow(view, request, (), go=go, slot="sweep")
    if work is not None:
        with run_at:
            progress.stop_button(work, text, "sweep")
        progress.watched(work, text)
    elif generation is None or generation.unfinished:
        with run_at:
            st.button(text("sampling.run_sweep"), key="sampling_sweep_run", on_click=_go, args=(name,))
        progress.estimated(cost, text)
    if generation is not None and generation.unfinished:
        notice(text("sampling.sweep_stopped"))
        return None
    return generation


def _go(name: str) -> None:
    generation_task.forget("sweep")
    st.session_state[SWEEP_GO] = name


def _base(columns: Columns, view: View) -> ColumnSpec:
    """The column whose other settings are kept."""
    key, options = "sampling_sweep_column", [str(number) for number in range(len(columns.specs))]
    default = next((str(at) for at, spec in enumerate(columns.specs) if spec.do_sample), "0")
    link.choice_state(key, options, default)
    st.selectbox(
        view.text("sampling.sweep_of"),
        options,
        key=key,
        format_func=lambda number: columns.titles[int(number)],
        persist_state="session",
    )
    return columns.specs[int(link.choice_written(key, default))]


def _values(knob: str, view: View) -> tuple[float, ...] | None:
    """The values that were typed; ``None``, with advice, when they cannot be read."""
    default = KNOB_VALUES[knob]
    link.text_state(VALUES, "")
    typed = st.text_input(
        view.text("sampling.sweep_values"), key=VALUES, placeholder=default, max_chars=100, persist_state="session"
    )
    link.text_written(VALUES, "")
    parts = [part for part in (typed or default).replace(";", ",").split(",") if part.strip()]
    try:
        numbers = sorted({float(part) for part in parts})
    except ValueError:
        numbers = []
    if not LEAST_VALUES <= len(numbers) <= MOST_VALUES:
        advice(view.text("sampling.sweep_bad", least=LEAST_VALUES, most=MOST_VALUES))
        return None
    return tuple(numbers)


def _swept(base: ColumnSpec, knob: str, values: tuple[float, ...], view: View) -> list[ColumnSpec] | None:
    """A column a value; ``None``, with advice, where a value cannot be."""
    whole = isinstance(getattr(base, knob), int)
    rows = max(base.num_return_sequences, ENOUGH)
    low, high = RANGES[knob]
    try:
        drawn = replace(base, do_sample=True, num_beams=1, num_return_sequences=rows, name="")
        specs = [changed(drawn, {knob: int(value) if whole and value.is_integer() else value}) for value in values]
    except Unreadable:
        advice(view.text("sampling.sweep_range", knob=knob, low=f"{low:g}", high=f"{high:g}"))
        return None
    for problem in dict.fromkeys(problem for spec in specs for problem in impossible(spec)):
        advice(view.text(f"sampling.impossible.{problem}", rows=rows, beams=1))
        return None
    return specs
