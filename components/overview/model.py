"""What is loaded: three facts, all of them, and a check against plain transformers."""

from __future__ import annotations

import html

import streamlit as st

from components.shell.messages import advice, notice, quiet, section
from components.shell.view import View
from components.shell.waiting import allow
from dashboard import cache
from dashboard.engine.api.model import ModelCard, PinnedCommit, short_commit, split_revision
from dashboard.engine.api.verification import Deviation, Verification, VerifyRequest
from dashboard.i18n import Catalogue

_VERIFIED = "_verification"
"""Where a session keeps what it was told last."""
_COMMIT = "_newer_commit"
"""Where it keeps the commit that the hub named last."""


def model_panel(view: View) -> None:
    """What is loaded: name, size and device; everything else, and the check, folded."""
    text, card = view.text, view.card
    section(text("overview.model"))
    size = text("overview.millions", millions=round(card.parameters / 1e6))
    quiet(text("overview.loaded", model=card.label, size=size, device=device(card)))
    with st.expander(text("overview.details")):
        _facts(view)
        if card.source == "hub":
            _newer_commit(view)
        _verification(view)


def device(card: ModelCard) -> str:
    """Where it runs, and in which numbers."""
    name = card.device_name if card.device == "cpu" else f"{card.device_name} ({card.device})"
    return f"{name}, {card.dtype}"


def _kind(card: ModelCard) -> str:
    return "dequantized" if card.dequantized else "packed"


def attending_layers(card: ModelCard) -> list[int]:
    """Layers that have a map to show."""
    lacking = {layer for layer, _ in card.without_attention}
    return [layer for layer in range(card.layers) if layer not in lacking and card.heads_of(layer)]


def _facts(view: View) -> None:
    text, card = view.text, view.card
    shape = {"layers": card.layers, "heads": card.heads, "kv": card.kv_heads, "dim": card.head_dim}
    facts = [
        ("model", card.label),
        ("source", text(f"overview.sources.{card.source}")),
        *([("base", short_commit(card.base))] if card.base else []),
        *([("hub_name", card.hub_name)] if card.hub_name else []),
        ("revision", card.revision),
        ("licence", card.licence or text("overview.unknown")),
        ("architecture", card.architecture),
        ("layers", text("overview.shape_uneven" if card.uneven else "overview.shape", **shape)),
        ("parameters", text("overview.millions", millions=round(card.parameters / 1e6))),
        ("vocabulary", text("overview.tokens", tokens=card.vocab)),
        ("context", text("overview.tokens", tokens=card.context)),
        ("device", device(card)),
        *(
            [("weights", text(f"overview.{_kind(card)}", method=card.quantized, dtype=card.dtype))]
            if card.quantized
            else []
        ),
        ("attention", card.weight_formula),
        ("versions", f"transformers {card.transformers}, torch {card.torch}"),
    ]
    rows = "".join(
        f"<dt>{html.escape(text(f'overview.fact.{name}'))}</dt><dd>{html.escape(value)}</dd>" for name, value in facts
    )
    st.html(f'<dl class="ls-facts">{rows}</dl>')


def _newer_commit(view: View) -> None:
    """The commit that is open beside the hub's, on request; a newer one is opened as a model of its own."""
    text, card = view.text, view.card
    section(text("overview.commit.title"), text("overview.commit.note"))
    if st.button(text("overview.commit.button"), key="newer_commit", icon=":material/update:", on_click=allow):
        label = text("overview.commit.working", model=card.label)
        what = f"newer commit of {card.model}"
        st.session_state[_COMMIT] = view.wait(lambda _: cache.newest_commit(card.model), label, what)
    found: PinnedCommit | None = st.session_state.get(_COMMIT)
    if found is None or found.model != card.model:
        return
    if found.newest == card.revision:
        notice(text("overview.commit.same", commit=card.revision[:12]))
        return
    notice(text("overview.commit.differs", here=card.revision[:12], newest=found.newest[:12], branch=found.branch))
    newer = f"{split_revision(card.model)[0]}@{found.newest}"
    if cache.may_choose(newer):
        st.button(
            text("overview.commit.open", commit=found.newest[:12]), key="open_commit", on_click=_open, args=(newer,)
        )
    quiet(text("overview.commit.renew", model=card.model))


def _open(model: str) -> None:
    """Choose a model by its id, as its link would."""
    allow()
    st.query_params["model"] = model


def _verification(view: View) -> None:
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
