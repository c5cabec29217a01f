"""The source notebook's own call behind each prompt: what its beam-sample gives, and what that is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from components.bias.sampled import prompt_run, template_picker
from components.shell.messages import quiet, section
from components.shell.model_rules import texts_fact
from components.shell.pickers import place_picker
from components.shell.view import View, model_facts
from dashboard.engine.api.generation import Column, Generated, GenerateRequest, TreeRequest
from dashboard.engine.api.model import CallControl
from dashboard.export import Export
from dashboard.probes.matching import merged
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import Origin, RunKey
from dashboard.sampling.columns import PRESETS
from dashboard.scripts.sampling import texts_script
from dashboard.tokens import ISOLATE

SEEDS = 10
TREE_NODES = 150
"""Ranks are told among so many of the likeliest continuations."""


@dataclass(frozen=True)
class _Call:
    """The call behind one prompt, with other seeds, and the exact order of continuations."""

    generated: Generated
    texts: tuple[str, ...]
    seeds: Counter[tuple[int, ...]]
    """Text -> in how many of SEEDS calls it came back."""
    order: tuple[tuple[int, ...], ...]
    """The likeliest finished continuations, likeliest first; complete down to the last."""


def column() -> Column:
    """The notebook's settings, whole."""
    return PRESETS["notebook_beams"].column()


def panels(view: View, tokenized: TokenizedProbe) -> None:
    """The call behind every group's prompt of one template."""
    text, groups = view.text, tokenized.shape[1]
    section(text("bias.notebook"), text("bias.notebook_note"))
    template = template_picker(tokenized, view)
    if not st.toggle(text("bias.call"), key="bias_call", help=text("bias.call_help"), bind="query-params"):
        quiet(text("bias.call_size", calls=groups * SEEDS, groups=groups))
        return
    requests = [_requests(prompt_run(view, tokenized, template * groups + group)) for group in range(groups)]
    asked: list[Origin] = [*(call for calls, _ in requests for call in calls), *(tree for _, tree in requests)]
    answers = view.wait(
        lambda control: [_called(view, *calls, (at, groups), control) for at, calls in enumerate(requests)],
        text("work.calling", count=groups),
        Export.of(asked, "notebook").digest,
    )
    names = tokenized.group_names
    for name, call in zip(names, answers, strict=True):
        kinds = Counter(merged(said) for said in call.texts)
        isolated = [(ISOLATE.format(kind), count) for kind, count in kinds.most_common()]
        said = ", ".join(f"{kind} ×{count}" if count > 1 else kind for kind, count in isolated)
        quiet(text("bias.call_says", group=ISOLATE.format(name), count=len(call.texts), kinds=len(kinds), said=said))
    group = place_picker("bias_group", text("bias.group"), names)
    _table(view, *requests[group], answers[group])


def _requests(run: RunKey) -> tuple[tuple[GenerateRequest, ...], TreeRequest]:
    """Behind one prompt: the call, the same with other seeds; and the tree of continuations."""
    call = column()
    seeds = (replace(call, seed=call.seed + number) for number in range(SEEDS))
    calls = tuple(GenerateRequest(run, (seeded,)) for seeded in seeds)
    return calls, TreeRequest(run, depth=call.max_new_tokens, mass=1.0, nodes=TREE_NODES)


def _called(
    view: View,
    requests: tuple[GenerateRequest, ...],
    continuations: TreeRequest,
    part: tuple[int, int],
    control: CallControl,
) -> _Call:
    """One prompt, the `part` (number, of so many) of all."""
    seeds: Counter[tuple[int, ...]] = Counter()
    generated: Generated | None = None
    for number, request in enumerate(requests):
        control.progress((part[0] + number / len(requests)) / part[1])
        answer = view.engine.answer(request, CallControl(control.cancel)).whole()
        generated = generated or answer
        seeds.update(tuple(output.ids.tolist()) for output in answer.outputs)
    assert generated is not None
    tree = view.engine.answer(continuations, CallControl(control.cancel))
    ways: list[tuple[int, ...]] = []
    for parent, token in zip(tree.parents.tolist(), tree.ids.tolist(), strict=True):
        ways.append((*(ways[parent] if parent >= 0 else ()), token))
    finished = [at for at, state in enumerate(tree.states) if state in {"depth", "end"}]
    order = sorted(finished, key=lambda at: -float(tree.probs[at]))
    said = view.tokenizer.decode(tuple(tuple(output.ids.tolist()) for output in generated.outputs))
    return _Call(generated, said, seeds, tuple(ways[at] for at in order))


def call_frame(call: _Call) -> pd.DataFrame:
    """One row a returned text.

    Returns:
        ``row, text, occupation, beam_score, log_prob_nats, prob, rank, seeds_of_10``: exact probability of the whole
        text, its rank among all texts of as many tokens (NA beyond those that were followed), and in how many of ten
        calls with other seeds it came back.
    """
    ranks = {way: rank for rank, way in enumerate(call.order, start=1)}
    rows = []
    for output, said in zip(call.generated.outputs, call.texts, strict=True):
        ids, total = tuple(output.ids.tolist()), float(output.log_p.sum(dtype=np.float64))
        rows.append(
            {
                "row": output.row,
                "text": said,
                "occupation": merged(said),
                "beam_score": output.score,
                "log_prob_nats": total,
                "prob": float(np.exp(total)),
                "rank": ranks.get(ids),
                "seeds_of_10": call.seeds[ids],
            }
        )
    return pd.DataFrame(rows).astype({"rank": "Int64"})


def _table(view: View, requests: tuple[GenerateRequest, ...], continuations: TreeRequest, call: _Call) -> None:
    text = view.text
    frame = call_frame(call)
    always = sum(count >= SEEDS for count in call.seeds.values())
    quiet(text("bias.call_seeds", seeds=SEEDS, different=len(call.seeds), always=always))
    view.panel(
        "notebook",
        [*requests, continuations],
        figure=None,
        frame=lambda: frame,
        script=lambda origin: texts_script(view.card, origin, requests[0]),
        kind="search",
        strip=[
            text("bias.ranked_list"),
            texts_fact(view.card.rules, [column()], text),
            *model_facts(view, call.generated.seconds, requests[0].run),
        ],
    )
