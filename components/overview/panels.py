"""The panels of the Overview page."""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from components.shell.messages import advice, notice, section
from components.shell.view import View
from components.shell.waiting import allow
from dashboard.engine.api.verification import Deviation, Verification, VerifyRequest
from dashboard.i18n import Catalogue
from dashboard.sampling.columns import PRESETS, written

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
_VERIFIED = "_verification"
"""Where a session keeps what it was told last."""
_PAGES = Path(__file__).resolve().parents[2] / "pages"


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


def verification(view: View) -> None:
    """The loaded model against plain transformers, on request."""
    text, card = view.text, view.card
    section(text("verify.title"), text("verify.note"))
    if st.button(text("verify.button"), key="verify", icon=":material/rule:", on_click=allow):
        label = text("verify.working", model=card.label)
        st.session_state[_VERIFIED] = view.answer(VerifyRequest(card.version), label)
    result: Verification | None = st.session_state.get(_VERIFIED)
    if result is None or result.card != card:
        return
    (notice if result.ok else advice)(text("verify.all_ok" if result.ok else "verify.some_off"))
    st.html(_verification_table(result, text))


def _verification_table(result: Verification, text: Catalogue) -> str:
    heads = [text("verify.column_quantity"), *(text("verify.column_tokens", tokens=t) for t in result.lengths)]
    rows = [[*heads, text("verify.column_bound"), ""]]
    for name, bound, deviations in result.quantities:
        fine = all(row is None or row.ok for row in deviations)
        errors = [_error(row, text) for row in deviations]
        rows.append(
            [
                text(f"verify.quantity.{name}"),
                *errors,
                text.number(bound, 2, "g"),
                text(f"verify.{'ok' if fine else 'off'}"),
            ]
        )
    lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines[1:])
    return f'<table class="ls-table"><thead><tr>{lines[0]}</tr></thead><tbody>{body}</tbody></table>'


def _error(row: Deviation | None, text: Catalogue) -> str:
    if row is None:
        return text("verify.missing")
    return text("verify.refused") if row.refused else text.number(row.error, 2, "g")


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
