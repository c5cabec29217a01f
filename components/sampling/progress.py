"""What a person sees of work on texts: what it costs, how far it is, and how it is stopped."""

from __future__ import annotations

import time

import streamlit as st

from components.sampling.generation_task import POLL_SECONDS, GenerationTask
from components.shell.messages import about, estimate
from components.shell.waiting import News
from dashboard.engine.api.request import Cost
from dashboard.i18n import Catalogue


def stop_button(work: GenerationTask, text: Catalogue, slot: str) -> None:
    """Stop; to stand outside of what is drawn again and again, or it would not be heard before the end."""
    st.button(
        text("sampling.stop"), key=f"{slot}_stop", icon=":material/stop_circle:", on_click=work.control.cancel.set
    )


def estimated(cost: Cost, text: Catalogue) -> None:
    """What texts cost that wait to be asked for."""
    numbers = {"seconds": text.number(cost.seconds, 1), "megabytes": text.number(cost.nbytes / 1e6, 1)}
    message = text("sampling.cost", tokens=cost.tokens, about=about(text, cost.seconds))
    estimate(message, text("sampling.cost_numbers", **numbers))


def watched(work: GenerationTask, text: Catalogue) -> None:
    """How far work is, in a fragment of its own until its end."""
    news = News(lambda: work.state, POLL_SECONDS)

    def look() -> None:
        news.begin()
        bar(work, text)
        news.wait()

    st.fragment(look, run_every=POLL_SECONDS)()


def bar(work: GenerationTask, text: Catalogue) -> None:
    """One look at work that goes on, in a fragment that runs every POLL_SECONDS: how far it is; all anew at its end."""
    if not work.running:
        st.rerun()
    st.progress(min(max(work.share, 0.0), 1.0), text=_standing(work, text))


def _standing(work: GenerationTask, text: Catalogue) -> str:
    """Where it stands: in the queue, or how many tokens, how fast, and how long still."""
    if work.before:
        return text("sampling.queue", before=work.before)
    tokens, seconds = sum(len(step.rows) for step in list(work.steps)), time.monotonic() - work.began
    if not tokens or not work.share:
        return text("sampling.beginning")
    left = seconds * (1 - work.share) / work.share
    return text("sampling.making", tokens=tokens, pace=text.number(tokens / seconds, 1), about=about(text, left))
