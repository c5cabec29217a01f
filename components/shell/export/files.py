"""The files of one chart: pictures, a page, tables. The dialog and the command line make them alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import plotly.graph_objects as go

from components.charts.theme import ChartTheme
from dashboard.export import Export, csv_bytes, figure_json, html_bytes, json_bytes, parquet_bytes
from dashboard.pictures.browser import Browser
from dashboard.pictures.frame import Frame
from dashboard.pictures.picture import FORMATS, MOST_SIDE, PRESETS, Picture, picture_bytes, preset_size

TABLES: dict[str, Callable[[pd.DataFrame, Export], bytes]] = {
    "csv": csv_bytes,
    "parquet": parquet_bytes,
    "json": json_bytes,
}
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}
"""Every format, and what browsers call it."""

RECORD = "_export_record"
"""In a session without a browser: the list of the page's charts so far. Nobody is there to be asked."""


@dataclass(frozen=True)
class ExportedChart:
    """What the files of a chart are made of. Nothing is computed before it is asked for."""

    name: str
    """The chart's name in the catalogue."""
    result: Export
    stem: str
    """The name of its files, without their ending."""
    title: str
    caption: str
    """How it is read."""
    source: str
    """Where its numbers come from, in one line."""
    frame: Callable[[], pd.DataFrame]
    """Its numbers, one row a mark."""
    figure: Callable[..., go.Figure] | None
    """Takes a ``theme``; ``None``: the table is the chart."""
    theme: ChartTheme
    """Of the page."""

    @property
    def formats(self) -> list[str]:
        """What it can be saved as."""
        return list(MIME if self.figure else TABLES)


@dataclass(frozen=True)
class Choice:
    """How a file is to look; tables have no look."""

    form: str
    """One of MIME."""
    preset: str = "screen"
    width: int | None = None
    """[CSS px]; ``None``: as the preset has it."""
    height: int | None = None
    scale: int = 2
    mode: str = "light"
    title: bool = True
    caption: bool = False
    source: bool = True


def figure_of(chart: ExportedChart, choice: Choice) -> go.Figure:
    """The figure on screen, light or dark as chosen."""
    assert chart.figure is not None
    return chart.figure(theme=replace(chart.theme, mode=choice.mode))


def size_of(chart: ExportedChart, figure: go.Figure, choice: Choice) -> tuple[int, int]:
    """Width and height of its picture [CSS px]; where the preset has no height, texts come on top of the chart's."""
    width, height = preset_size(choice.preset, figure.layout.width, figure.layout.height)
    width = choice.width or width
    if PRESETS[choice.preset][1] is None:
        height = min(height + sum(frame_of(chart, choice, width).heights), MOST_SIDE)
    return width, choice.height or height


def frame_of(chart: ExportedChart, choice: Choice, width: int) -> Frame:
    """The texts around its picture."""
    theme = replace(chart.theme, mode=choice.mode)
    return Frame(width, chart.title if choice.title else "", _paragraphs(chart, choice), theme.paper, theme.text)


def file_bytes(chart: ExportedChart, choice: Choice, browser: Browser) -> bytes:
    """The file. Raises as `picture_bytes` for pictures."""
    if choice.form in TABLES:
        return TABLES[choice.form](chart.frame(), chart.result)
    figure = figure_of(chart, choice)
    if choice.form not in FORMATS:
        title = chart.title if choice.title else ""
        return html_bytes(figure, chart.result.provenance(), title=title, paragraphs=_paragraphs(chart, choice))
    width, height = size_of(chart, figure, choice)
    picture = Picture(choice.form, width, height, choice.scale)
    frame = frame_of(chart, choice, width)
    return picture_bytes(figure_json(figure), picture, frame, chart.result.provenance(), browser)


def _paragraphs(chart: ExportedChart, choice: Choice) -> tuple[str, ...]:
    lines = ((choice.caption, chart.caption), (choice.source, chart.source))
    return tuple(line for wanted, line in lines if wanted)
