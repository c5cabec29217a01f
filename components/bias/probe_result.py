"""A probe as tokens and its exact scores: made on the page, and shown in panels that say what they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import streamlit as st

from components.bias.layout import heads
from components.bias.pairs import probe_scores
from components.shell.messages import about
from components.shell.view import View, model_facts
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.frames.probe_scores import ProbeScores
from dashboard.probes.pair_scores import Pairs, PairScores, tokeniser
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.tokenized_probe import TokenizedProbe, tokenize_probe
from dashboard.scripts.bias import scores_script

MOST_SECONDS = 180.0
"""Probes that take longer are made as jobs."""
_PREPARED = "_bias_prepared"


@dataclass(frozen=True)
class _Tokenized:
    """The last probe of this person."""

    name: tuple[str, ...]
    tokenized: TokenizedProbe


def tokenised(spec: ProbeSpec, view: View) -> TokenizedProbe:
    """The probe's prompts and completions as tokens. Raises DashboardError."""
    name = (view.model, view.card.revision, spec.written())
    held: _Tokenized | None = st.session_state.get(_PREPARED)
    if held is None or held.name != name:
        tokenized = tokenize_probe(spec, tokeniser(view.engine, view.model))
        held = st.session_state[_PREPARED] = _Tokenized(name, tokenized)
    return held.tokenized


def seconds(tokenized: TokenizedProbe, view: View) -> float:
    """About how long its scores take; 0 where they are kept. Raises DashboardError."""
    return seconds_of(Pairs.of_probe(view.card.version, tokenized), view)


def seconds_of(pairs: Pairs, view: View) -> float:
    """About how long the scores of `pairs` take; 0 where they are kept. Raises DashboardError."""
    cost = pairs.cost(view.engine)
    return 0.0 if math.isnan(cost.seconds) or cost.kept else cost.seconds


def scored(pairs: Pairs, view: View, label: str) -> PairScores:
    """The scores of `pairs`, with progress on the page. Raises DashboardError, Cancelled."""
    if pairs.request is None:
        return pairs.scores(view.engine)
    return view.wait(lambda control: pairs.scores(view.engine, control), label, pairs.request.digest)


# -- the scores ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ProbeResult:
    """The scores of a probe, and all that its panels need."""

    view: View
    tokenized: TokenizedProbe
    scores: ProbeScores
    seconds: float | None
    """That scoring took; ``None``: a job made them."""
    way: str
    """As in `dashboard.engine.api.scoring.Scores`; empty likewise."""

    @cached_property
    def request(self) -> ScoreRequest | SentenceRequest:
        """What these scores answer."""
        request = Pairs.of_probe(self.view.card.version, self.tokenized).request
        assert request is not None, "a probe has completions that can be scored"
        return request

    def strip(self, *more: str) -> list[str]:
        """Facts that a badge opens."""
        text, spec = self.view.text, self.tokenized.spec
        templates = self.tokenized.shape[0]
        return [
            text("bias.with_boundary" if spec.boundary else "bias.without_boundary"),
            text("bias.templates_count", count=templates),
            *more,
            text(f"bias.ways.{self.way}") if self.way else text("bias.by_job"),
            *model_facts(self.view, self.seconds, self.request),
        ]

    def panel(
        self,
        name: str,
        frame: pd.DataFrame,
        figure: Callable[..., Any] | None,
        *,
        alt: dict[str, object] | None = None,
        facts: Sequence[str] = (),
        asked: Mapping[str, object] | None = None,
    ) -> None:
        """A chart of the scores, or (no `figure`) a table.

        Args:
            name: the chart's.
            frame: its numbers.
            figure: makes it.
            alt: facts of its alt text.
            facts: more of them for its badge.
            asked: what tells it from others of its name.
        """
        view, tokenized = self.view, self.tokenized
        view.panel(
            name,
            [self.request],
            options={"probe": tokenized.spec.facts(), **(asked or {})},
            figure=figure,
            frame=lambda: frame,
            script=lambda origin: scores_script(view.card, origin, tokenized),
            strip=self.strip(*facts),
            alt=alt or {},
            heads=heads(frame, view.text),
        )


def probe_result(view: View, tokenized: TokenizedProbe, seconds: float) -> ProbeResult:
    """Score the probe, with progress on the page; `seconds` are the estimate. Raises DashboardError, Cancelled."""
    pairs = Pairs.of_probe(view.card.version, tokenized)
    count = len(tokenized.prompts) * len(tokenized.completions)
    pair_scores = scored(pairs, view, view.text("bias.scoring", count=count, about=about(view.text, seconds)))
    named_scores = probe_scores(tokenized, pair_scores.total)
    return ProbeResult(view, tokenized, named_scores, pair_scores.seconds, pair_scores.way)
