"""Buttons that save a chart as PNG or SVG, made in the browser, with its provenance inside the file."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from components.web.shared.source import source
from dashboard.i18n import Catalogue

_download = st.components.v2.component(
    "chart_download",
    html=source("chart_download/chart_download.html"),
    css=source("shared/controls.css", "chart_download/chart_download.css"),
    js=source(
        "shared/life.js",
        "shared/catalogue_text.js",
        "chart_download/provenance.js",
        "chart_download/picture_size.js",
        "chart_download/caption.js",
        "chart_download/chart_download.js",
    ),
)
_WORDS = ("label", "width", "height", "scale", "working", "done", "failed", "no_chart", "bad_size", "too_large")


def chart_download(
    *,
    figure_json: str,
    stem: str,
    provenance: Mapping[str, str],
    sizes: tuple[int, int],
    caption: str,
    chart: str,
    text: Catalogue,
    key: str,
) -> None:
    """Draw the buttons and the inputs for the picture's size.

    The picture is drawn by the Plotly that Streamlit brings along; it is there once any chart has been shown.

    Args:
        figure_json: the figure as ``Figure.to_json`` writes it.
        stem: file name without its ending.
        provenance: written as JSON into the SVG's ``<desc>`` and the PNG's ``Description``.
        sizes: width and height to begin with [CSS px]; 0: as on screen.
        caption: written below the picture; it is broken at `` · ``.
        chart: key of the chart on screen.
        text: the catalogue.
        key: widget key.
    """
    data = {
        "figure": figure_json,
        "stem": stem,
        "provenance": {name: str(value) for name, value in provenance.items()},
        "sizes": [int(size) for size in sizes],
        "caption": caption,
        "chart": chart,
        "words": {name: text(f"web.image.{name}") for name in _WORDS},
    }
    _download(key=key, data=data)
