"""The fold "Inside the model": the layers of the Next token page, computed only while it is open."""

from __future__ import annotations

import streamlit as st

from components.lens import panels
from components.lens.attribution import attribution
from components.shell import link
from components.shell.messages import advice, section
from components.shell.pickers import choice_picker
from components.shell.sections import fold, fold_state
from components.shell.view import View, error_frame
from dashboard.engine.api.prediction import Candidates

OPEN = "next_token_inside"
SECTIONS = ("lens", "moved")
"""Sections inside the fold."""
SETTINGS = tuple(
    f"next_token_{name}" for name in ("follow", "through", "span", "window", "stride", "lens", "half", "layer")
)
"""Choices of what is inside: a link with one of them was made with the layers in view."""


def sections(view: View) -> tuple[str, ...]:
    """Names of the sections inside, if it is open; the first time the link says whether it is."""
    named = st.query_params.get("at") in SECTIONS or any(name in st.query_params for name in SETTINGS)
    unfolded = fold_state(OPEN, opened=named)
    return SECTIONS if unfolded and not view.card.stream.why_no_lens else ()


def inside(view: View, pos: int, pins: tuple[int, ...], candidates: Candidates) -> None:
    """Trajectories, lens and attribution after one position.

    Args:
        view: the page's.
        pos: the position.
        pins: tokens that have a trajectory whatever their rank.
        candidates: tokens that can be followed, besides the likeliest.
    """
    text = view.text
    section(text("lens.inside"), text("lens.inside_note"), anchor="inside")
    if view.card.stream.why_no_lens:
        advice(text(f"lens.refused.{view.card.stream.why_no_lens}"))
        return
    with fold(OPEN, text("lens.open")) as part:
        if part.open:
            _layers(view, pos, pins, tuple(int(i) for i in candidates.ids))
        else:
            link.folded(SETTINGS)


def _layers(view: View, pos: int, pins: tuple[int, ...], ids: tuple[int, ...]) -> None:
    text = view.text
    with error_frame(text):
        panels.heading(view, pos)
    lines_at, follow_at, through_at, half_at = st.container(), *st.columns(3, vertical_alignment="bottom")
    with follow_at:
        followed = panels.follow_picker(view, ids)
    with through_at:
        through = choice_picker("next_token_through", text("lens.through"), text=text, prefix="lens.throughs")
    with half_at:
        half = panels.half_switch(view)
    with lines_at, error_frame(text):
        panels.trajectories(view, pos, pins, value=through, half=half)
    with error_frame(text):
        panels.lens_map(view, pos, followed, half=half)
    with error_frame(text):
        attribution(view, pos, followed)
