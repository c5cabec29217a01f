"""Looks at the exact scores of a probe: two groups, templates, all groups, intersection, all scores."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.bias.findings import (
    distances_finding,
    intersection_finding,
    map_finding,
    pair_finding,
    scores_finding,
    templates_finding,
)
from components.bias.layout import Layout
from components.bias.pairs import (
    Pair,
    beside_world,
    chosen_groups,
    groups_picker,
    has_world,
    is_transposed,
    opening_groups,
    pair_picker,
    transposed,
)
from components.bias.probe_result import ProbeResult, opening_result, parts, ready_result, scored_part
from components.charts.bias.exact import bias_map_figure, dumbbell_figure
from components.charts.bias.groups import distances_figure, lorenz_figure
from components.charts.bias.labels import TITLE_LENGTH, name_label
from components.charts.bias.spread import forest_figure, strip_figure
from components.charts.bias.world import against_world_figure
from components.shell import link
from components.shell.messages import percent, quiet, section
from components.shell.pickers import switch
from components.shell.view import View
from dashboard.frames.bias import (
    completion_frame,
    delta_frame,
    forest_frame,
    intersection_frame,
    map_frame,
    score_frame,
)
from dashboard.frames.bias_groups import distance_frame, group_frame, lorenz_frame
from dashboard.probes.lexicon import occupations
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.stats.agreement import agreement

REFERENCE = "bias_reference"
MEAN = "mean"
EACH_WAY = 20
"""So many completions that lean most to a group are drawn, unless all are asked for."""
ENOUGH_TEMPLATES = 10
"""The bootstrap's intervals over fewer are too narrow."""
LONG_SECONDS = 2.0
"""Where the other groups take longer, the two that are scored first are shown meanwhile."""
_SCORED = "_bias_scored"
"""What was scored behind a first pair."""


def fits_a_screen(look: str, tokenized: TokenizedProbe) -> bool:
    """Whether the first chart of a look is low enough for its controls to stand below it."""
    templates, _, completions = tokenized.shape
    if look == "pair":
        return completions <= EACH_WAY or has_world(tokenized)
    return {
        "templates": templates <= ENOUGH_TEMPLATES,
        "groups": not is_transposed(tokenized),
        "intersection": completions <= EACH_WAY,
    }.get(look, False)


def panels(
    view: View, tokenized: TokenizedProbe, look: str, layout: Layout, line: DeltaGenerator, *, as_job: bool
) -> None:
    """One look at the exact scores, its controls in `line`; large probes are scored by a job, others here.

    Raises DashboardError, Cancelled.
    """
    opening = partial(_opening_pair, view, tokenized, layout, line) if look == "pair" else None
    result = ready_result(view, tokenized, as_job=as_job, meanwhile=opening)
    if result is None:
        return
    if look in ("pair", "templates"):
        pair_at, switch_at = _pair_line(line)
        with pair_at:
            pair = (
                transposed(tokenized, result.scores)
                if is_transposed(tokenized)
                else pair_picker(tokenized, result.scores, view)
            )
        if look == "pair":
            with switch_at:
                every = _show_all(result, pair)
            _pair(result, pair, layout, every=every)
        else:
            _templates(result, pair, layout)
        with line:
            _interval_note(result)
    elif look == "groups":
        _groups(result, layout, line)
    elif look == "intersection":
        _intersection(result, layout)
    else:
        _scores(result, layout)


def _pair_line(line: DeltaGenerator) -> list[DeltaGenerator]:
    """Where the two groups are chosen, and where all completions are asked for."""
    with line:
        return st.columns([2, 1], vertical_alignment="bottom")


def _opening_pair(view: View, tokenized: TokenizedProbe, layout: Layout, line: DeltaGenerator) -> None:
    """While most groups of a probe have to wait for their scores: two of those that are asked for, as themselves.

    Then the page is drawn once more, with what was asked for.
    """
    opening = opening_groups(tokenized)
    if opening is None or opening not in chosen_groups(tokenized)[1]:
        return
    first, rest = parts(view, tokenized)
    if rest.seconds(view) <= LONG_SECONDS or st.session_state.get(_SCORED) == rest.pairs.request:
        return
    result = opening_result(view, tokenized, opening, first)
    pair_at, switch_at = _pair_line(line)
    with pair_at:
        groups_picker(tokenized, view)
    pair = beside_world(Pair(result.scores, 0, 1, (opening,)), tokenized, None)
    with switch_at:
        every = _show_all(result, pair)
    _pair(result, pair, layout, every=every)
    with layout.finding:
        quiet(view.text("bias.others_follow"))
        scored_part(view, rest)
    # once: scores that are too large to be kept would be asked for again and again
    st.session_state[_SCORED] = rest.pairs.request
    st.rerun()


def _interval_note(of: ProbeResult) -> None:
    """Says that intervals over few templates are too narrow."""
    templates = of.tokenized.shape[0]
    if 1 < templates < ENOUGH_TEMPLATES:
        quiet(of.view.text("bias.narrow_intervals", count=templates))


def drawn_each_way(completions: int, *, every: bool) -> int | None:
    """So many completions that lean most to each group are drawn; ``None``: all, also where that is no more rows."""
    return None if every or completions <= 2 * EACH_WAY else EACH_WAY


def _show_all(of: ProbeResult, pair: Pair) -> bool:
    """Whether every completion is drawn; asked where there are many."""
    completions = len(pair.scores.completions)
    return completions > 2 * EACH_WAY and switch("bias_all", of.view.text("bias.show_all", count=completions))


