"""Where a gap arises: through the layers, and in which heads the last token looks at the identity word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from components.bias.findings import gap_finding
from components.bias.layout import Layout, heads
from components.bias.pairs import groups_picker, is_transposed, prompt_run, template_picker
from components.charts.axes import signed
from components.charts.bias.gap import gap_figure, head_gap_figure
from components.shell.messages import advice, quiet, section
from components.shell.page_links import page_link
from components.shell.pickers import place_picker
from components.shell.view import View, model_facts
from dashboard.engine.api.attention import QueryRowsRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import RunRequest
from dashboard.errors import NothingToScore
from dashboard.frames.bias_gap import gap_frame, head_gap_frame
from dashboard.probes.articles import split_article
from dashboard.probes.continuations import Tokenise, continuations
from dashboard.probes.pair_scores import tokeniser
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import RunKey
from dashboard.scripts.bias import gap_script, head_gap_script
from dashboard.tokens import ISOLATE, visible
from dashboard.view_state import head_params

LINKED = 6


def differing_spans(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """[start, stop) of what differs between two token sequences, in each: the identity words, where only they do."""
    shortest = min(len(first), len(second))
    start = next((at for at in range(shortest) if first[at] != second[at]), shortest)
    same = next((at for at in range(shortest - start) if first[-1 - at] != second[-1 - at]), shortest - start)
    return (start, len(first) - same), (start, len(second) - same)


@dataclass(frozen=True)
class Side:
    """One of two prompts, and where behind it the completion's first telling token is asked for."""

    given: tuple[int, ...]
    """Ids of what comes before that token."""
    token: int


def sides(
    prompts: Sequence[str], prompt_ids: Sequence[tuple[int, ...]], completion: str, tokenise: Tokenise
) -> tuple[str, tuple[Side, ...]]:
    """Where the gap of a completion is asked for behind each prompt: behind its article, where it brings one.

    Nearly all completions begin with the same two articles: a gap at their first token is one of " a" and " an".

    Args:
        prompts: their texts.
        prompt_ids: of each by itself.
        completion: as it stands behind a prompt: `` a nurse``.
        tokenise: reads prompt and completion as one text.

    Returns:
        The article, `` a``, and (prompt,) sides; an empty text where there is none, or its tokens are not the first of
        the completion behind every prompt.

    Raises:
        NothingToScore: behind one of the prompts the completion has no probability.
    """
    article, _ = split_article(completion.strip())
    wholes = [row[0] for row in continuations(prompt_ids, prompts, [completion], tokenise)]
    if not all(whole.scorable for whole in wholes):
        raise NothingToScore(place=1)
    if article:
        begun = [row[0] for row in continuations(prompt_ids, prompts, [f" {article}"], tokenise)]
        pairs = list(zip(wholes, begun, strict=True))
        if all(begin.scored and whole.ids[: len(begin.ids)] == begin.ids != whole.ids for whole, begin in pairs):
            return f" {article}", tuple(Side(begin.ids, whole.ids[len(begin.ids)]) for whole, begin in pairs)
    return "", tuple(Side(whole.ids[: whole.given], whole.ids[whole.given]) for whole in wholes)


def panels(view: View, tokenized: TokenizedProbe, layout: Layout, line: DeltaGenerator) -> None:
    """Two prompts that differ in one word, and one completion, chosen in `line`. Raises DashboardError, Cancelled."""
    text = view.text
    with line:
        template_at, groups_at, completion_at = st.columns(3)
    with template_at:
        template = template_picker(tokenized, view)
    with groups_at:
        first, second = _groups(view, tokenized)
    with completion_at:
        completion = place_picker(
            "bias_completion", text("bias.completion"), [completion.text for completion in tokenized.completions]
        )
    names = (tokenized.group_names[first], tokenized.group_names[second])
    words = {"first": ISOLATE.format(names[0]), "second": ISOLATE.format(names[1])}
    numbers = [template * tokenized.shape[1] + group for group in (first, second)]
    if tokenized.prompt_ids[numbers[0]] == tokenized.prompt_ids[numbers[1]]:
        advice(text("bias.gap_same", **words))
        return
    prompts, prompt_ids = (
        [tokenized.prompts[number] for number in numbers],
        [tokenized.prompt_ids[number] for number in numbers],
    )
    article, both = sides(prompts, prompt_ids, tokenized.texts[completion], tokeniser(view.engine, view.model))
    keys = [
        replace(prompt_run(view, tokenized, number), token_ids=side.given)
        for number, side in zip(numbers, both, strict=True)
    ]
    prompt, token = prompts[0] + article, both[0].token
    words |= {"token": ISOLATE.format(visible(view.tokenizer.tokens((token,))[0]))}
    words |= {"completion": ISOLATE.format(tokenized.texts[completion].strip()), "prompt": ISOLATE.format(prompt)}
    if token != both[1].token:
        other = ISOLATE.format(visible(view.tokenizer.tokens((both[1].token,))[0]))
        advice(text("bias.gap_tokens_differ", **words, other=other))
        return
    with line:
        quiet(text("bias.gap_of", **words))
        quiet(text("bias.gap_note"))
    if view.card.stream.why_no_lens:
        advice(text(f"lens.refused.{view.card.stream.why_no_lens}"))
    else:
        frame = _layers(view, (keys[0], keys[1]), token, names)
        layout.say(gap_finding(text, frame, names, tokenized.completions[completion].text))
    with layout.more:
        _heads(view, prompt, (keys[0], keys[1]), names)


