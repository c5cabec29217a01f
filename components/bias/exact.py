"""The exact block of the Bias page: scores of all groups, completions and templates, and what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from components.bias.pairs import Pair, is_transposed, pair_picker, probe_scores, transposed
from components.bias.probe_builder import scored
from components.charts.axes import signed
from components.charts.bias.exact import bias_map_figure, dumbbell_figure
from components.charts.bias.groups import distances_figure, lorenz_figure
from components.charts.bias.labels import TITLE_LENGTH, name_label
from components.charts.bias.spread import forest_figure, strip_figure
from components.charts.bias.world import against_world_figure
from components.charts.series import readable
from components.shell import link
from components.shell.messages import percent, quiet, section
from components.shell.pickers import choice_picker
from components.shell.view import View, model_facts
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.frames.bias import (
    ProbeScores,
    completion_frame,
    delta_frame,
    forest_frame,
    intersection_frame,
    map_frame,
    score_frame,
)
from dashboard.frames.bias_groups import distance_frame, group_frame, lorenz_frame
from dashboard.probes.lexicon import occupations
from dashboard.probes.pair_scores import Pairs
from dashboard.probes.spec import OWN
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.scripts.bias import scores_script
from dashboard.stats.agreement import agreement

REFERENCE = "bias_reference"
MEAN = "mean"


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
        """Facts for the honesty strip."""
        text, spec = self.view.text, self.tokenized.spec
        templates = self.tokenized.shape[0]
        return [
            text("bias.with_boundary" if spec.boundary else "bias.without_boundary"),
            text("bias.templates_count", count=templates),
            *more,
            text(f"bias.ways.{self.way}") if self.way else text("bias.by_job"),
            *model_facts(self.view, self.seconds, self.request),
        ]


def exact(view: View, tokenized: TokenizedProbe) -> ProbeResult:
    """Score the probe, with progress on the page. Raises DashboardError, Cancelled."""
    pairs = Pairs.of_probe(view.card.version, tokenized)
    pair_scores = scored(
        pairs, view, view.text("work.scores", count=len(tokenized.prompts) * len(tokenized.completions))
    )
    return ProbeResult(
        view, tokenized, probe_scores(tokenized, pair_scores.total), pair_scores.seconds, pair_scores.way
    )


# -- what is shown -------------------------------------------------------------------------------------------------
def panels(of: ProbeResult) -> None:
    """The part of the exact block that is chosen."""
    text = of.view.text
    look_at, pair_at = st.columns([1, 2], vertical_alignment="bottom")
    with look_at:
        look = choice_picker("bias_look", text("bias.look"), text=text, prefix="bias.looks")
    if look in ("pair", "templates"):
        with pair_at:
            pair = (
                transposed(of.tokenized, of.scores)
                if is_transposed(of.tokenized)
                else pair_picker(of.tokenized, of.scores, of.view)
            )
        (_pair if look == "pair" else _templates)(of, pair)
    elif look == "groups":
        _groups(of)
    elif look == "intersection":
        _intersection(of)
    else:
        _scores(of)


def _panel(
    of: ProbeResult, name: str, frame: pd.DataFrame, figure: Callable[..., Any], alt: dict[str, object], **asked: object
) -> None:
    """A chart of the scores; `asked` is what tells it from others of its name."""
    view = of.view
    view.panel(
        name,
        [of.request],
        options={"probe": of.tokenized.spec.facts(), **asked},
        figure=figure,
        frame=lambda: frame,
        script=lambda origin: scores_script(view.card, origin, of.tokenized),
        strip=of.strip(),
        alt=alt,
    )


def _pair(of: ProbeResult, pair: Pair) -> None:
    """Two groups: each completion's probability in both, and against the world."""
    text = of.view.text
    first, second = map(readable, pair.names)
    frame = completion_frame(pair.scores, pair.first, pair.second)
    mean = float(np.nanmean(frame["delta_nats"]))
    section(text("bias.pair_title", first=first, second=second), text("bias.pair_note", delta=signed(text, mean, 3)))
    completions = len(pair.scores.completions)
    left, right = st.columns(2, gap="medium") if pair.scores.world is not None else (st.container(), None)
    with left:
        figure = partial(dumbbell_figure, frame, value="prob")
        _panel(of, "dumbbell", frame, figure, {"completions": completions}, **pair.asked)
    if right is not None:
        with right:
            with_world = agreement(frame["share"].to_numpy(), frame["world_share"].to_numpy())
            world = _world(of)
            figure = partial(against_world_figure, frame, with_world, world=world)
            _panel(of, "against_world", frame, figure, {"completions": completions}, **pair.asked)


