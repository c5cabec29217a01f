"""The panels of the Next token page."""

from __future__ import annotations

from functools import partial

import streamlit as st

from components.charts.next_token import candidates_figure
from components.panels import Panel, chart_panel
from components.prose import number, section
from components.shell import View
from components.web.token_text import token_text
from dashboard import scripts
from dashboard.frames.next_token import candidates_frame, position_frame
from dashboard.tokens import visible


def running_text(view: View, pos: int) -> None:
    """The prompt as tokens; a click chooses the position."""

    def pick(index: int) -> None:
        st.session_state["next_token_pos"] = index

    tokens = view.tokens.tokens
    token_text(
        tokens=[visible(token) for token in tokens],
        special=[token.special for token in tokens],
        weights=None,
        selected=pos,
        hover=[f"{i} · id {token.id}" for i, token in enumerate(tokens)],
        lut=view.theme.lut(),
        dark=view.theme.mode == "dark",
        text=view.text,
        key="next_token_text",
        on_pick=pick,
    )


def candidates(view: View, pos: int, k: int, *, value: str, log: bool) -> None:
    """Bars of the `k` likeliest tokens after position `pos`."""
    text = view.text
    found = view.engine.next_token(view.key, pos, k)
    frame = candidates_frame(found)
    here = visible(view.tokens.tokens[pos])
    section(
        text("next_token.after", pos=pos, token=here),
        text("next_token.kept", k=len(found.ids), mass=f"{float(found.probs.sum()):.1%}"),
    )
    chart_panel(
        Panel(
            name="candidates",
            key=view.key,
            text=text,
            figure=partial(candidates_figure, frame, text=text, theme=view.theme, value=value, log=log),
            frame=lambda: frame,
            script=lambda: scripts.candidates_script(view.card, view.key, pos, k),
            strip=[
                text("strip.exact"),
                text("next_token.formula"),
                text("next_token.entropy", nats=number(text, found.entropy_nats, 3)),
                text("strip.self_check", error=f"{view.run.logits_error:.0e}"),
                *run_facts(view),
            ],
            alt={"pos": pos, "k": len(found.ids)},
            suffix=f"pos{pos}",
        )
    )


def positions(view: View) -> None:
    """The table of every position: what was predicted, and what followed."""
    text = view.text
    table = view.wait(
        lambda job: view.engine.position_table(view.key, job), text("work.table"), f"table {view.key.digest}"
    )
    frame = position_frame(table, view.tokens.tokens)
    section(text("next_token.table"), text("next_token.table_note"))
    chart_panel(
        Panel(
            name="positions",
            key=view.key,
            text=text,
            figure=None,
            frame=lambda: frame,
            script=lambda: scripts.position_script(view.card, view.key),
            strip=[text("strip.exact"), *run_facts(view)],
        )
    )


def run_facts(view: View) -> list[str]:
    """The facts that every honesty strip ends with: kernel, dtype, device, time, model, run."""
    text, card = view.text, view.card
    return [
        text("strip.kernel", kernel=card.kernel, dtype=card.dtype, device=card.device),
        text("strip.seconds", seconds=number(text, view.run.seconds, 2)),
        text("strip.model", model=card.label, revision=card.revision[:12]),
        text("strip.run", run=view.key.digest),
    ]