def _groups(view: View, tokenized: TokenizedProbe) -> tuple[int, int]:
    """The two groups that are compared."""
    if not is_transposed(tokenized):
        return groups_picker(tokenized, view)[1][0]
    return (
        place_picker("bias_gap_first", view.text("bias.first"), tokenized.group_names),
        place_picker("bias_gap_second", view.text("bias.second"), tokenized.group_names, 1),
    )


def _layers(view: View, keys: tuple[RunKey, RunKey], token: int, names: tuple[str, str]) -> pd.DataFrame:
    """The gap in ln p of a token, read after each layer: draws it and returns its table."""
    text = view.text
    requests = [LensRequest(key, (len(key.token_ids) - 1,), pins=(token,)) for key in keys]
    lenses = [view.answer(request, text("work.lens", count=1)) for request in requests]
    first, second = (lens.pin_log_probs[0, :, 0].astype(np.float64) for lens in lenses)
    frame = gap_frame(lenses[0].steps, first, second)
    view.panel(
        "gap",
        requests,
        options={"names": names},
        figure=partial(gap_figure, frame, first=names[0], second=names[1]),
        frame=lambda: frame,
        script=lambda origin: gap_script(view.card, origin, (keys[0].token_ids, keys[1].token_ids), token, names=names),
        strip=[
            text("lens.tail"),
            text("lens.self_check", error=f"{max(lens.error for lens in lenses):.0e}"),
            *model_facts(view, view.engine.answer(RunRequest(keys[0])).seconds, keys[0]),
        ],
        alt={"steps": len(lenses[0].steps)},
        suffix=f"id{token}",
        heads=heads(frame, text),
    )
    return frame


def _heads(view: View, prompt: str, keys: tuple[RunKey, RunKey], names: tuple[str, str]) -> None:
    """How much the last token looks at what differs, head by head."""
    text = view.text
    spans = differing_spans(keys[0].token_ids, keys[1].token_ids)
    requests = [QueryRowsRequest(key, len(key.token_ids) - 1) for key in keys]
    rows = [view.engine.answer(request) for request in requests]
    weights = [row.weights[:, :, slice(*span)].sum(-1) for row, span in zip(rows, spans, strict=True)]
    frame = head_gap_frame(weights[0], weights[1])
    section(text("bias.heads"), text("bias.heads_note"))
    view.panel(
        "head_gap",
        requests,
        options={"spans": spans, "names": names},
        figure=partial(head_gap_figure, frame, first=names[0], second=names[1]),
        frame=lambda: frame,
        script=lambda origin: head_gap_script(
            view.card, origin, (keys[0].token_ids, keys[1].token_ids), spans, names=names
        ),
        strip=[
            view.card.weight_formula,
            *model_facts(view, view.engine.answer(RunRequest(keys[0])).seconds, keys[0]),
        ],
        heads=heads(frame, text),
    )
    _links(view, prompt, weights[0] - weights[1], len(keys[0].token_ids) - 1)


def _links(view: View, prompt: str, gap: NDArray[np.float64], query: int) -> None:
    """The heads with the largest differences as links to what they look at."""
    text = view.text
    if view.chat:
        quiet(text("bias.links_chat", chat=text("sidebar.chat")))
        return
    quiet(text("lens.open_heads"))
    strongest = np.argsort(-np.abs(np.nan_to_num(gap)).ravel(), kind="stable")[:LINKED]
    with st.container(horizontal=True):
        for number in strongest:
            layer, head = divmod(int(number), gap.shape[1])
            label = f"L{layer} H{head} ({signed(text, float(gap[layer, head]))})"
            page_link(view, "attention", label, head_params(layer, head, query), prompt=prompt)
