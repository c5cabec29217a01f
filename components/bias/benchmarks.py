"""Published benchmarks on a person's own file: what it is, its cost, the job, and what it found so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from components.bias.findings import benchmark_finding
from components.bias.layout import heads
from components.charts.bias.benchmarks import benchmark_figure
from components.jobs.panels import job_box, job_runner, other_run, start_button
from components.shell import link
from components.shell.messages import finding, notice, quiet, section
from components.shell.view import View, error_frame
from dashboard.benchmarks.files import BENCHMARKS, MAX_BYTES, Benchmark
from dashboard.engine.api.request import Cost
from dashboard.errors import JobUnknown, NoTextStart
from dashboard.job_kinds.benchmark import (
    BENCHMARK,
    BenchmarkFile,
    BenchmarkResult,
    benchmark_cost,
    benchmark_result,
    benchmark_spec,
    read_file,
)
from dashboard.job_kinds.keys import JobResults, job_results
from dashboard.jobs.spec import JobSpec
from dashboard.jobs.status import JobStatus
from dashboard.parsing.text_files import checked_size
from dashboard.run_key import Origin
from dashboard.scripts.bias import benchmark_script
from dashboard.tokens import Token, shortened
from dashboard.view_state import FIELDS

CHOSEN, JOB, PREFIX = "bias_benchmark", "bias_job", "bias_prefix"
SHOWN_LINES = 12
"""Of the lines left out for one reason so many are named."""
SHOWN_CATEGORIES = 20
_READ, _RESULTS = "_bias_benchmark_read", "_bias_benchmark_results"


@dataclass(frozen=True)
class _Read:
    """The last file of this person, and the job that it would be."""

    name: tuple[object, ...]
    file: BenchmarkFile
    spec: JobSpec
    cost: Cost


@dataclass(frozen=True)
class _Results:
    """What the finished items of a job say."""

    name: tuple[str, int]
    result: BenchmarkResult


def benchmarks(view: View) -> None:
    """The whole block: the job of the link, or a file to choose."""
    text = view.text
    link.text_state(JOB, "")
    section(text("bias_jobs.benchmarks"), text("bias_jobs.benchmarks_note"))
    with error_frame(text):
        job_id = st.session_state[JOB]
        if job_id:
            st.button(
                text("bias_jobs.other_file"), key="bias_other_file", on_click=_leave, icon=":material/arrow_back:"
            )
            _job(job_id, view)
        else:
            _file(view)
    link.text_written(JOB, "")


def _leave() -> None:
    """The job stays; its link is left."""
    st.session_state[JOB] = ""


# -- the file ------------------------------------------------------------------------------------------------------
def _file(view: View) -> None:
    """Choose a benchmark and give its file. Raises DashboardError."""
    text = view.text
    chosen_at, prefix_at = st.columns(2)
    with chosen_at:
        benchmark = _benchmark(view)
    with prefix_at:
        prefix = _prefix(view)
    quiet(text(f"probes.benchmark.{benchmark.slug}.about"))
    quiet(
        text(
            "probes.benchmark.about_all",
            address=benchmark.address,
            licence=benchmark.licence,
            paper=benchmark.paper,
            files=", ".join(benchmark.files),
        )
    )
    notice(text(f"probes.benchmark.{benchmark.slug}.careful"))
    # of any type: Streamlit would refuse the others with a red mark and no words
    given = st.file_uploader(
        text("bias_jobs.upload", benchmark=benchmark.name, megabytes=MAX_BYTES // 1_000_000),
        key=f"bias_file_{benchmark.slug}",
        help=text("bias_jobs.upload_help"),
    )
    if given is None:
        return
    checked_size(given.size, MAX_BYTES)
    version = view.card.version
    name = (benchmark.slug, given.file_id, version.model, version.revision, prefix.id)
    held: _Read | None = st.session_state.get(_READ)
    if held is None or held.name != name:
        file = read_file(benchmark.slug, given.getvalue(), given.name)
        spec = benchmark_spec(file, version, prefix)
        held = st.session_state[_READ] = _Read(name, file, spec, benchmark_cost(view.engine, spec))
    _read_notes(held.file, view)
    if start_button(held.spec, held.cost, view):
        st.session_state[JOB] = held.spec.id
        st.rerun()


def _benchmark(view: View) -> Benchmark:
    """Which of the published ones."""
    known = {benchmark.slug: benchmark for benchmark in BENCHMARKS}
    default = FIELDS[CHOSEN].default
    link.choice_state(CHOSEN, list(known), default)
    st.selectbox(
        view.text("bias_jobs.benchmark"),
        list(known),
        key=CHOSEN,
        format_func=lambda slug: known[slug].name,
        persist_state="session",
    )
    return known[link.choice_written(CHOSEN, default)]


def _prefix(view: View) -> Token:
    """Behind which token every text begins. Raises NoTextStart."""
    starts = view.tokenizer.tokens(view.tokenizer.text_starts())
    if not starts:
        raise NoTextStart(model=view.card.label)
    known = {str(token.id): token for token in starts}
    default = str(starts[0].id)
    link.choice_state(PREFIX, list(known), default)
    st.selectbox(
        view.text("bias_jobs.prefix"),
        list(known),
        key=PREFIX,
        format_func=lambda name: f"{known[name].piece} ({name})",
        help=view.text("bias_jobs.prefix_help"),
        persist_state="session",
    )
    return known[link.choice_written(PREFIX, default)]


def _read_notes(file: BenchmarkFile, view: View) -> None:
    """What was read, and what was not."""
    text = view.text
    categories = [f"{name} {count}" for name, count in file.categories().items()]
    named = ", ".join(categories[:SHOWN_CATEGORIES]) + (" …" if len(categories) > SHOWN_CATEGORIES else "")
    quiet(text("bias_jobs.read", items=len(file.items), categories=named))
    if file.encoding not in ("utf-8", "utf-8-sig"):
        quiet(text("probes.note.encoding", name=file.encoding))
    if file.without_share:
        names = shortened(_first(file.without_share), 300)
        quiet(text("bias_jobs.without_share", count=len(file.without_share), names=names))
    for reason, count in Counter(line.reason for line in file.skipped).items():
        lines = _first([str(line.line) for line in file.skipped if line.reason == reason])
        quiet(text("bias_jobs.skipped", count=count, lines=lines, why=text(f"probes.skipped.{reason}")))


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN_LINES]) + (" …" if len(names) > SHOWN_LINES else "")


# -- the job -------------------------------------------------------------------------------------------------------
def _job(job_id: str, view: View) -> None:
    """The job of the link and what it found so far. Raises DashboardError."""
    text, runner = view.text, job_runner()
    spec = runner.spec(job_id)
    if spec.kind != BENCHMARK:
        raise JobUnknown
    benchmark = next(known for known in BENCHMARKS if known.slug == spec.request["benchmark"])
    quiet(
        text(
            "bias_jobs.about",
            benchmark=benchmark.name,
            file=shortened(spec.request["file"], 80),
            model=spec.run["model"],
            revision=spec.run["revision"][:12],
        )
    )
    notice(text(f"probes.benchmark.{benchmark.slug}.careful"))
    other = other_run(spec, view)
    status = job_box(job_id, view, name=benchmark.slug, on_remove=_leave)
    if status.done:
        _results(spec, status, other, view)


def _results(spec: JobSpec, status: JobStatus, other: bool, view: View) -> None:
    text = view.text
    name = (spec.id, status.done)
    held: _Results | None = st.session_state.get(_RESULTS)
    if held is None or held.name != name:
        held = st.session_state[_RESULTS] = _Results(name, benchmark_result(spec, job_runner().frame(spec.id)))
    result = held.result
    if len(result.items) < status.items:
        notice(text("bias_jobs.partial", done=len(result.items), items=status.items))
    if result.not_scored:
        quiet(text("bias_jobs.not_scored", count=result.not_scored))
    results = job_results(spec, items=status.items, items_done=len(result.items), prefix=spec.request["prefix"])
    common: dict[str, Any] = {
        "origins": [results],
        "script": lambda origin: _script(spec, origin, other, view),
        "strip": _strip(spec, status, len(result.items), results, view),
        "alt": {"categories": result.scores["category"].nunique() - 1},
        "suffix": spec.request["benchmark"],
    }
    sentence = benchmark_finding(text, result.scores)
    if sentence:
        finding(sentence)
    figure = partial(benchmark_figure, result.scores)
    view.panel("benchmark", figure=figure, frame=lambda: result.scores, heads=heads(result.scores, text), **common)
    section(text("bias_jobs.items_title"), text("bias_jobs.items_note"))
    view.panel("benchmark_items", figure=None, frame=lambda: result.items, heads=heads(result.items, text), **common)


def _script(spec: JobSpec, origin: Origin, other: bool, view: View) -> str:
    """The code of the job's own model, which need not be the page's."""
    card = view.card
    if other:
        card = replace(view.engine.describe(spec.run["model"]), revision=spec.run["revision"])
    return benchmark_script(card, origin, spec.request["benchmark"], spec.request["file"], spec.request["prefix_id"])


def _strip(spec: JobSpec, status: JobStatus, done: int, origin: JobResults, view: View) -> list[str]:
    text, run, request = view.text, spec.run, spec.request
    return [
        text("bias_jobs.behind", token=request["prefix"], id=str(request["prefix_id"])),
        text("bias_jobs.items_of", done=done, items=status.items),
        text("bias_jobs.sha", sha=request["sha256"][:12]),
        text("bias_jobs.on", dtype=run["dtype"], device=run["device"]),
        text("strip.seconds", seconds=text.number(status.seconds, 2)),
        text("strip.model", model=run["model"], revision=run["revision"][:12]),
        text("strip.run", run=origin.digest),
    ]
