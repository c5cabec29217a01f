"""The source notebook's own call behind each prompt: its texts, what they are worth, and what other seeds give."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.bias.findings import call_finding
from components.bias.layout import Layout, agree, agreed, heads, started
from components.bias.pairs import prompt_run, template_picker
from components.bias.probe_builder import take_preset
from components.charts.series import readable
from components.shell import link
from components.shell.messages import about, estimate, quiet
from components.shell.model_rules import texts_fact
from components.shell.view import View, error_frame, model_facts
from dashboard.engine.api.generation import Column, Generated, GenerateRequest, Output, ProbabilityTree, TreeRequest
from dashboard.engine.api.model import CallControl
from dashboard.export import Export
from dashboard.probes.matching import merged
from dashboard.probes.presets import preset
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import Origin, RunKey
from dashboard.sampling.columns import PRESETS
from dashboard.scripts.sampling import calls_script
from dashboard.tokens import continues_word

SEEDS = 10
TREE_NODES = 150
"""Ranks are told among so many of the likeliest continuations."""
REPEAT, GROUP = "bias_call", "bias_group"
PROMPTS = "notebook"
"""The preset with the notebook's prompts."""
EVERY_GROUP = "all"


@dataclass(frozen=True)
class Repeated:
    """The call behind one prompt with SEEDS seeds, and the exact order of continuations."""

    seeds: Counter[tuple[int, ...]]
    """Text -> in how many of the calls it came back."""
    order: tuple[tuple[int, ...], ...]
    """The likeliest finished continuations, likeliest first; complete down to the last."""
    seconds: float


@dataclass(frozen=True)
class Call:
    """The call behind one group's prompt."""

    group: str
    generated: Generated
    texts: tuple[str, ...]
    repeated: Repeated | None = None


def column() -> Column:
    """The notebook's settings, whole."""
    return PRESETS["notebook_beams"].column()


def panels(view: View, tokenized: TokenizedProbe, layout: Layout, line: DeltaGenerator) -> None:
    """The call behind every group's prompt of one template. Raises DashboardError, Cancelled."""
    text, groups = view.text, tokenized.shape[1]
    with line:
        template_at, repeat_at = st.columns(2, vertical_alignment="bottom")
    with template_at:
        template = template_picker(tokenized, view)
        if tokenized.spec != ProbeSpec.of(preset(PROMPTS)):
            st.button(text("bias.own_prompts"), key="bias_own_prompts", on_click=take_preset, args=(PROMPTS,))
    runs = [prompt_run(view, tokenized, template * groups + group) for group in range(groups)]
    requests = [GenerateRequest(run, (column(),)) for run in runs]
    digest = Export.of(requests, "notebook").digest
    repeat = agreed(REPEAT, digest)
    seconds = view.seconds_left(requests)
    if not repeat and not started("notebook", digest, seconds, view, button=text("bias.call")):
        return
    label = text("bias.calling", count=groups, about=about(text, seconds))
    calls = view.wait(partial(_called, view, tokenized.group_names, requests), label, digest)
    answers = {merged(said) for call in calls for said in call.texts}
    layout.say(call_finding(text, len(calls), sum(len(call.texts) for call in calls), len(answers)))
    _grid(calls, [tokenized.prompts[template * groups + group] for group in range(groups)], view)
    with line:
        quiet(text("bias.notebook_note"))
    asked: list[Origin] = list(requests)
    with layout.more:
        if repeat:
            more = [_more_requests(run) for run in runs]
            with error_frame(text):
                calls = view.wait(partial(_repeated, view, calls, more), text("bias.repeating"), f"{digest} seeds")
                for seeds, tree in more:
                    asked += [*seeds, tree]
        else:
            with repeat_at:
                _repeat_button(view, runs, digest)
        _table(view, asked, requests, calls)


# -- the calls -----------------------------------------------------------------------------------------------------
def _called(view: View, names: Sequence[str], requests: Sequence[GenerateRequest], control: CallControl) -> list[Call]:
    """(group,) the call with its own seed."""
    calls = []
    for number, (name, request) in enumerate(zip(names, requests, strict=True)):
        control.progress(number / len(requests))
        generated = view.engine.answer(request, CallControl(control.cancel)).whole()
        said = view.tokenizer.decode(tuple(tuple(output.ids.tolist()) for output in generated.outputs))
        calls.append(Call(name, generated, said))
    return calls


def _more_requests(run: RunKey) -> tuple[tuple[GenerateRequest, ...], TreeRequest]:
    """Behind one prompt: the call with the other seeds, and the tree of continuations."""
    call = column()
    seeds = (replace(call, seed=call.seed + number) for number in range(1, SEEDS))
    tree = TreeRequest(run, depth=call.max_new_tokens, mass=1.0, nodes=TREE_NODES)
    return tuple(GenerateRequest(run, (seeded,)) for seeded in seeds), tree


def _repeated(
    view: View,
    calls: Sequence[Call],
    requests: Sequence[tuple[tuple[GenerateRequest, ...], TreeRequest]],
    control: CallControl,
) -> list[Call]:
    """(group,) the calls with what the other seeds gave."""
    repeated = []
    for number, (call, (others, tree_request)) in enumerate(zip(calls, requests, strict=True)):
        seeds = Counter(tuple(output.ids.tolist()) for output in call.generated.outputs)
        seconds = call.generated.seconds
        for at, request in enumerate(others):
            control.progress((number + at / SEEDS) / len(calls))
            generated = view.engine.answer(request, CallControl(control.cancel)).whole()
            seeds.update(tuple(output.ids.tolist()) for output in generated.outputs)
            seconds += generated.seconds
        tree = view.engine.answer(tree_request, CallControl(control.cancel))
        repeated.append(replace(call, repeated=Repeated(seeds, _order(tree), seconds + tree.seconds)))
    return repeated


