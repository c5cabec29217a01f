"""A background job on the page: how far it is, time left, cancel, resume, remove, and its results as Parquet."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

import streamlit as st

from components.shell.messages import advice, notice, quiet
from components.shell.view import View, error_frame
from components.shell.waiting import News
from dashboard import cache
from dashboard.engine.api.request import Cost
from dashboard.errors import JobDamaged, JobUnknown
from dashboard.i18n import Catalogue
from dashboard.job_kinds.kinds import register_all
from dashboard.jobs.runner import JobRunner
from dashboard.jobs.spec import JobSpec, run_facts
from dashboard.jobs.status import JobStatus

POLL_SECONDS = 1.0
PARQUET = "application/vnd.apache.parquet"


def job_runner() -> JobRunner:
    """The runner of this process, which knows every kind of job."""
    runner = cache.jobs()
    register_all(runner, cache.engine())
    return runner


def start_button(spec: JobSpec, cost: Cost, view: View) -> bool:
    """What the job would cost, and the button that starts it; whether it was started. Raises DashboardError."""
    text = view.text
    quiet(
        text("bias_jobs.cost", items=len(spec.items), tokens=cost.tokens, time=duration(text, max(cost.seconds, 1.0)))
    )
    if not st.button(text("bias_jobs.start"), key=f"start_{spec.kind}", icon=":material/play_arrow:"):
        return False
    job_runner().start(spec)
    return True


def job_box(job_id: str, view: View, *, name: str, on_remove: Callable[[], None] = lambda: None) -> JobStatus:
    """How far a job is, and what can be done with it.

    Args:
        job_id: of a job that is there.
        view: the page's.
        name: of the Parquet file.
        on_remove: called after the job was removed by hand.

    Returns:
        Its status as this run of the page found it; while it is live a fragment goes on looking, and draws the page
        anew when its first items are done and when it ends.

    Raises:
        JobUnknown, JobDamaged: as `JobRunner.status`.
    """
    text = view.text
    status = job_runner().status(job_id)
    with st.container(border=True, key=f"job_{status.kind}"):
        if status.live:
            _followed(status, view)
            if status.state != "stopping":
                # outside of what is drawn again and again, or it would not be heard at once
                st.button(
                    text("bias_jobs.cancel"),
                    key=f"cancel_{status.kind}",
                    icon=":material/stop_circle:",
                    on_click=_cancel,
                    args=(job_id,),
                )
        else:
            _ended(status, view)
        with st.container(horizontal=True):
            if status.live and status.done:
                st.button(text("bias_jobs.refresh"), key=f"refresh_{status.kind}", icon=":material/refresh:")
            if status.done:
                _download(status, text, name)
            if not status.live:
                _remove(status, text, on_remove)
    return status


def _followed(drawn: JobStatus, view: View) -> None:
    """A job that waits or runs, drawn again whenever there is something new."""
    news = News(lambda: _state(drawn.id), POLL_SECONDS)

    def look() -> None:
        with error_frame(view.text):
            try:
                news.begin()
                _live(drawn, view)
                news.wait()
            except (JobUnknown, JobDamaged):
                st.rerun()  # somebody else removed it: the page says so, and follows nothing any more

    st.fragment(look, run_every=POLL_SECONDS)()


def _state(job_id: str) -> tuple[object, ...]:
    """What `_live` shows; another one when there is something new. Raises JobUnknown, JobDamaged."""
    status = job_runner().status(job_id)
    return status.live, status.state, status.share, status.done, status.queue_position


def _live(drawn: JobStatus, view: View) -> None:
    """One look at a job that waits or runs; all anew when its first items are done, and at its end."""
    text = view.text
    status = job_runner().status(drawn.id)
    if not status.live or (status.done and not drawn.done):
        st.rerun()
    st.progress(status.share, text=_line(status, text))


def _cancel(job_id: str) -> None:
    with contextlib.suppress(JobUnknown):  # removed meanwhile: the next look says so
        job_runner().cancel(job_id)


def _line(status: JobStatus, text: Catalogue) -> str:
    """State, items and time; numbers and our own words alone."""
    parts = [text(f"bias_jobs.states.{status.state}"), text("bias_jobs.done", done=status.done, items=status.items)]
    if status.live:
        left = status.seconds_left
        parts.append(text("bias_jobs.before", count=status.queue_position) if status.queue_position else "")
        parts.append(
            text("bias_jobs.left_unknown") if math.isnan(left) else text("bias_jobs.left", time=duration(text, left))
        )
    elif status.seconds:
        parts.append(text("bias_jobs.took", time=duration(text, status.seconds)))
    return " · ".join(part for part in parts if part)


def _ended(status: JobStatus, view: View) -> None:
    text = view.text
    quiet(_line(status, text))
    if status.error is not None:
        advice(text(status.error.message_id, **status.error.facts))
    if status.removed:
        quiet(text("bias_jobs.removed", count=status.removed))
    if status.state != "finished" and st.button(
        text("bias_jobs.resume"), key=f"resume_{status.kind}", icon=":material/play_arrow:"
    ):
        with error_frame(text):
            job_runner().resume(status.id)
            st.rerun()


def _download(status: JobStatus, text: Catalogue, name: str) -> None:
    def data() -> bytes:
        with job_runner().parquet(status.id) as file:
            return file.read()

    st.download_button(
        text("bias_jobs.parquet", done=status.done),
        data=data,
        file_name=parquet_name(name, status),
        mime=PARQUET,
        key=f"parquet_{status.kind}",
        on_click="ignore",
        icon=":material/download:",
    )


def parquet_name(name: str, status: JobStatus) -> str:
    """Of the file of a job's rows; one of some items says of how many, or at least how many while more come."""
    part = f"-{'from-' if status.live else ''}{status.done}-of-{status.items}"
    return f"logitscope-{name}-{status.id[:16]}{'' if status.done == status.items else part}.parquet"


def _remove(status: JobStatus, text: Catalogue, on_remove: Callable[[], None]) -> None:
    with st.popover(text("bias_jobs.remove"), icon=":material/delete:"):
        quiet(text("bias_jobs.remove_note", megabytes=text.number(status.nbytes / 1e6, 1)))
        if st.button(text("bias_jobs.remove_yes"), key=f"remove_{status.kind}"):
            with error_frame(text):
                job_runner().delete(status.id)
                on_remove()
                st.rerun()


def other_run(spec: JobSpec, view: View) -> bool:
    """Say where a job is of another model, revision or version than the page; whether its model is another."""
    now = run_facts(view.card.version)
    changed = [name for name in now if spec.run.get(name) != now[name]]
    for name in changed:
        notice(view.text("bias_jobs.other_run", what=name, then=str(spec.run.get(name)), now=now[name]))
    return bool({"model", "revision"} & set(changed))


def duration(text: Catalogue, seconds: float) -> str:
    """``45 s``, ``3 min 20 s`` or ``2 h 5 min``."""
    whole = math.ceil(seconds)
    if whole < 60:
        return text("bias_jobs.seconds", seconds=whole)
    if whole < 3600:
        return text("bias_jobs.minutes", minutes=whole // 60, seconds=whole % 60)
    return text("bias_jobs.hours", hours=whole // 3600, minutes=whole % 3600 // 60)
