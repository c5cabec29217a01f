"""A button that saves a chart as PNG or SVG, drawn in the browser, with its provenance inside the file."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from components.web.shared.source import source
from dashboard.i18n import Catalogue
from dashboard.pictures.frame import SANS, SIDE, Frame

_download = st.components.v2.component(
    "chart_download",
    html=source("chart_download/chart_download.html"),
    css=source("shared/controls.css", "chart_download/chart_download.css"),
    js=source(
        "shared/life.js",
        "shared/catalogue_text.js",
        "chart_download/provenance.js",
        "chart_download/frame.js",
        "chart_download/chart_download.js",
    ),
)
_WORDS = ("label", "save", "working", "done", "failed", "no_chart")


def chart_download(
    *,
    figure_json: str,
    name: str,
    provenance: Mapping[str, str],
    chart_height: int,
    scale: int,
    frame: Frame,
    text: Catalogue,
    key: str,
) -> None:
    """Draw the button.

    The picture is drawn by the Plotly that Streamlit brings along; it is there once any chart has been shown.

    Args:
        figure_json: the figure as ``Figure.to_json`` writes it.
        name: of the file; ``.svg`` or ``.png`` says its format.
        provenance: written as JSON into the SVG's ``<metadata>`` and the PNG's ``Description``.
        chart_height: of the chart without the texts around it [CSS px].
        scale: pixels of a PNG for each CSS px.
        frame: the texts around it, and the picture's width.
        text: the catalogue.
        key: widget key.
    """
    above, below = frame.heights
    data = {
        "figure": figure_json,
        "name": name,
        "provenance": dict(provenance),
        "chart_height": chart_height,
        "scale": scale,
        "frame": {
            "width": frame.width,
            "height": above + chart_height + below,
            "above": above,
            "texts": frame.texts(chart_height),
            "side": SIDE,
            "font": SANS,
            "paper": frame.paper,
            "ink": frame.ink,
        },
        "words": {word: text(f"web.image.{word}") for word in _WORDS},
    }
    _download(key=key, data=data)
