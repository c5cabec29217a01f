"""Where to begin: three tasks with small pictures of the person's own prompt, and examples."""

from __future__ import annotations

import base64
import contextlib
import html
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from components.overview.model import attending_layers
from components.shell.messages import section
from components.shell.page_links import page_link
from components.shell.view import View
from dashboard.engine.api.attention import HeadRequest
from dashboard.engine.api.generation import Generated
from dashboard.engine.api.prediction import Candidates
from dashboard.errors import Cancelled, DashboardError
from dashboard.sampling.columns import PRESETS, written

TASKS = ("attention", "next_token", "sampling")
EXAMPLE_VIEWS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("induction", "induction", "attention", {"attention_order": "induction"}),
    ("twice", "twice", "attention", {"attention_order": "duplicate_token"}),
    ("class", "class", "attention", {"attention_view": "rollout"}),
    ("capital", "capital", "next_token", {}),
    ("columns", "class", "sampling", {}),
    ("notebook", "worked", "sampling", {"sampling_columns": written((PRESETS["notebook_beams"], PRESETS["beam"]))}),
    ("templates", "worked", "bias", {"bias_look": "templates"}),
    ("lessons", "twice", "lessons", {}),
)
"""Words (``overview.view.<name>``), example prompt (``examples.<name>``), page, the page's own query parameters."""
SIDE = 14
"""Most rows and columns of the small map."""
ROWS = 3
"""Of the other two pictures."""
_WIDTH, _HEIGHT = 84, 56
_OUTLINE = "".join(
    f'<rect x="0" y="{at * _HEIGHT / ROWS + 3:.1f}" width="{_WIDTH}" height="{_HEIGHT / ROWS - 6:.1f}" fill="#8888" />'
    for at in range(ROWS)
)
"""Stands where a picture comes."""


def cards(view: View) -> dict[str, DeltaGenerator]:
    """A card a task; where each one's picture goes."""
    text, pictures = view.text, {}
    for page, column in zip(TASKS, st.columns(len(TASKS), gap="small"), strict=True):
        with column, st.container(key=f"task_{page}", border=True, horizontal=True, vertical_alignment="center"):
            with st.container(key=f"picture_{page}", width=_WIDTH, height=_HEIGHT, border=False):
                pictures[page] = st.empty()
            _picture(pictures[page], _OUTLINE)
            with st.container(gap=None):
                page_link(view, page, f"**{text(f'overview.task.{page}')}**", icon=None)
                st.html(f'<p class="ls-note">{html.escape(text(f"overview.task_note.{page}"))}</p>')
    return pictures


def picture_of_map(view: View, slot: DeltaGenerator) -> None:
    """Weights of a head in the middle of the model; the outline stays where there are none.

    It decorates a link: what went wrong is said by the page that it leads to.
    """
    layers = attending_layers(view.card)
    if layers:
        request = HeadRequest(view.key, layers[len(layers) // 2], 0, side=SIDE)
        with contextlib.suppress(DashboardError, MemoryError, Cancelled):
            _picture(slot, _cells(view.answer(request, view.text("overview.bars")).weights, view))


def picture_of_predictions(likeliest: Candidates, view: View, slot: DeltaGenerator) -> None:
    """The likeliest tokens as bars."""
    shares = likeliest.probs[:ROWS] / likeliest.probs[0]
    height = _HEIGHT / len(shares)
    _picture(
        slot,
        "".join(
            f'<rect x="0" y="{at * height + 3:.1f}" width="{_WIDTH * float(share):.1f}" height="{height - 6:.1f}"'
            f' fill="{view.theme.accent}"/>'
            for at, share in enumerate(shares)
        ),
    )


def picture_of_texts(generated: Generated, view: View, slot: DeltaGenerator) -> None:
    """The probabilities of the tokens of the greedy text and of the first draws, a row each."""
    texts = [output for output in generated.outputs if output.column <= 1][:ROWS]
    steps = max(len(output.ids) for output in texts)
    probs = np.full((len(texts), steps), np.nan)
    for row, output in enumerate(texts):
        probs[row, : len(output.ids)] = np.exp(output.log_p)
    _picture(slot, _cells(probs, view, gap=2))


def _cells(values: NDArray[Any], view: View, gap: float = 0) -> str:
    """A small heatmap: values in [0, 1], NaN stays empty."""
    lut = view.theme.lut()
    rows, columns = values.shape
    height, width = _HEIGHT / rows, _WIDTH / columns
    return "".join(
        f'<rect x="{column * width:.1f}" y="{row * height + gap:.1f}" width="{width:.1f}"'
        f' height="{height - 2 * gap:.1f}" fill="#{"".join(f"{part:02x}" for part in lut[round(255 * value)])}"/>'
        for row, line in enumerate(values.tolist())
        for column, value in enumerate(line)
        if not np.isnan(value)
    )


def _picture(slot: DeltaGenerator, marks: str) -> None:
    """Draw marks; as an image, for Streamlit takes drawings out of HTML."""
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">{marks}</svg>'
    source = base64.b64encode(drawing.encode()).decode()
    slot.html(f'<img src="data:image/svg+xml;base64,{source}" width="{_WIDTH}" height="{_HEIGHT}" alt="">')


def examples(view: View) -> None:
    """Finished views to open."""
    text = view.text
    section(text("overview.examples"))
    for name, prompt, page, params in EXAMPLE_VIEWS:
        page_link(view, page, text(f"overview.view.{name}"), params, prompt=text(f"examples.{prompt}"))
