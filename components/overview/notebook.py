"""The source notebook, cell by cell: what each of its cells asks, the answer where it is a fact, and its view."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

import streamlit as st

from components.overview.model import attending_layers, device
from components.shell.messages import section
from components.shell.page_links import page_link
from components.shell.view import View
from dashboard.probes.presets import preset
from dashboard.probes.spec import ProbeSpec
from dashboard.sampling.columns import PRESETS, written
from dashboard.tokens import visible

LAYER, HEAD = 9, 0
"""Of the notebook's table."""

NUMBERS_WIDTH = 76
"""Room for a cell's numbers [px]."""


@dataclass(frozen=True)
class Cell:
    """One question of the notebook."""

    name: str
    """Words: ``overview.cell.<name>``."""
    numbers: str
    """Of its cells."""
    page: str
    """That answers; empty: the answer stands in the table."""
    params: dict[str, str] = field(default_factory=dict)
    prompt: str = "examples.class"
    """Message id."""


def cells(view: View) -> tuple[Cell, ...]:
    """In the notebook's order."""
    layer, head = nearest_head(view)
    of_head = {
        "attention_layer": str(layer),
        "attention_head": str(head),
        "attention_view": "head",
        "attention_chart": "table",
        "at": "map",
    }
    sampled, greedy, beams = (
        {"sampling_columns": written((PRESETS[name],))}
        for name in ("notebook_sampled", "notebook_greedy", "notebook_beams")
    )
    of_groups = {"bias_view": "notebook", "bias_probe": ProbeSpec.of(preset("notebook")).written()}
    return (
        Cell("device", "3", ""),
        Cell("tokens", "4, 8, 9", "next_token", {"at": "every"}),
        Cell("maps", "6, 7", "attention"),
        Cell("head", "11", "attention", of_head),
        Cell("heads", "12", "attention", {"attention_order": "layer"}),
        Cell("logits", "13", "next_token"),
        Cell("positions", "14", "next_token", {"at": "every"}),
        Cell("sampled", "16", "sampling", sampled),
        Cell("greedy", "17", "sampling", greedy),
        Cell("beams", "112", "sampling", beams, "overview.identity_prompt"),
        Cell("groups", "112–117", "bias", of_groups, "overview.identity_prompt"),
    )


def nearest_head(view: View) -> tuple[int, int]:
    """Layer and head of the notebook's table, or those of this model that are nearest."""
    return min(attending_layers(view.card), key=lambda layer: abs(layer - LAYER), default=0), HEAD


def table(view: View) -> None:
    """One row a cell: its numbers, what it asks (a link where a view answers), and what is known of it here."""
    text = view.text
    section(text("overview.notebook"), text("overview.notebook_note", prompt=text("examples.class")))
    answers = _answers(view)
    for cell in cells(view):
        question_at, answer_at = st.columns([3.9, 4.6], vertical_alignment="center", gap="small")
        with question_at, st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            st.html(f'<p class="ls-cell">[{html.escape(cell.numbers)}]</p>', width=NUMBERS_WIDTH)
            _link(cell, view)
        if cell.name in answers:
            with answer_at:
                st.html(f'<div class="ls-cell">{answers[cell.name]}</div>')


def _link(cell: Cell, view: View) -> None:
    text = view.text
    label = text(f"overview.cell.{cell.name}")
    if cell.page:
        page_link(view, cell.page, label, cell.params, prompt=text(cell.prompt), width="stretch")
    else:
        st.html(f'<p class="ls-cell ls-no-link">{html.escape(label)}</p>')


def _answers(view: View) -> dict[str, str]:
    """Cell -> what is known without a pass, as HTML."""
    text, card = view.text, view.card
    prompt = view.tokenizer.read(text("examples.class"), chat=False).tokens
    count, maps = len(prompt), card.layers - len(card.without_attention)
    layer, head = nearest_head(view)
    chips = "".join(
        f"<span><code>{html.escape(visible(token))}</code><small>{token.id}</small></span>" for token in prompt
    )
    shape = "overview.maps_uneven" if card.uneven else "overview.maps"
    known = {
        "device": html.escape(device(card)),
        "tokens": f'<div class="ls-chips">{chips}</div>',
        "maps": html.escape(text(shape, maps=maps, heads=card.heads, tokens=count)),
        "heads": html.escape(text("overview.all_heads", heads=card.all_heads)),
        "logits": html.escape(f"(1, {count}, {card.vocab})"),
    }
    if (layer, head) != (LAYER, HEAD):
        known["head"] = html.escape(text("overview.nearest_head", layers=card.layers, layer=layer, head=head))
    return known
