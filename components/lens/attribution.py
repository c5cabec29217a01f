"""Direct logit attribution: what each part of the model, and each head of one layer, adds to one token's logit."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from components.charts.attribution import attribution_figure, head_attribution_figure
from components.shell.messages import advice, quiet, section
from components.shell.page_links import page_link
from components.shell.panel import column_heads
from components.shell.pickers import integer_picker
from components.shell.view import View, run_facts
from dashboard.engine.api.lens import AttributionRequest
from dashboard.frames.lens import attribution_frame, head_attribution_frame
from dashboard.scripts.prediction import attribution_script
from dashboard.tokens import Token, visible
from dashboard.view_state import head_params

LINKED = 5
"""So many heads of a layer are linked to their page."""


def attribution(view: View, pos: int, followed: Token) -> None:
    """What embedding, attention and MLP of every layer add to one token's logit, and each head of one layer."""
    text = view.text
    section(text("lens.attribution", token=visible(followed), pos=pos), text("lens.attribution_note"), anchor="moved")
    refused = view.card.stream.why_no_attribution
    if refused:
        advice(text(f"lens.refused.{refused}"))
        return
    request = AttributionRequest(view.key, pos, followed.id)
    answer = view.answer(request, text("work.attribution"))
    parts = attribution_frame(answer)
    strip = [
        text("lens.sum", total=text.number(answer.logit + answer.error, 4), logit=text.number(answer.logit, 4)),
        text("strip.difference", error=f"{abs(answer.error):.0e}"),
        text("lens.fixed"),
        text("lens.uncapped") if view.card.stream.softcap else "",
        *run_facts(view),
    ]
    view.panel(
        "attribution",
        [request],
        figure=partial(attribution_figure, parts),
        frame=lambda: parts,
        script=lambda origin: attribution_script(view.card, origin, pos, followed.id),
        heads=column_heads(text, parts),
        strip=strip,
        alt={"pos": pos},
        suffix=f"pos{pos}-id{followed.id}",
    )
    section(text("lens.heads"))
    strongest = int(np.argmax(np.abs(answer.attention)))
    layer = integer_picker("next_token_layer", text("lens.layer"), view.card.layers - 1, strongest)
    heads = head_attribution_frame(answer, layer)
    view.panel(
        "head_attribution",
        [request],
        options={"layer": layer},
        figure=partial(head_attribution_figure, heads),
        frame=lambda: heads,
        script=lambda origin: attribution_script(view.card, origin, pos, followed.id, layer=layer),
        heads=column_heads(text, heads),
        strip=strip,
        alt={"pos": pos, "layer": layer},
        suffix=f"pos{pos}-id{followed.id}-L{layer}",
    )
    _links(view, answer.heads[layer], layer, pos)


def _links(view: View, by_head: np.ndarray, layer: int, pos: int) -> None:
    """The strongest heads as links to what they look at."""
    text = view.text
    if layer in dict(view.card.without_attention):
        return
    quiet(text("lens.open_heads"))
    with st.container(horizontal=True):
        strongest = np.argsort(-np.nan_to_num(np.abs(by_head), nan=-1.0), kind="stable")
        for head in strongest[: min(LINKED, view.card.heads_of(layer))]:
            page_link(view, "attention", f"L{layer} H{head}", head_params(layer, int(head), pos))
