"""The sampled block of the Bias page: independent draws behind each prompt, counted with intervals and tests."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from components.bias_exact_panels import Exact, probe_key
from components.bias_pairs import Pair, pair_picker
from components.charts.bias_sampled import differences_figure, sampled_figure
from components.controls import integer_picker, number_picker
from components.panels import Panel, chart_panel
from components.prose import number, percent, quiet, section
from components.shell import View, model_facts
from dashboard.bias_scripts import sampled_script
from dashboard.engine.base import DecodeSettings, Job
from dashboard.engine.generated import Column, GenerateRequest
from dashboard.frames.bias_sampled import comparison_frame, missing_frame, sampled_frame
from dashboard.probes.matching import Matcher
from dashboard.probes.prepared import Prepared
from dashboard.run_key import RunKey
from dashboard.stats.counts import independence

PURE = DecodeSettings()
"""Draws from these have the model's own probabilities."""


def prompt_key(view: View, made: Prepared, place: int) -> RunKey:
    """The run of one of the probe's prompts."""
    return replace(view.key, template="raw", token_ids=made.prompt_ids[place])


def panels(of: Exact) -> None:
    """Draw, count, compare."""
    text, made, view = of.view.text, of.made, of.view
    section(text("bias.sampled"), text("bias.sampled_note"))
    template = template_picker(made, view)
    column = _column(view, made)
    request = GenerateRequest((column,))
    groups = made.shape[1]
    if not st.toggle(text("bias.draw"), key="bias_draw", help=text("bias.draw_help"), bind="query-params"):
        quiet(text("bias.draw_size", texts=groups * column.rows, tokens=groups * column.rows * column.max_new_tokens))
        return
    said = view.wait(
        lambda job: _drawn(view, made, template, request, job),
        text("work.drawing", count=groups * column.rows),
        f"draw {hash((made.prompt_ids, template, request))}",
    )
    match = Matcher(made.texts, whole=made.spec.boundary)
    places = [[match(one) for one in texts] for texts in said]
    counts = np.zeros((groups, len(made.completions)), np.int64)
    for group, found in enumerate(places):
        for place in found:
            if place is not None:
                counts[group, place] += 1
    drawn = np.full(groups, column.rows)
    _show(of, template, request, counts, drawn)


def template_picker(made: Prepared, view: View) -> int:
    """One of the probe's templates."""
    templates = made.spec.probe.templates
    if len(templates) == 1:
        return 0
    place = integer_picker("bias_template", view.text("bias.template"), len(templates) - 1, 0)
    quiet(view.text("bias.template_is", template=templates[place].text))
    return place


def _column(view: View, made: Prepared) -> Column:
    """How texts are drawn: every setting in the link."""
    text = view.text
    longest = max(len(ids) for ids in made.completion_ids) + 1
    rows_at, new_at, t_at, k_at, p_at, seed_at = st.columns(6, vertical_alignment="bottom")
    with rows_at:
        rows = integer_picker("bias_rows", text("bias.rows"), 2000, 100, low=10)
    with new_at:
        new = integer_picker("bias_new", text("bias.new"), 50, min(longest, 50), low=1)
    with t_at:
        temperature = number_picker(
            "bias_temperature", "temperature", 0.05, 10.0, 1.0, help_text=text("parameter.temperature.meaning")
        )
    with k_at:
        top_k = number_picker("bias_top_k", "top_k", 0, 100_000, 0, help_text=text("parameter.top_k.meaning"))
    with p_at:
        top_p = number_picker("bias_top_p", "top_p", 0.05, 1.0, 1.0, help_text=text("parameter.top_p.meaning"))
    with seed_at:
        seed = integer_picker("bias_seed", "seed", 999_999_999, 42, help_text=text("parameter.seed.meaning"))
    settings = DecodeSettings(temperature=temperature, top_k=int(top_k), top_p=top_p)
    return Column(settings, rows=rows, max_new_tokens=new, seed=seed)


