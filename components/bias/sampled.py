"""The sampled block of the Bias page: independent draws behind each prompt, counted with intervals and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from components.bias.findings import drawn_finding
from components.bias.layout import Layout, heads, started
from components.bias.pairs import groups_picker, prompt_run, template_picker
from components.bias.probe_result import MOST_SECONDS, scored, seconds_of
from components.charts.bias.sampled import differences_figure, sampled_figure
from components.shell.messages import about, advice, percent, quiet, section
from components.shell.model_rules import acting_fact
from components.shell.pickers import integer_picker, number_picker, place_picker
from components.shell.view import View, model_facts
from dashboard.engine.api.decoding import PURE
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.model import CallControl
from dashboard.export import Export
from dashboard.frames.bias_sampled import comparison_frame, missing_frame, sampled_frame
from dashboard.i18n import Catalogue
from dashboard.probes.continuations import continuations
from dashboard.probes.matching import Matcher
from dashboard.probes.pair_scores import Pairs, tokeniser
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.sampling.ranges import COUNTED_RANGES
from dashboard.scripts.bias import sampled_script
from dashboard.stats.counts import Independence, independence
from dashboard.tokens import ISOLATE

MOST_RATES = 8
"""Of more groups the least and the largest rate are told, not each."""
EXAMPLES = 3
"""So many drawn texts are shown where none is in the list."""


@dataclass(frozen=True)
class Drawn:
    """Texts drawn behind each group's prompt of one template, and what of the list was found in them."""

    view: View
    tokenized: TokenizedProbe
    template: int
    requests: tuple[GenerateRequest, ...]
    """(group,) each with noise of its own."""
    texts: list[tuple[str, ...]]
    """(group,) its draws."""
    seconds: float
    """That drawing took."""

    @property
    def column(self) -> Column:
        """How they were drawn."""
        return self.requests[0].columns[0]

    @property
    def drawn(self) -> NDArray[np.int64]:
        """(group,) how many draws."""
        return np.full(len(self.texts), self.column.num_return_sequences)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(group, completion) draws that begin with it."""
        match = Matcher(self.tokenized.texts, whole=self.tokenized.spec.boundary)
        counts = np.zeros((len(self.texts), len(self.tokenized.completions)), np.int64)
        for group, texts in enumerate(self.texts):
            for completion in map(match, texts):
                if completion is not None:
                    counts[group, completion] += 1
        return counts

    @cached_property
    def independence(self) -> Independence:
        """Whether completions, none of the list as one more, depend on the group."""
        return independence(np.column_stack([self.counts, self.drawn - self.counts.sum(1)]))


def panels(view: View, tokenized: TokenizedProbe, layout: Layout, line: DeltaGenerator) -> None:
    """Draw, count, compare; the settings in `line`. Raises DashboardError, Cancelled."""
    text = view.text
    with line:
        template, column = _settings(view, tokenized)
    groups = tokenized.shape[1]
    runs = [prompt_run(view, tokenized, template * groups + group) for group in range(groups)]
    requests = tuple(
        GenerateRequest(run, (column,), first_row=at * column.num_return_sequences) for at, run in enumerate(runs)
    )
    seconds = view.seconds_left(requests)
    digest = Export.of(requests, "sampled").digest
    if not started("sampled", digest, seconds, view, button=text("bias.draw"), flag="bias_draw"):
        return
    texts, seconds = view.wait(
        lambda control: _drawn(view, requests, control),
        text("work.drawing", count=groups * column.num_return_sequences),
        digest,
    )
    of = Drawn(view, tokenized, template, requests, texts, seconds)
    layout.say(drawn_finding(text, of.counts, of.drawn, of.independence))
    if of.counts.any():
        _charts(of)
    else:
        examples = list(dict.fromkeys(" ".join(drawn.split()) for drawn in texts[0]))[:EXAMPLES]
        said = " · ".join(map(ISOLATE.format, examples))
        advice(
            text("bias.none_found", texts=groups * column.num_return_sequences, tokens=column.max_new_tokens, said=said)
        )
    _summary(of)


def _settings(view: View, tokenized: TokenizedProbe) -> tuple[int, Column]:
    """The template, and how texts are drawn: every setting in the link."""
    text = view.text
    longest = max(tokenized.lengths) + 1
    template_at, rows_at, new_at, seed_at = st.columns([2, 1, 1, 1], vertical_alignment="bottom")
    t_at, k_at, p_at = st.columns(3, vertical_alignment="bottom")
    with template_at:
        template = template_picker(tokenized, view)
    with rows_at:
        rows = integer_picker("bias_rows", text("bias.rows"), 2000, 100, low=10)
    with new_at:
        new = integer_picker("bias_new", text("bias.new"), 50, min(longest, 50), low=1)
    with t_at:
        temperature = number_picker(
            "bias_temperature",
            "temperature",
            *COUNTED_RANGES["temperature"],
            1.0,
            help_text=text("parameter.temperature.meaning"),
        )
    with k_at:
        top_k = number_picker(
            "bias_top_k", "top_k", *COUNTED_RANGES["top_k"], 0, help_text=text("parameter.top_k.meaning")
        )
    with p_at:
        top_p = number_picker(
            "bias_top_p", "top_p", *COUNTED_RANGES["top_p"], 1.0, help_text=text("parameter.top_p.meaning")
        )
    with seed_at:
        seed = integer_picker("bias_seed", "seed", 999_999_999, 42, help_text=text("parameter.seed.meaning"))
    settings = replace(PURE, temperature=temperature, top_k=int(top_k), top_p=top_p)
    return template, Column(settings, num_return_sequences=rows, max_new_tokens=new, seed=seed)


def _share_of(progress: Callable[[float], None], part: int, parts: int) -> Callable[[float], None]:
    """`progress` of one part of several, told as the progress of all."""
    return lambda share: progress((part + share) / parts)


def _drawn(
    view: View, requests: Sequence[GenerateRequest], control: CallControl
) -> tuple[list[tuple[str, ...]], float]:
    """(group,) texts drawn behind each group's prompt, and the seconds."""
    texts, seconds = [], 0.0
    for group, request in enumerate(requests):
        within = CallControl(control.cancel, _share_of(control.progress, group, len(requests)), control.on_queue)
        generated = view.engine.answer(request, within).whole()
        seconds += generated.seconds
        # decoded behind the prompt and cut off from it: some decoders drop a text's leading space
        ids = request.token_ids
        before, *whole = view.tokenizer.decode([ids, *((*ids, *output.ids.tolist()) for output in generated.outputs)])
        texts.append(tuple(text[len(before) :] for text in whole))
    return texts, seconds


