"""Where a gap arises: through the layers, and in which heads the last token looks at the identity word."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components import link
from components.bias_exact_panels import Exact
from components.bias_pairs import is_turned, pair_picker
from components.bias_sampled_panels import prompt_key, template_picker
from components.charts.bias_gap import gap_figure, head_gap_figure
from components.controls import integer_picker
from components.panels import Panel, chart_panel
from components.prose import advice, number, quiet, section
from components.shell import View, model_facts
from dashboard.bias_scripts import gap_script, head_gap_script
from dashboard.engine.base import LensRequest
from dashboard.frames.bias_gap import gap_frame, head_gap_frame
from dashboard.run_key import RunKey
from dashboard.tokens import visible

LINKED = 6
_ATTENTION = Path(__file__).parents[1] / "pages" / "attention.py"


def differing_spans(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """[start, stop) of what differs between two token sequences, in each: the identity words, where only they do."""
    shortest = min(len(first), len(second))
    start = next((at for at in range(shortest) if first[at] != second[at]), shortest)
    same = next((at for at in range(shortest - start) if first[-1 - at] != second[-1 - at]), shortest - start)
    return (start, len(first) - same), (start, len(second) - same)


def panels(of: Exact) -> None:
    """Two prompts that differ in one word, and one completion."""
    text, view, made = of.view.text, of.view, of.made
    section(text("bias.gap"), text("bias.gap_note"))
    template = template_picker(made, view)
    groups = made.shape[1]
    if is_turned(made):
        first = integer_picker("bias_gap_first", text("bias.first"), groups - 1, 0)
        second = integer_picker("bias_gap_second", text("bias.second"), groups - 1, min(1, groups - 1))
    else:
        first, second = pair_picker(made, of.scores, view).groups[0]
    names = (of.scores.groups[first], of.scores.groups[second])
    completion = _completion(of)
    keys = tuple(prompt_key(view, made, template * groups + group) for group in (first, second))
    token = made.completion_ids[completion][0]
    shown = view.engine.token(view.model, (token,))[0]
    quiet(text("bias.gap_of", first=names[0], second=names[1], token=visible(shown), completion=made.texts[completion]))
    if view.card.stream.lens_refused:
        advice(text(f"lens.refused.{view.card.stream.lens_refused}"))
    else:
        _layers(view, (keys[0], keys[1]), token, names)
    _heads(view, made.prompts[template * groups + first], (keys[0], keys[1]), names)


def _completion(of: Exact) -> int:
    key, places = "bias_completion", [str(at) for at in range(len(of.made.completions))]
    link.choice_state(key, places, places[0])
    st.selectbox(
        of.view.text("bias.completion"),
        places,
        key=key,
        format_func=lambda at: of.made.completions[int(at)].text,
        persist_state="session",
    )
    return int(link.choice_written(key, places[0]))


def _layers(view: View, keys: tuple[RunKey, RunKey], token: int, names: tuple[str, str]) -> None:
    """The gap in ln p of a token, read after each layer."""
    text = view.text
    found = [
        view.wait(
            lambda job, key=key: view.engine.lens(key, LensRequest((len(key.token_ids) - 1,), pins=(token,)), job),  # type: ignore[misc]
            text("work.lens", count=1),
            f"gap {key.digest} {token}",
        )
        for key in keys
    ]
    with np.errstate(divide="ignore"):
        first, second = (np.log(one.pin_probs[0, :, 0].astype(np.float64)) for one in found)
    frame = gap_frame(found[0].steps, first, second)
    chart_panel(
        Panel(
            name="gap",
            key=keys[0],
            text=text,
            figure=partial(gap_figure, frame, first=names[0], second=names[1], text=text, theme=view.theme),
            frame=lambda: frame,
            script=lambda: gap_script(view.card, keys[0], (keys[0].token_ids, keys[1].token_ids), token),
            strip=[
                text("strip.exact"),
                text("lens.tail"),
                text("lens.self_check", error=f"{max(one.error for one in found):.0e}"),
                *model_facts(view, view.engine.run(keys[0]).seconds, keys[0]),
            ],
            alt={"steps": len(found[0].steps)},
            suffix=f"id{token}",
        )
    )


def _heads(view: View, prompt: str, keys: tuple[RunKey, RunKey], names: tuple[str, str]) -> None:
    """How much the last token looks at what differs, head by head."""
    text = view.text
    spans = differing_spans(keys[0].token_ids, keys[1].token_ids)
    rows = [view.engine.query_rows(key, len(key.token_ids) - 1) for key in keys]
    weights = [row.weights[:, :, slice(*span)].sum(-1) for row, span in zip(rows, spans, strict=True)]
    frame = head_gap_frame(weights[0], weights[1])
    section(text("bias.heads"), text("bias.heads_note"))
    chart_panel(
        Panel(
            name="head_gap",
            key=keys[0],
            text=text,
            figure=partial(head_gap_figure, frame, first=names[0], second=names[1], text=text, theme=view.theme),
            frame=lambda: frame,
            script=lambda: head_gap_script(view.card, keys[0], (keys[0].token_ids, keys[1].token_ids), spans),
            strip=[
                text("strip.exact"),
                view.card.weight_formula,
                *model_facts(view, view.engine.run(keys[0]).seconds, keys[0]),
            ],
        )
    )
    _links(view, prompt, weights[0] - weights[1], spans[0], len(keys[0].token_ids) - 1)


def _links(view: View, prompt: str, gap: NDArray[np.float64], span: tuple[int, int], query: int) -> None:
    """The heads with the largest differences as links to what they look at."""
    text = view.text
    quiet(text("lens.open_heads"))
    own = {name: st.query_params[name] for name in ("model", "lang") if name in st.query_params}
    strongest = np.argsort(-np.abs(np.nan_to_num(gap)).ravel(), kind="stable")[:LINKED]
    with st.container(horizontal=True):
        for place in strongest:
            layer, head = divmod(int(place), gap.shape[1])
            params = {"attention_layer": str(layer), "attention_head": str(head), "attention_token": str(query)}
            st.page_link(
                _ATTENTION,
                label=f"L{layer} H{head} ({number(text, float(gap[layer, head]), 2)})",
                icon=":material/arrow_forward:",
                query_params={**own, "prompt": prompt, "attention_key": str(span[0]), **params},
            )
