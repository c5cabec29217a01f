"""A probe as tokens and its exact scores: made on the page, and shown in panels that say what they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from components.bias.large_probes import probe_job
from components.bias.layout import heads, started
from components.bias.pairs import opening_groups, probe_scores
from components.bias.probe_builder import is_preset
from components.shell.messages import about
from components.shell.view import View, model_facts
from dashboard.frames.probe_scores import ProbeScores
from dashboard.probes.pair_scores import PairRequest, Pairs, PairScores, tokeniser
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
    return sum(part.seconds(view) for part in parts(view, tokenized))


def seconds_of(pairs: Pairs, view: View) -> float:
    """About how long the scores of `pairs` take; 0 where they are kept. Raises DashboardError."""
    cost = pairs.cost(view.engine)
    return 0.0 if cost.kept else cost.seconds


def scored(pairs: Pairs, view: View, label: str) -> PairScores:
    """The scores of `pairs`, with progress on the page. Raises DashboardError, Cancelled."""
    if pairs.request is None:
        return pairs.scores(view.engine)
    return view.wait(lambda control: pairs.scores(view.engine, control), label, pairs.request.digest)


# -- parts ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Part:
    """Some of a probe's prompts, which are scored together."""

    numbers: tuple[int, ...]
    """Of its prompts."""
    pairs: Pairs

    def seconds(self, view: View) -> float:
        """About how long its scores take; 0 where they are kept. Raises DashboardError."""
        return seconds_of(self.pairs, view)


def parts(view: View, tokenized: TokenizedProbe) -> tuple[Part, ...]:
    """A probe's prompts as they are scored: those of the two opening groups first, where there are more.

    The probe alone says which, so that its scores are the same answers whatever is looked at first.
    """
    templates, groups, _ = tokenized.shape
    opening, every = opening_groups(tokenized), range(len(tokenized.prompts))
    first = {template * groups + group for template in range(templates) for group in opening or ()}
    split = [tuple(number for number in every if (number in first) is opens) for opens in (True, False)]
    version = view.card.version
    return tuple(Part(numbers, Pairs.of_probe(version, tokenized, numbers)) for numbers in split if numbers)


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
    requests: tuple[PairRequest, ...]
    """What these scores answer."""

    def strip(self, *more: str) -> list[str]:
        """Facts that a badge opens."""
        text, spec = self.view.text, self.tokenized.spec
        templates = self.tokenized.shape[0]
        return [
            text("bias.with_boundary" if spec.boundary else "bias.without_boundary"),
            text("bias.templates_count", count=templates),
            *more,
            text(f"bias.ways.{self.way}") if self.way else text("bias.by_job"),
            *model_facts(self.view, self.seconds, self.requests[0]),
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
            self.requests,
            options={"probe": tokenized.spec.facts(), **(asked or {})},
            figure=figure,
            frame=lambda: frame,
            script=lambda origin: scores_script(view.card, origin, tokenized),
            strip=self.strip(*facts),
            alt=alt or {},
            heads=heads(frame, view.text),
        )


def ready_result(
    view: View, tokenized: TokenizedProbe, *, as_job: bool, meanwhile: Callable[[], None] | None
) -> ProbeResult | None:
    """The scores of a probe, as soon as they are there: large ones are made by a job, others here.

    Args:
        view: the page's.
        tokenized: the probe.
        as_job: a job is wanted, however small the probe is.
        meanwhile: called before a probe is scored here; may draw what can be seen of it first.

    Raises:
        DashboardError, Cancelled: as `Engine.answer`.
    """
    estimated = seconds(tokenized, view)
    if as_job or estimated > MOST_SECONDS or not tokenized.whole:
        log_p = probe_job(view, tokenized)
        if log_p is None:
            return None
        request = _request(Pairs.of_probe(view.card.version, tokenized))
        return ProbeResult(view, tokenized, probe_scores(tokenized, log_p), None, "", (request,))
    # a preset is a finished view: nobody has to ask for it
    asked = f"{view.card.version} {tokenized.spec.written()}"
    if not (is_preset(tokenized.spec) or started("exact", asked, estimated, view, button=view.text("bias.score"))):
        return None
    if meanwhile:
        meanwhile()
    return _probe_result(view, tokenized)


def _probe_result(view: View, tokenized: TokenizedProbe) -> ProbeResult:
    """Score the probe, with progress on the page. Raises DashboardError, Cancelled."""
    log_p = np.full((len(tokenized.prompts), len(tokenized.texts)), np.nan)
    took, ways, requests = 0.0, [], []
    for part in parts(view, tokenized):
        scores = scored_part(view, part)
        log_p[list(part.numbers)] = scores.total
        took += scores.seconds
        ways.append(scores.way)
        requests.append(_request(part.pairs))
    return ProbeResult(view, tokenized, probe_scores(tokenized, log_p), took, ways[0], tuple(requests))


def opening_result(view: View, tokenized: TokenizedProbe, opening: tuple[int, int], part: Part) -> ProbeResult:
    """The scores of the first part alone: those of the two opening groups. Raises DashboardError, Cancelled."""
    scores, groups = scored_part(view, part), sorted(opening)
    log_p = scores.total.reshape(len(tokenized.spec.probe.templates), len(groups), -1)
    names = tokenized.group_names
    of_groups = ProbeScores(
        log_p[:, [groups.index(group) for group in opening]],
        tuple(template.text for template in tokenized.spec.probe.templates),
        tuple(names[group] for group in opening),
        tuple(completion.text for completion in tokenized.completions),
    )
    return ProbeResult(view, tokenized, of_groups, scores.seconds, scores.way, (_request(part.pairs),))


def scored_part(view: View, part: Part) -> PairScores:
    """Scores of a part's prompts, with progress on the page. Raises DashboardError, Cancelled."""
    label = view.text("bias.scoring", count=part.pairs.scorable.size, about=about(view.text, part.seconds(view)))
    return scored(part.pairs, view, label)


def _request(pairs: Pairs) -> PairRequest:
    assert pairs.request is not None, "a probe has completions that can be scored"
    return pairs.request
