"""The settings of text generation, live: a small chart of the person's own prompt each, moved by its own slider.

Numbers, code and files are on the page that each links to; there settings of earlier visits still act beside this one.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from components.charts.overview import setting_bars_figure
from components.shell.messages import finding, percent, quiet
from components.shell.model_rules import acting_fact, on_bars
from components.shell.page_links import page_link
from components.shell.panel import Kind, badge
from components.shell.pickers import slider
from components.shell.view import Shown, View, error_frame
from components.shell.waiting import begins
from dashboard.engine.api.decoding import AT_ENDS, DecodeSettings
from dashboard.engine.api.prediction import Candidates, CandidatesRequest, ProcessedRequest
from dashboard.engine.api.request import Request
from dashboard.export import Export
from dashboard.frames.next_token import candidates_frame
from dashboard.tokens import in_sentence

BARS = 8
"""Tokens of a chart."""
WITHOUT_RULES = DecodeSettings(model_rules=False)
"""A setting by itself, whatever the model's own generation config asks for."""


@dataclass(frozen=True)
class Range:
    """Of a slider."""

    low: float
    high: float
    default: float
    step: float


RANGES = {
    "temperature": Range(0.1, 2.0, 0.5, 0.05),
    "top_k": Range(1, 50, 4, 1),
    "top_p": Range(0.05, 1.0, 0.5, 0.05),
}
"""Settings of bars: none begins at a value without effect."""


def started(view: View, name: str, request: Request[Any]) -> bool:
    """Whether to answer `request` now; see `components.shell.waiting.begins`. `name`: ``run`` or ``texts``."""
    text = view.text
    return begins(
        f"overview_go_{name}",
        request.digest,
        view.seconds_left([request]),
        text=text,
        cost=f"overview.cost_{name}",
        button=text(f"overview.go_{name}"),
    )


def candidates(view: View) -> Candidates:
    """The likeliest tokens after the prompt; makes its run."""
    view.run  # noqa: B018 - with progress
    request = CandidatesRequest(view.key, len(view.tokens.ids) - 1, BARS)
    likeliest = view.answer(request, view.text("overview.bars"))
    frame = lambda: pd.DataFrame({"logit": likeliest.logits, "prob": likeliest.probs})  # noqa: E731
    view.shown.append(Shown(Export.of([request], "setting_bars"), frame))
    return likeliest


def headline(view: View, likeliest: Candidates) -> None:
    """What the model says next, in one sentence."""
    text, token, share = view.text, in_sentence(likeliest.tokens[0]), float(likeliest.probs[0])
    if share >= 0.5:
        finding(text("overview.finding_sure", token=token, share=percent(text, share)))
        return
    half = ProcessedRequest(view.key, likeliest.pos, (), replace(WITHOUT_RULES, top_p=0.5))
    kept = view.answer(half, text("overview.bars")).kept
    finding(text("overview.finding", token=token, share=percent(text, share), kept=kept, vocab=view.card.vocab))


def bars(view: View, likeliest: Candidates) -> None:
    """Temperature, top_k and top_p side by side; a slider runs its own chart again and nothing else.

    Each acts alone: the model's own rules are off in these bars, and so they are on the page that each links to.
    """
    if on_bars(view.card.rules):
        quiet(acting_fact(view.card.rules, WITHOUT_RULES, view.text, idle=AT_ENDS))
    for name, column in zip(RANGES, st.columns(len(RANGES), gap="medium"), strict=True):
        with column:
            st.fragment(_bars)(view, likeliest, name)


def _bars(view: View, likeliest: Candidates, name: str) -> None:
    text, limits = view.text, RANGES[name]
    heading(view, name, "exact")
    value = slider(f"overview_{name}", name, (limits.low, limits.high), limits.default, step=limits.step)
    with error_frame(text):
        change: dict[str, Any] = {name: value}
        settings = replace(WITHOUT_RULES, **change)
        ids = tuple(likeliest.ids.tolist())
        left = view.answer(ProcessedRequest(view.key, likeliest.pos, ids, settings), text("overview.bars"))
        frame = candidates_frame(likeliest, left)
        if name == "temperature":
            token, before, after = in_sentence(likeliest.tokens[0]), frame["prob"][0], frame["q"][0]
            said = {"token": token, "before": percent(text, before), "after": percent(text, after)}
            quiet(text("overview.temperature_says", **said))
        else:
            mass = percent(text, left.kept_mass)
            quiet(text("overview.cut_says", kept=left.kept, mass=mass))
        figure = setting_bars_figure(frame, text=text, theme=view.theme)
        chart(figure, f"overview_{name}", text("charts.setting_bars.alt", k=len(frame), setting=name, value=value))
    params = {f"next_token_{name}": f"{value:g}", "next_token_pos": str(likeliest.pos)}
    if on_bars(view.card.rules):
        params["next_token_without_rules"] = "true"
    further(view, name, "next_token", params)


def heading(view: View, name: str, kind: Kind) -> None:
    """A setting's name, and what kind of numbers its chart has."""
    marks = badge(kind, view.text, explained=True)
    st.html(f'<div class="ls-setting"><h3><code>{html.escape(name)}</code></h3>{marks}</div>')


def chart(figure: object, key: str, alt: str) -> None:
    """A chart without its panel."""
    st.plotly_chart(figure, theme=None, key=f"chart_{key}", config={"displayModeBar": False}, alt=alt)


def further(view: View, name: str, page: str, params: Mapping[str, str]) -> None:
    """What a setting does, in words, and the page that goes further with it as it is set here."""
    text = view.text
    kind, meaning = (html.escape(text(f"parameter.{name}.{word}")) for word in ("type", "meaning"))
    st.html(f'<p class="ls-meaning"><small>{kind}</small>{meaning}</p>')
    page_link(view, page, text(f"overview.further.{name}"), params)