def _drawn(view: View, made: Prepared, template: int, request: GenerateRequest, job: Job) -> list[tuple[str, ...]]:
    """(group,) texts drawn behind each group's prompt; group g draws with noise of its own."""
    groups, found = made.shape[1], []
    for group in range(groups):
        within = Job(job.cancel, lambda share, group=group: job.progress((group + share) / groups), job.waits)  # type: ignore[misc]
        key = prompt_key(view, made, template * groups + group)
        own = replace(request, first_row=group * request.columns[0].rows)
        outputs = view.engine.generate(key, own, within).outputs
        # decoded behind the prompt and cut off from it: some decoders drop a text's leading space
        before, *whole = view.engine.texts(
            view.model, (key.token_ids, *((*key.token_ids, *output.ids.tolist()) for output in outputs))
        )
        found.append(tuple(text[len(before) :] for text in whole))
    return found


def _show(of: Exact, template: int, request: GenerateRequest, counts: np.ndarray, drawn: np.ndarray) -> None:
    """The charts of one draw."""
    text, made, view = of.view.text, of.made, of.view
    column = request.columns[0]
    names = of.scores.groups
    exact = np.exp(of.scores.log_prob[template]) if column.settings == PURE and made.spec.boundary else None
    frame = sampled_frame(counts, drawn, names, of.scores.completions, exact)
    if exact is not None:
        quiet(text("bias.covers", covered=int(frame["covered"].sum()), count=len(frame)))
    missing = missing_frame(counts.sum(1), drawn, names)
    rates = ", ".join(f"{row['group']} {percent(text, row['share'])}" for row in missing.to_dict("records"))
    quiet(text("bias.missing", rates=rates))
    found = independence(counts)
    quiet(text("bias.independence", g=number(text, found.g, 1), p=f"{found.p:.3g}", v=number(text, found.cramers_v, 3)))
    strip = [
        text("sampling.sampled", n=column.rows),
        text("sampling.noise"),
        text("sampling.order", names=", ".join(column.settings.acting) or text("sampling.nothing_acts")),
        *model_facts(view, of.seconds, probe_key(view, made)),
    ]
    first_rows = [group * column.rows for group in range(made.shape[1])]
    script = lambda: sampled_script(  # noqa: E731
        view.card, probe_key(view, made), made, request, template, first_rows=first_rows
    )
    common: dict[str, Any] = {"key": probe_key(view, made), "text": text, "script": script, "strip": strip}
    shown = partial(sampled_figure, frame, text=text, theme=view.theme)
    alt: dict[str, object] = {"completions": len(of.scores.completions), "groups": len(names)}
    chart_panel(Panel(name="sampled", figure=shown, frame=lambda: frame, alt=alt, **common))
    pair = pair_picker(made, of.scores, view)
    tests = comparison_frame(counts, drawn, pair.groups, names, of.scores.completions)
    _differences(pair, tests, common, of)


def _differences(pair: Pair, tests: pd.DataFrame, common: dict[str, Any], of: Exact) -> None:
    """The tests of one pair of groups: all were counted for the adjustment."""
    text, view = of.view.text, of.view
    names = [f"{of.scores.groups[a]} – {of.scores.groups[b]}" for a, b in pair.groups]
    at = integer_picker("bias_tested", text("bias.tested"), len(names) - 1, 0) if len(names) > 1 else 0
    first, second = (of.scores.groups[place] for place in pair.groups[at])
    section(text("bias.tests_title", first=first, second=second), text("bias.tests_note", tests=len(tests)))
    shown = tests[(tests["first"] == first) & (tests["second"] == second)]
    figure = partial(differences_figure, shown, text=text, theme=view.theme)
    alt: dict[str, object] = {"completions": len(of.scores.completions), "tests": len(tests)}
    panel = Panel(name="differences", figure=figure, frame=lambda: tests, alt=alt, **common)
    chart_panel(panel)