def _summary(of: Drawn) -> None:
    """What can be said of all draws in a line each."""
    text, names = of.view.text, of.tokenized.group_names
    short = sum(length > of.column.max_new_tokens for length in of.tokenized.lengths)
    if short:
        advice(text("bias.short", tokens=of.column.max_new_tokens, count=short, of=len(of.tokenized.completions)))
    rows = missing_frame(of.counts.sum(1), of.drawn, names).to_dict("records")
    if len(rows) > MOST_RATES:
        rows.sort(key=lambda row: float(row["share"]))
        quiet(text("bias.missing_least", low=_rate(rows[0], text), high=_rate(rows[-1], text)))
    else:
        quiet(text("bias.missing", rates=", ".join(_rate(row, text) for row in rows)))
    test = of.independence
    if np.isnan(test.p):
        if of.counts.any():
            quiet(text("bias.no_independence"))
        return
    v = "–" if np.isnan(test.cramers_v) else text.number(test.cramers_v, 3)
    quiet(text("bias.independence", g=text.number(test.g, 1), p=text.number(test.p, 4), v=v))


def _rate(row: Mapping[Any, Any], text: Catalogue) -> str:
    return f"{ISOLATE.format(row['group'])} {percent(text, row['share'])}"


def _exact_scores(of: Drawn) -> tuple[Pairs, NDArray[np.float64]] | None:
    """The pairs that are scored, and (group, completion) what the draws should give; ``None`` where it is not that.

    Settings or too few tokens change it, and where the end of a prompt is read otherwise the score is given less than
    the prompt behind which was drawn.
    """
    if of.column.settings != PURE or not of.tokenized.spec.boundary:
        return None
    view, tokenized, groups = of.view, of.tokenized, len(of.texts)
    of_template = slice(of.template * groups, (of.template + 1) * groups)
    rows = continuations(
        tokenized.prompt_ids[of_template],
        tokenized.prompts[of_template],
        tokenized.texts,
        tokeniser(view.engine, view.model),
    )
    # the last token shows where the word ends
    if of.column.max_new_tokens <= max(len(pair.scored) for row in rows for pair in row):
        return None
    prompt_ids = tokenized.prompt_ids[of_template]
    if any(pair.given < len(ids) for ids, row in zip(prompt_ids, rows, strict=True) for pair in row):
        return None
    pairs = Pairs.of(view.card.version, prompt_ids, rows, tokenized.spec.boundary)
    seconds = seconds_of(pairs, view)
    if seconds > MOST_SECONDS:
        quiet(view.text("bias.not_covered", about=about(view.text, seconds)))
        return None
    label = view.text("bias.scoring", count=groups * len(tokenized.completions), about=about(view.text, seconds))
    scores = scored(pairs, view, label)
    return pairs, np.exp(scores.total)


