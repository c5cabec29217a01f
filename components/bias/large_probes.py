"""A large probe as a background job: size and cost, start, progress, and its scores when it is finished."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.jobs.panels import job_box, job_runner, start_button
from components.shell.messages import quiet, section
from components.shell.view import View, error_frame
from dashboard.engine.api.request import Cost
from dashboard.errors import JobUnknown
from dashboard.job_kinds.probe import probe_cost, probe_spec, scores_of_job
from dashboard.jobs.spec import JobSpec
from dashboard.jobs.status import JobStatus
from dashboard.probes.tokenized_probe import TokenizedProbe

_KEPT = "_bias_probe_job"
_SCORES = "_bias_probe_scores"


@dataclass(frozen=True)
class _ProbeJob:
    """The job of the last probe of this person."""

    name: tuple[object, ...]
    spec: JobSpec
    cost: Cost


@dataclass(frozen=True)
class _Scores:
    """The scores of the last finished job."""

    job: str
    log_p: NDArray[np.float64]


def probe_job(view: View, tokenized: TokenizedProbe) -> NDArray[np.float64] | None:
    """Draw the probe's job; the link needs no id: the same probe on the same model is the same job.

    Returns:
        (prompt, completion) scores [nats] as `TokenizedProbe.by_template` takes them; ``None`` until all are there.
    """
    text = view.text
    section(text("bias_jobs.probe"), text("bias_jobs.probe_note"))
    with error_frame(text):
        job = _remembered(view, tokenized)
        if _there(job.spec) is None:
            quiet(text("bias_jobs.probe_size", prompts=len(tokenized.prompts), completions=len(tokenized.texts)))
            if start_button(job.spec, job.cost, view):
                st.rerun()
            return None
        status = job_box(job.spec.id, view, name="probe")
        if status.state == "finished":
            return _scores(job.spec.id, tokenized)
        quiet(text("bias_jobs.probe_waits"))
        if status.done:
            quiet(text("bias_jobs.probe_saved"))
    return None


def _remembered(view: View, tokenized: TokenizedProbe) -> _ProbeJob:
    version = view.card.version
    name = (version, tokenized.spec.written())
    held: _ProbeJob | None = st.session_state.get(_KEPT)
    if held is None or held.name != name:
        spec = probe_spec(tokenized, version)
        held = st.session_state[_KEPT] = _ProbeJob(name, spec, probe_cost(view.engine, spec))
    return held


def _there(spec: JobSpec) -> JobStatus | None:
    try:
        return job_runner().status(spec.id)
    except JobUnknown:
        return None


def _scores(job_id: str, tokenized: TokenizedProbe) -> NDArray[np.float64]:
    held: _Scores | None = st.session_state.get(_SCORES)
    if held is None or held.job != job_id:
        held = st.session_state[_SCORES] = _Scores(job_id, scores_of_job(job_runner(), job_id, tokenized))
    return held.log_p