def _order(tree: ProbabilityTree) -> tuple[tuple[int, ...], ...]:
    """Finished continuations as tokens, likeliest first."""
    ways: list[tuple[int, ...]] = []
    for parent, token in zip(tree.parents.tolist(), tree.ids.tolist(), strict=True):
        ways.append((*(ways[parent] if parent >= 0 else ()), token))
    finished = [at for at, state in enumerate(tree.states) if state in {"depth", "end"}]
    return tuple(ways[at] for at in sorted(finished, key=lambda at: -float(tree.probs[at])))


# -- what is shown -------------------------------------------------------------------------------------------------
def answer_text(output: Output, said: str) -> str:
    """A returned text for the page: a word that the limit of tokens may have cut goes on with ``…``."""
    cut = output.stopped == "limit" and bool(said) and continues_word(said[-1])
    return readable(said.removeprefix(" ")) + ("…" if cut else "")


def _grid(calls: Sequence[Call], prompts: Sequence[str], view: View) -> None:
    """A box a group with its texts, the best first."""
    boxes, cut = "", False
    for call, prompt in zip(calls, prompts, strict=True):
        texts = [answer_text(*pair) for pair in zip(call.generated.outputs, call.texts, strict=True)]
        cut = cut or any(said.endswith("…") for said in texts)
        lines = "".join(f"<li><bdi>{html.escape(said)}</bdi></li>" for said in texts)
        boxes += (
            f"<section><h3><bdi>{html.escape(readable(call.group))}</bdi></h3>"
            f'<p class="ls-note"><bdi>{html.escape(readable(prompt))}</bdi> …</p><ol>{lines}</ol></section>'
        )
    st.html(f'<div class="ls-answers">{boxes}</div>')
    if cut:
        quiet(view.text("bias.cut", tokens=column().max_new_tokens))


def _repeat_button(view: View, runs: Sequence[RunKey], digest: str) -> None:
    """The button that asks for the other seeds and the order of continuations, with what they cost."""
    text = view.text
    requests: list[GenerateRequest | TreeRequest] = []
    for seeds, tree in map(_more_requests, runs):
        requests += [*seeds, tree]
    seconds = view.seconds_left(requests)
    label = text("bias.repeat", seeds=SEEDS - 1)
    st.button(label, key="bias_repeat", on_click=agree, args=(REPEAT, digest), icon=":material/repeat:")
    numbers = text("work.estimated", seconds=text.number(seconds, 0))
    estimate(text("bias.repeat_cost", about=about(text, seconds)), numbers)


def call_frame(calls: Sequence[Call]) -> pd.DataFrame:
    """One row a returned text of a group.

    Returns:
        ``group, row, text, occupation, beam_score, log_prob_nats, prob``: exact probability of the whole text; of calls
        that were repeated also ``rank, seeds_of_10``: its rank among all texts of as many tokens (NA beyond those that
        were followed), and in how many of ten calls with other seeds it came back.
    """
    rows = []
    for call in calls:
        repeated = call.repeated
        ranks = {way: rank for rank, way in enumerate(repeated.order, start=1)} if repeated else {}
        for output, said in zip(call.generated.outputs, call.texts, strict=True):
            ids, total = tuple(output.ids.tolist()), float(output.log_p.sum(dtype=np.float64))
            row = {"group": call.group, "row": output.row, "text": said, "occupation": merged(said)}
            row |= {"beam_score": output.score, "log_prob_nats": total, "prob": float(np.exp(total))}
            if repeated:
                row |= {"rank": ranks.get(ids), "seeds_of_10": repeated.seeds[ids]}
            rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.astype({"rank": "Int64"}) if "rank" in frame else frame


def _table(view: View, origins: Sequence[Origin], requests: Sequence[GenerateRequest], calls: Sequence[Call]) -> None:
    """Every text with its numbers, of all groups or of one."""
    text = view.text
    options = [EVERY_GROUP, *map(str, range(len(calls)))]
    link.choice_state(GROUP, options, EVERY_GROUP)
    st.selectbox(
        text("bias.group"),
        options,
        key=GROUP,
        format_func=lambda o: text("bias.every_group") if o == EVERY_GROUP else calls[int(o)].group,
        persist_state="session",
        width=320,
    )
    chosen = link.choice_written(GROUP, EVERY_GROUP)
    drawn = calls if chosen == EVERY_GROUP else [calls[int(chosen)]]
    frame = call_frame(drawn)
    for call in drawn:
        if call.repeated and chosen != EVERY_GROUP:
            seeds = call.repeated.seeds
            always = sum(count >= SEEDS for count in seeds.values())
            quiet(text("bias.call_seeds", seeds=SEEDS, different=len(seeds), always=always))
    seconds = sum(call.repeated.seconds if call.repeated else call.generated.seconds for call in calls)
    names = [call.group for call in calls]
    view.panel(
        "notebook",
        origins,
        options={"group": chosen},
        figure=None,
        frame=lambda: frame,
        table=lambda: frame.assign(row=frame["row"] + 1),
        script=lambda origin: calls_script(view.card, origin, requests, names),
        kind="search",
        strip=[
            text("bias.ranked_list"),
            texts_fact(view.card.rules, [column()], text),
            *model_facts(view, seconds, requests[0].run),
        ],
        heads=heads(frame, text),
    )