def _charts(of: Drawn) -> None:
    """The charts of one draw."""
    view, tokenized, text = of.view, of.tokenized, of.view.text
    names, completions = tokenized.group_names, [completion.text for completion in tokenized.completions]
    exact = _exact_scores(of)
    probs = exact[1] if exact else None
    frame = sampled_frame(of.counts, of.drawn, names, completions, probs)
    rows = of.column.num_return_sequences
    first_rows = [group * rows for group in range(len(names))]
    strip = [
        text("bias.drawn", n=rows),
        text("sampling.noise"),
        text("sampling.order", names=", ".join(acting)) if (acting := of.column.settings.acting) else "",
        acting_fact(view.card.rules, of.column.settings, text),
        *model_facts(view, of.seconds, of.requests[0].run),
    ]
    script = partial(
        sampled_script,
        view.card,
        probe=tokenized,
        request=of.requests[0],
        template=of.template,
        first_rows=first_rows,
    )
    common: dict[str, Any] = {"script": script, "strip": strip, "kind": "sampled"}
    figure = partial(sampled_figure, frame)
    alt: dict[str, object] = {"completions": len(completions), "groups": len(names)}
    options = {"template": of.template, "probe": tokenized.spec.facts()}
    origins = [*of.requests, *([exact[0].request] if exact and exact[0].request else [])]
    view.panel(
        "sampled",
        origins,
        options=options,
        figure=figure,
        frame=lambda: frame,
        alt=alt,
        heads=heads(frame, text),
        **common,
    )
    if probs is not None:
        quiet(text("bias.covers", covered=int(frame["covered"].sum()), count=len(frame)))
    words_at, pair_at = st.columns(2)
    with words_at:
        _, pairs = groups_picker(tokenized, view)
    labels = [f"{names[a]} – {names[b]}" for a, b in pairs]
    with pair_at:
        pair = pairs[place_picker("bias_tested", text("bias.tested"), labels) if len(labels) > 1 else 0]
    tests = comparison_frame(of.counts, of.drawn, pairs, names, completions)
    _differences(
        pair, tests, {**common, "origins": of.requests, "options": {**options, "pair": pair, "pairs": pairs}}, of
    )


def _differences(pair: tuple[int, int], tests: pd.DataFrame, common: dict[str, Any], of: Drawn) -> None:
    """The tests of one pair of groups: all were counted for the adjustment."""
    view, text, names = of.view, of.view.text, of.tokenized.group_names
    first, second = pair
    group_names = {"first": ISOLATE.format(names[first]), "second": ISOLATE.format(names[second])}
    section(text("bias.tests_title", **group_names), text("bias.tests_note", tests=len(tests)))
    if first == second:
        advice(text("bias.same_group"))
        return
    if not of.counts[[first, second]].any():
        quiet(text("bias.neither_found", **group_names))
        return
    of_pair = tests[(tests["first"] == names[first]) & (tests["second"] == names[second])]
    figure = partial(differences_figure, of_pair)
    alt: dict[str, object] = {"completions": len(of.tokenized.completions), "tests": len(tests)}
    view.panel("differences", figure=figure, frame=lambda: tests, alt=alt, heads=heads(tests, text), **common)