def _pair(of: ProbeResult, pair: Pair, layout: Layout, *, every: bool) -> None:
    """Two groups: each completion against the world, and its probability in both."""
    text, world = of.view.text, _world(pair, of.view)
    frame = completion_frame(pair.scores, pair.first, pair.second)
    completions: dict[str, object] = {"completions": len(pair.scores.completions)}
    with_world = None
    if pair.scores.world is not None:
        with_world = agreement(frame["share"].to_numpy(), frame["world_share"].to_numpy())
        numbers = {name: text.number(getattr(with_world, name), 3) for name in ("kendall", "spearman", "mse")}
        facts = text("charts.against_world.facts", n=with_world.n, left_out=with_world.left_out, **numbers)
        figure = partial(against_world_figure, frame, world=world)
        with layout.chart:
            of.panel("against_world", frame, figure, alt=completions, facts=(facts,), asked=pair.asked)
    layout.say(pair_finding(text, pair, frame, with_world, world, transposed=is_transposed(of.tokenized)))
    with layout.chart if with_world is None else layout.more:
        figure = partial(dumbbell_figure, frame, value="prob", each_way=drawn_each_way(len(frame), every=every))
        of.panel("dumbbell", frame, figure, alt=completions, asked={"all": every, **pair.asked})


def _world(pair: Pair, view: View) -> str:
    """What the pair's shares in the world are; empty: there are none."""
    if not pair.world:
        return ""
    return view.text(f"bias.world_{pair.world}", year=str(occupations().year))


def _templates(of: ProbeResult, pair: Pair, layout: Layout) -> None:
    """How far the answer depends on the template."""
    text = of.view.text
    first, second = (name_label(name, TITLE_LENGTH) for name in pair.names)
    title = text("charts.bias.axis", first=first, second=second)
    by_template = forest_frame(pair.scores, pair.first, pair.second, by="template")
    layout.say(templates_finding(text, pair, by_template))
    with layout.chart:
        figure = partial(forest_figure, by_template, title=title)
        of.panel("forest", by_template, figure, alt={"rows": len(by_template)}, asked={"by": "template", **pair.asked})
    with layout.more:
        section(text("bias.templates_title"), text("bias.templates_note"))
        strip = delta_frame(pair.scores, pair.first, pair.second)
        alt: dict[str, object] = {"templates": len(pair.scores.templates), "completions": len(pair.scores.completions)}
        of.panel("strip", strip, partial(strip_figure, strip), alt=alt, asked=pair.asked)


def _groups(of: ProbeResult, layout: Layout, line: DeltaGenerator) -> None:
    """All groups: distances, how evenly each is spread, and differences to a reference."""
    text, scores = of.view.text, of.scores
    options = [MEAN, *map(str, range(len(scores.groups)))]
    link.choice_state(REFERENCE, options, MEAN)
    with line:
        st.selectbox(
            text("bias.reference"),
            options,
            key=REFERENCE,
            format_func=lambda o: text("bias.reference_mean") if o == MEAN else scores.groups[int(o)],
            persist_state="session",
            width=320,
        )
        _interval_note(of)
    chosen = link.choice_written(REFERENCE, MEAN)
    frame = map_frame(scores, None if chosen == MEAN else int(chosen))
    alt: dict[str, object] = {"completions": len(scores.completions), "groups": len(scores.groups)}
    draw_map = partial(
        of.panel, "bias_map", frame, partial(bias_map_figure, frame), alt=alt, asked={"reference": chosen}
    )
    if is_transposed(of.tokenized):
        layout.say(map_finding(text, frame))
        with layout.chart:
            draw_map()
        with layout.more:
            quiet(text("bias.no_distribution"))
        return
    groups = group_frame(scores)
    _distributions(of, groups, layout)
    with layout.more:
        draw_map()
        of.panel("groups", groups, None)


def _distributions(of: ProbeResult, groups: pd.DataFrame, layout: Layout) -> None:
    """How each group's probability is spread over the list; `groups` as `group_frame` makes it."""
    text = of.view.text
    alt: dict[str, object] = {"groups": len(of.scores.groups)}
    apart, curves = distance_frame(of.scores), lorenz_frame(of.scores)
    layout.say(distances_finding(text, apart))
    with layout.chart:
        left, right = st.columns(2, gap="medium")
        with left:
            figure = partial(distances_figure, apart, value="js_nats", own_maximum=True)
            of.panel("distances", apart, figure, alt=alt)
        with right:
            of.panel("lorenz", curves, partial(lorenz_figure, curves), alt=alt)
        quiet(text("bias.covered", least=percent(text, float(groups["covered"].min()))))


def _intersection(of: ProbeResult, layout: Layout) -> None:
    """Difference in differences of the first two words of two slots."""
    text, probe = of.view.text, of.tokenized.spec.probe
    slots = [at for at, words in enumerate(probe.words) if len(words) > 1]
    if len(slots) < 2:
        with layout.chart:
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
        "second_second": flip_inner(flip_outer(start)),
    }
    frame = intersection_frame(of.scores, **places, by="completion")
    layout.say(intersection_finding(text, (words[outer][1], words[inner][1]), frame))
    names = {name: name_label(of.scores.groups[group], TITLE_LENGTH) for name, group in places.items()}
    figure = partial(forest_figure, frame, title=text("bias.intersection_axis", **names))
    with layout.chart:
        quiet(text("bias.intersection_note"))
        of.panel("forest", frame, figure, alt={"rows": len(frame)}, asked={"by": "completion", "intersection": places})
        _interval_note(of)


def _scores(of: ProbeResult, layout: Layout) -> None:
    """Every score as a table."""
    frame = score_frame(of.scores)
    layout.say(scores_finding(of.view.text, frame))
    with layout.chart:
        of.panel("scores", frame, None)
