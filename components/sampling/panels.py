"""The panels of the Sampling page: running, the texts beside each other, and their table."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.sampling import generation_task, progress
from components.sampling.column_settings import settings
from components.sampling.columns import GO, head, new_seeds, problem, whole_set
from components.sampling.generation_task import GeneratedTexts
from components.sampling.tables import page_table
from components.sampling.texts import Columns, TextColumns
from components.shell import link
from components.shell.messages import finding, notice, quiet, section
from components.shell.model_rules import rules_told, texts_fact
from components.shell.panel import File, Kind
from components.shell.pickers import choice_picker
from components.shell.view import View, error_frame, model_facts
from components.shell.waiting import News, at_once
from dashboard.engine.api.generation import Column, assembled
from dashboard.export import csv_bytes, jsonl_bytes
from dashboard.frames.sampling import generated_ids, sequence_frame, token_frame, token_records
from dashboard.frames.sampling_sets import text_ids
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling import forks as forking
from dashboard.scripts.sampling import texts_script

FORKS, BASELINE = "sampling_forks", "sampling_baseline"
_PICKER_WIDTH = 210
"""[px]"""


# -- running -------------------------------------------------------------------------------------------------------
def texts_panel(view: View, columns: Columns) -> GeneratedTexts | None:
    """The texts of all columns beside each other, each below its settings; what was found, above; controls, below."""
    text, specs = view.text, columns.specs
    finding_at = st.container()
    head_at = st.container(horizontal=True, vertical_alignment="center")
    with head_at, st.container(width="content"):  # without a line: it would end beside the button
        heading = html.escape(text("sampling.texts"))
        st.html(f'<div class="ls-section"><h2 style="border: 0; padding: 0">{heading}</h2></div>')
    problem()
    for number, holder in enumerate(st.columns(len(specs))):
        with holder:
            head(view, specs, number, columns.titles[number])
            settings(view, specs, number)
    texts_at = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=_PICKER_WIDTH):
            colour = choice_picker("sampling_colour", text("sampling.colour"), text=text, prefix="sampling.colours")
        with st.container(width=_PICKER_WIDTH):
            baseline = _baseline(columns, text)
        whole_set(specs, text)
        forks = _forks(view)
    quiet(text(f"sampling.colour_note.{colour}"))
    rules_told(view.card.rules, text)
    board = TextColumns(view, columns, forks, colour, baseline, _fork if len(forks) < forking.MOST else None)
    if not columns.possible:
        with finding_at:
            finding(text("sampling.mend_first"))
        return None
    with texts_at, error_frame(text):
        return _generated(board, finding_at, head_at)
    return None


def _generated(board: TextColumns, finding_at: DeltaGenerator, head_at: DeltaGenerator) -> GeneratedTexts | None:
    """The texts, finished or growing; work that takes long waits for *Generate*.

    Raises:
        DashboardError: the texts would be too long, too many, or the engine's.
    """
    view, columns, text = board.view, board.columns, board.view.text
    cost = view.engine.cost(columns.request)
    name = generation_task.name_in_link(columns.request)
    link.text_state(GO, "")
    link.text_written(GO, "")
    go = st.session_state[GO] == name or at_once(cost.seconds)
    generation, work = generation_task.follow(view, columns.request, board.forks, go=go)
    with head_at:
        _button(columns, name, generation, work, text)
    with finding_at:
        if generation is not None:
            finding(texts_finding(columns, generation, text))
        elif work is not None:
            being_made = text("sampling.being_made", texts=sum(spec.num_return_sequences for spec in columns.specs))
            beams = any(spec.num_beams > 1 for spec in columns.specs)
            finding(f"{being_made} {text('sampling.beams_later')}" if beams else being_made)
        else:
            progress.estimated(cost, text)
    if generation is not None and generation.unfinished:
        notice(text("sampling.stopped_busy" if generation.unfinished == "busy" else "sampling.stopped"))
    for number, dropped in enumerate(generation.generated.dropped if generation else ()):
        if dropped:
            notice(text("sampling.dropped", count=dropped, name=columns.titles[number]))
    if generation is not None or work is not None:
        _texts(board, generation, work)
    return generation


def _button(
    columns: Columns,
    name: str,
    generation: GeneratedTexts | None,
    work: generation_task.GenerationTask | None,
    text: Catalogue,
) -> None:
    """Beside the heading: Stop while texts grow, other seeds when they are there, Generate else."""
    if work is not None:
        st.button(text("sampling.generate"), key="sampling_running", disabled=True)  # Stop is not where Generate was
        progress.stop_button(work, text, "texts")
    elif generation is None or generation.unfinished:
        st.button(text("sampling.generate"), type="primary", key="sampling_run", on_click=_go, args=(name,))
    elif any(spec.do_sample for spec in columns.specs):
        st.button(
            text("sampling.new_seeds"),
            key="sampling_new_seeds",
            icon=":material/casino:",
            on_click=new_seeds,
            args=(columns.specs,),
            help=text("sampling.new_seeds_help"),
        )


def texts_finding(columns: Columns, generation: GeneratedTexts, text: Catalogue) -> str:
    """How many texts differ, and how likely a token of each column is: exp of the mean of ln p over all its tokens."""
    outputs = [output for output in generation.generated.outputs if len(output.ids)]
    different = len({text_ids(output) for output in outputs})
    which = "all" if different == len(outputs) else "some"
    count = text(f"sampling.finding.{'one' if len(outputs) == 1 else which}", texts=len(outputs), different=different)
    means = []
    for number, title in enumerate(columns.titles):
        log_p = [output.log_p for output in outputs if output.column == number]
        if log_p:
            mean = math.exp(np.concatenate(log_p).mean(dtype=np.float64))
            means.append(
                text("sampling.finding.of_column", name=title.replace(" ", "\u00a0"), prob=text.number(mean, 2, "g"))
            )
    return f"{count} {text('sampling.finding.means', means='; '.join(means))}" if means else count


def _texts(board: TextColumns, generation: GeneratedTexts | None, work: generation_task.GenerationTask | None) -> None:
    """The texts, finished or growing, in one fragment: what the person opened in them stays when they end."""
    text, forks = board.view.text, st.session_state[FORKS]
    news = News(lambda: work and work.state, generation_task.POLL_SECONDS)

    @st.fragment(run_every=generation_task.POLL_SECONDS if work is not None else None)
    def look() -> None:
        if st.session_state[FORKS] != forks:  # another token was chosen
            st.rerun()
        if work is not None:
            news.begin()
            board.running(assembled(list(work.steps), board.columns.request, unfinished=""))
            progress.bar(work, text)
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
        format_func=lambda at: text("sampling.no_baseline") if at == "none" else columns.titles[int(at)],
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
        **page_table(columns, frame, text),
        numbers=lambda: token_frame(generated, columns.names, tokens)[["id"]],
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
