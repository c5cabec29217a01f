"""The panels of the Overview page."""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from components.prose import section
from components.shell import View
from dashboard.decode_columns import PRESETS, written

PARAMETERS = ("temperature", "top_k", "top_p", "beams", "do_sample")
EXAMPLE_VIEWS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("induction", "induction", "attention", {"attention_order": "induction"}),
    ("twice", "twice", "attention", {"attention_order": "duplicate_token"}),
    ("class", "class", "attention", {"attention_view": "rollout"}),
    ("capital", "capital", "next_token", {}),
    ("columns", "class", "sampling", {}),
    ("notebook", "worked", "sampling", {"sampling_columns": written((PRESETS["notebook_beams"], PRESETS["beam"]))}),
    ("templates", "worked", "bias", {"bias_look": "templates"}),
)
"""Words (``overview.view.<name>``), example prompt (``examples.<name>``), page, the page's own query parameters."""
_PAGES = Path(__file__).resolve().parents[1] / "pages"


def model_card(view: View) -> None:
    """What is loaded, as facts."""
    text, card = view.text, view.card
    section(text("overview.model"))
    shape = {"layers": card.layers, "heads": card.heads, "kv": card.kv_heads, "dim": card.head_dim}
    facts = [
        ("model", card.label),
        ("source", text(f"overview.sources.{card.source}")),
        ("revision", card.revision),
        ("licence", card.licence or text("overview.unknown")),
        ("architecture", card.architecture),
        ("layers", text("overview.shape_uneven" if card.uneven else "overview.shape", **shape)),
        ("parameters", text("overview.millions", millions=round(card.parameters / 1e6))),
        ("vocabulary", text("overview.tokens", tokens=card.vocab)),
        ("context", text("overview.tokens", tokens=card.context)),
        ("device", f"{card.device_name} ({card.device}), {card.dtype}"),
        ("attention", card.weight_formula),
        ("versions", f"transformers {card.transformers}, torch {card.torch}"),
    ]
    rows = "".join(
        f"<dt>{html.escape(text(f'overview.fact.{name}'))}</dt><dd>{html.escape(value)}</dd>" for name, value in facts
    )
    st.html(f'<dl class="ls-facts">{rows}</dl>')


def first_steps(view: View) -> None:
    """What a newcomer does first, and finished views to open."""
    text = view.text
    section(text("overview.begin"))
    for step in ("one", "two", "three"):
        st.markdown(text(f"overview.step.{step}"))
    section(text("overview.examples"))
    for name, prompt, page, params in EXAMPLE_VIEWS:
        st.page_link(
            _PAGES / f"{page}.py",
            label=text(f"overview.view.{name}"),
            icon=":material/arrow_forward:",
            query_params={"prompt": text(f"examples.{prompt}"), **params},
        )


def parameters(view: View) -> None:
    """The settings of text generation, in plain words."""
    text = view.text
    section(text("overview.parameters"), text("overview.parameters_note"))
    for name in PARAMETERS:
        st.markdown(f"**{name}** ({text(f'parameter.{name}.type')}): {text(f'parameter.{name}.meaning')}")