def _world(of: ProbeResult) -> str:
    """What the shares in the world are: of an own list nobody but its author knows."""
    if of.tokenized.spec.lexicon == OWN and not is_transposed(of.tokenized):
        return of.view.text("bias.world_own")
    return of.view.text("bias.world_axis", year=str(occupations().year))


def _templates(of: ProbeResult, pair: Pair) -> None:
    """How far the answer depends on the template."""
    text = of.view.text
    first, second = (name_label(name, TITLE_LENGTH) for name in pair.names)
    title = text("charts.bias.axis", first=first, second=second)
    section(text("bias.templates_title"), text("bias.templates_note"))
    by_template = forest_frame(pair.scores, pair.first, pair.second, by="template")
    figure = partial(forest_figure, by_template, title=title)
    _panel(of, "forest", by_template, figure, {"rows": len(by_template)}, by="template", **pair.asked)
    strip = delta_frame(pair.scores, pair.first, pair.second)
    alt: dict[str, object] = {"templates": len(pair.scores.templates), "completions": len(pair.scores.completions)}
    _panel(of, "strip", strip, partial(strip_figure, strip), alt, **pair.asked)


def _groups(of: ProbeResult) -> None:
    """All groups: differences to a reference, distances, and how evenly each is spread."""
    text, scores = of.view.text, of.scores
    options = [MEAN, *map(str, range(len(scores.groups)))]
    link.choice_state(REFERENCE, options, MEAN)
    st.selectbox(
        text("bias.reference"),
        options,
        key=REFERENCE,
        format_func=lambda o: text("bias.reference_mean") if o == MEAN else scores.groups[int(o)],
        persist_state="session",
    )
    chosen = link.choice_written(REFERENCE, MEAN)
    frame = map_frame(scores, None if chosen == MEAN else int(chosen))
    alt: dict[str, object] = {"completions": len(scores.completions), "groups": len(scores.groups)}
    _panel(of, "bias_map", frame, partial(bias_map_figure, frame), alt, reference=chosen)
    if is_transposed(of.tokenized):
        quiet(text("bias.no_distribution"))
        return
    groups = group_frame(scores)
    section(
        text("bias.distribution"), text("bias.covered", least=percent(of.view.text, float(groups["covered"].min())))
    )
    left, right = st.columns(2, gap="medium")
    with left:
        curves = lorenz_frame(scores)
        _panel(of, "lorenz", curves, partial(lorenz_figure, curves), {"groups": len(scores.groups)})
    with right:
        apart = distance_frame(scores)
        figure = partial(distances_figure, apart, value="js_nats", own_maximum=True)
        _panel(of, "distances", apart, figure, {"groups": len(scores.groups)})
    _table(of, "groups", groups)


def _intersection(of: ProbeResult) -> None:
    """Difference in differences of the first two words of two slots."""
    text, probe = of.view.text, of.tokenized.spec.probe
    slots = [at for at, words in enumerate(probe.words) if len(words) > 1]
    if len(slots) < 2:
        quiet(text("bias.no_intersection"))
        return
    (outer, inner), words = slots[:2], probe.words
    start = probe.partner(probe.partner(0, probe.slots[outer], words[outer][1]), probe.slots[inner], words[inner][1])
    flip_outer = lambda group: probe.partner(group, probe.slots[outer], words[outer][0])  # noqa: E731
    flip_inner = lambda group: probe.partner(group, probe.slots[inner], words[inner][0])  # noqa: E731
    places = {
        "first_first": start,
        "second_first": flip_outer(start),
        "first_second": flip_inner(start),
        "second_second": flip_outer(flip_inner(start)),
    }
    frame = intersection_frame(of.scores, **places, by="completion")
    names = {name: name_label(of.scores.groups[group], TITLE_LENGTH) for name, group in places.items()}
    title = text("bias.intersection_axis", **names)
    section(text("bias.intersection_title"), text("bias.intersection_note"))
    figure = partial(forest_figure, frame, title=title)
    _panel(of, "forest", frame, figure, {"rows": len(frame)}, by="completion", intersection=places)


def _scores(of: ProbeResult) -> None:
    """Every score as a table."""
    text = of.view.text
    section(text("bias.scores_title"), text("bias.scores_note"))
    _table(of, "scores", score_frame(of.scores))


def _table(of: ProbeResult, name: str, frame: pd.DataFrame) -> None:
    view = of.view
    view.panel(
        name,
        [of.request],
        options={"probe": of.tokenized.spec.facts()},
        figure=None,
        frame=lambda: frame,
        script=lambda origin: scores_script(view.card, origin, of.tokenized),
        strip=of.strip(),
    )
