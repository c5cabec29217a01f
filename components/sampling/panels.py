"""The panels of the Sampling page: running, the texts beside each other, and their table."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from components.sampling import generation_task
from components.sampling.columns import GO
from components.sampling.generation_task import GeneratedTexts
from components.sampling.texts import Columns, TextColumns
from components.shell import link
from components.shell.messages import notice, quiet, section
from components.shell.model_rules import texts_fact
from components.shell.panel import File, Kind
from components.shell.pickers import choice_picker
from components.shell.view import View, model_facts
from components.shell.waiting import News
from dashboard.engine.api.generation import Column, assembled
from dashboard.export import csv_bytes, jsonl_bytes
from dashboard.frames.sampling import generated_ids, sequence_frame, token_frame, token_records
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling import forks as forking
from dashboard.scripts.sampling import texts_script

FORKS, BASELINE = "sampling_forks", "sampling_baseline"


# -- running -------------------------------------------------------------------------------------------------------
def texts_panel(view: View, columns: Columns) -> GeneratedTexts | None:
    """Run, progress, and the texts of all columns beside each other.

    Raises:
        DashboardError: the texts would be too long, too many, or the engine's.
    """
    text, request = view.text, columns.request
    if not columns.possible:
        quiet(text("sampling.mend_first"))
        return None
    cost = view.engine.cost(request)
    name = generation_task.name_in_link(request)
    link.text_state(GO, "")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(text("sampling.run"), type="primary", key="sampling_run", on_click=_go, args=(name,))
        seconds = "?" if math.isnan(cost.seconds) else text.number(max(cost.seconds, 0.1), 1)
        estimate = text(
            "sampling.cost", tokens=cost.tokens, seconds=seconds, megabytes=text.number(cost.nbytes / 1e6, 1)
        )
        beams = any(spec.num_beams > 1 for spec in columns.specs)
        quiet(f"{estimate} {text('sampling.beams_later')}" if beams else estimate)
    link.text_written(GO, "")
    go = st.session_state[GO] == name
    forks = _forks(view)
    colour_at, baseline_at, note_at = st.columns([1, 1, 2], vertical_alignment="bottom")
    with colour_at:
        colour = choice_picker("sampling_colour", text("sampling.colour"), text=text, prefix="sampling.colours")
    with baseline_at:
        baseline = _baseline(columns, text)
    with note_at:
        quiet(text(f"sampling.colour_note.{colour}"))
    generation, work = generation_task.follow(view, request, forks, go=go)
    if generation is None and work is None and not go:
        quiet(text("sampling.not_yet"))
    if generation is not None and generation.unfinished:
        notice(text("sampling.stopped_busy" if generation.unfinished == "busy" else "sampling.stopped"))
    for number, dropped in enumerate(generation.generated.dropped if generation else ()):
        if dropped:
            notice(text("sampling.dropped", count=dropped, name=columns.names[number]))
    if generation is not None or work is not None:
        _texts(
            TextColumns(view, columns, forks, colour, baseline, _fork if len(forks) < forking.MOST else None),
            generation,
            work,
        )
    return generation


def _texts(board: TextColumns, generation: GeneratedTexts | None, work: generation_task.GenerationTask | None) -> None:
    """The texts, finished or growing, in one fragment: what the person opened in them stays when they end."""
    text, forks = board.view.text, st.session_state[FORKS]
    if work is not None:
        generation_task.stop_button(work, text, "texts")
    news = News(lambda: work and work.state, generation_task.POLL_SECONDS)

    @st.fragment(run_every=generation_task.POLL_SECONDS if work is not None else None)
    def look() -> None:
        if st.session_state[FORKS] != forks:  # another token was chosen
            st.rerun()
        if work is not None:
            news.begin()
            generation_task.progress(work, text)
            board.running(assembled(list(work.steps), board.columns.request, unfinished=""))
            news.wait()
        elif generation is not None:
            board.finished(generation)

    look()


def _go(name: str) -> None:
    generation_task.forget()
    st.session_state[GO] = name


def _forks(view: View) -> tuple[forking.Fork, ...]:
    """The forks of the link, or those that were made since."""
    link.text_state(FORKS, "")
    try:
        forks = forking.read(st.session_state[FORKS])
    except Unreadable as error:
        link.drop(link.Dropped(FORKS, st.session_state[FORKS][:40], "why", (("why", error.message),)))
        st.session_state[FORKS], forks = "", ()
    link.text_written(FORKS, "")
    if forks:
        st.button(view.text("sampling.no_forks", count=len(forks)), key="sampling_no_forks", on_click=_no_forks)
    if len(forks) >= forking.MOST:
        quiet(view.text("sampling.most_forks", most=forking.MOST))
    return forks


def _no_forks() -> None:
    st.session_state[FORKS] = ""


def _fork(fork: forking.Fork) -> None:
    """Another token was chosen somewhere: one fork more, in the link."""
    forks = forking.read(st.session_state[FORKS])
    if fork not in forks:
        st.session_state[FORKS] = forking.written([*forks, fork])


def _baseline(columns: Columns, text: Catalogue) -> int | None:
    """The column that others are compared with, if any."""
    options = ["none", *map(str, range(len(columns.specs)))]
    link.choice_state(BASELINE, options, "none")
    st.selectbox(
        text("sampling.baseline"),
        options,
        key=BASELINE,
        format_func=lambda at: text("sampling.no_baseline") if at == "none" else columns.names[int(at)],
        help=text("sampling.baseline_help"),
        persist_state="session",
    )
    chosen = link.choice_written(BASELINE, "none")
    return None if chosen == "none" else int(chosen)


# -- their table ---------------------------------------------------------------------------------------------------
def sequences(view: View, columns: Columns, generation: GeneratedTexts) -> None:
    """The table of texts with their likelihoods; every token as a file."""
    text, generated = view.text, generation.with_forks()
    forks = forking.read(st.session_state[FORKS])
    named = dict.fromkeys(generated_ids(generated))
    tokens = dict(zip(named, view.tokenizer.tokens(tuple(named)), strict=True))
    said = view.tokenizer.decode(tuple(tuple(output.ids.tolist()) for output in generated.outputs))
    frame = sequence_frame(generated, columns.names, said)
    section(text("sampling.table"), text("sampling.table_note"))
    view.panel(
        "sequences",
        [columns.request],
        options={"names": columns.names, "forks": forking.written(forks), **generation.cut_off},
        figure=None,
        frame=lambda: frame,
        script=lambda origin: texts_script(view.card, origin, columns.request, names=columns.names, forks=forks),
        strip=texts_strip(view, generation, columns.request.columns),
        kind=kind_of(columns.request.columns),
        files=(
            File(
                text("sampling.tokens_csv"),
                "tokens.csv",
                "text/csv",
                lambda origin: csv_bytes(token_frame(generated, columns.names, tokens), origin),
            ),
            File(
                text("sampling.tokens_jsonl"),
                "tokens.jsonl",
                "application/jsonl",
                lambda origin: jsonl_bytes(token_records(generated, columns.names, tokens), origin),
            ),
        ),
    )


def kind_of(columns: Sequence[Column]) -> Kind:
    """What kind of numbers texts of `columns` are: drawn in any of them, else those of a search, else the likeliest."""
    if any(drawn(column) for column in columns):
        return "sampled"
    return "search" if any(column.num_beams > 1 for column in columns) else "exact"


def drawn(column: Column) -> bool:
    """Whether its texts are a sample: neither beams nor always the likeliest."""
    return column.num_beams == 1 and column.settings.do_sample


def texts_strip(view: View, generation: GeneratedTexts, columns: Sequence[Column]) -> list[str]:
    """What the texts of `columns` are: drawn, how, by which rules of the model, how fast."""
    text, generated = view.text, generation.generated
    count = sum(len(output.ids) for output in generated.outputs)
    pace = text.number(count / max(generated.seconds, 1e-9), 1)
    way = text(f"sampling.ways.{generated.way}") if generated.way else ""
    facts = model_facts(view, generated.seconds)
    facts_of_draws = [
        text("sampling.exact_numbers"),
        text("sampling.noise"),
        texts_fact(view.card.rules, columns, text),
    ]
    return [*facts_of_draws, way, text("sampling.pace", pace=pace), *facts]
