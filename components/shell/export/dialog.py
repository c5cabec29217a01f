"""The dialog that saves a chart: format, size, look, and where a picture is drawn."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from components.charts.theme import MODES
from components.shell.export.files import MIME, Choice, ExportedChart, figure_of, file_bytes, frame_of, size_of
from components.web.chart_download.chart_download import chart_download
from dashboard.errors import DashboardError
from dashboard.export import figure_json
from dashboard.i18n import Catalogue
from dashboard.pictures.browser import find_browser, shared_browser
from dashboard.pictures.metadata import DPI, MM_PER_INCH
from dashboard.pictures.picture import FORMATS, LEAST_SIDE, MOST_SIDE, PRESETS, SCALES, Picture, fitted
from dashboard.run_key import digest_of

_FILE = "_export_file"
"""In the session: the one picture that was drawn last, and what it is of."""


@dataclass(frozen=True)
class DrawnFile:
    """A picture that was drawn on this machine, or why it was not."""

    asked: str
    data: bytes = b""
    error: DashboardError | None = None


def export_button(chart: ExportedChart, text: Catalogue) -> None:
    """The button that opens the dialog."""
    if st.button(text("export.open"), key=f"export_{chart.name}", icon=":material/ios_share:"):
        st.session_state.pop(_FILE, None)
        dialog = st.dialog(text("export.title"), width="medium")(_dialog)
        dialog(chart, text)


def _dialog(chart: ExportedChart, text: Catalogue) -> None:
    formats = [form for form in chart.formats if form != "pdf" or find_browser()]
    form = st.segmented_control(
        text("export.format"), formats, default=formats[0], required=True, format_func=str.upper, key="export_format"
    )
    choice = _look(chart, form, text) if form in (*FORMATS, "html") else Choice(form)
    _note(text(f"export.notes.{form}"))
    if form not in FORMATS:
        _save(chart, choice, partial(file_bytes, chart, choice, shared_browser()), text)
    elif refused := _refused(chart, choice):
        _note(text(refused.message_id, **refused.facts), kind="advice")
    elif find_browser() is None:
        _note(text("export.no_browser"))
        _in_browser(chart, choice, text)
    else:
        _on_server(chart, choice, text)


def _look(chart: ExportedChart, form: str, text: Catalogue) -> Choice:
    """Colours, texts and, of pictures, the size."""
    mode = st.segmented_control(
        text("export.mode"),
        MODES,
        default=chart.theme.mode,
        required=True,
        format_func=lambda name: text(f"export.modes.{name}"),
        key="export_mode",
    )
    with st.container(horizontal=True):
        texts: dict[str, Any] = {
            part: st.checkbox(text(f"export.with_{part}"), value=part != "caption", key=f"export_{part}")
            for part in ("title", "caption", "source")
        }
    choice = Choice(form, mode=mode, **texts)
    return _sized(chart, choice, text) if form in FORMATS else choice


def _sized(chart: ExportedChart, choice: Choice, text: Catalogue) -> Choice:
    """The choice with a size of its picture."""
    figure = figure_of(chart, choice)
    said = {name: text(f"export.presets.{name}") for name in PRESETS}
    preset = st.selectbox(text("export.size"), said, format_func=said.__getitem__, key="export_preset")
    sides = st.columns(3)
    choice = replace(choice, preset=preset)
    for place, (column, side) in enumerate(zip(sides, ("width", "height"), strict=False)):
        own = size_of(chart, figure, choice)[place]
        key = _side_state(f"export_{side}_{chart.name}_{preset}", own)
        asked = column.number_input(text(f"export.{side}"), LEAST_SIDE, MOST_SIDE, step=10, key=key)
        choice = replace(choice, width=asked) if side == "width" else replace(choice, height=asked)
    if choice.form == "png":
        scale = sides[2].selectbox(text("export.scale"), SCALES, index=SCALES.index(choice.scale), key="export_scale")
        choice = replace(choice, scale=scale)
    _note(_measures(choice.form, *size_of(chart, figure, choice), choice.scale, text))
    return choice


def _side_state(key: str, own: int) -> str:
    """Before a side's field is drawn: it follows the picture's `own` side until somebody types another; its key."""
    state, before = st.session_state, f"_{key}"
    if key not in state or state[key] == state.get(before):
        state[key] = own
    state[before] = own
    return key


def _measures(form: str, width: int, height: int, scale: int, text: Catalogue) -> str:
    """How large the picture is, in millimetres and, of a PNG, in pixels."""
    millimetres = [text.number(side / DPI * MM_PER_INCH, 1) for side in (width, height)]
    line = text("export.millimetres", width=millimetres[0], height=millimetres[1])
    if form != "png":
        return line
    return f"{line} · " + text("export.pixels", width=width * scale, height=height * scale, dpi=DPI * scale)


def _refused(chart: ExportedChart, choice: Choice) -> DashboardError | None:
    """Why there is no picture of this size."""
    width, height = size_of(chart, figure_of(chart, choice), choice)
    try:
        Picture(choice.form, width, height, choice.scale).chart_height(frame_of(chart, choice, width))
    except DashboardError as error:
        return error
    return None


def _on_server(chart: ExportedChart, choice: Choice, text: Catalogue) -> None:
    """Drawn when asked for; kept while nothing else is chosen."""
    asked = digest_of([chart.result.digest, str(choice), text.language])
    if st.button(text("export.draw"), type="primary", key="export_draw"):
        with st.spinner(text("export.drawing")):
            st.session_state[_FILE] = _drawn(chart, choice, asked)
    drawn: DrawnFile | None = st.session_state.get(_FILE)
    if drawn is None or drawn.asked != asked:
        _note(text("export.on_server"))
        return
    if drawn.error is not None:
        _note(text(drawn.error.message_id, **drawn.error.facts), kind="advice")
        if choice.form != "pdf":
            _note(text("export.instead"))
            _in_browser(chart, choice, text)
        return
    if choice.form != "pdf":
        st.image(drawn.data if choice.form == "png" else drawn.data.decode(), width="stretch")
    _save(chart, choice, drawn.data, text)


def _drawn(chart: ExportedChart, choice: Choice, asked: str) -> DrawnFile:
    try:
        return DrawnFile(asked, file_bytes(chart, choice, shared_browser()))
    except DashboardError as error:
        return DrawnFile(asked, error=error)


def _in_browser(chart: ExportedChart, choice: Choice, text: Catalogue) -> None:
    """Drawn by the Plotly of the page."""
    figure: go.Figure = figure_of(chart, choice)
    width, height = size_of(chart, figure, choice)
    frame = frame_of(chart, choice, width)
    chart_download(
        figure_json=json.dumps(fitted(json.loads(figure_json(figure)), width)),
        name=f"{chart.stem}.{choice.form}",
        provenance={name: str(value) for name, value in chart.result.provenance().items()},
        chart_height=Picture(choice.form, width, height, choice.scale).chart_height(frame),
        scale=choice.scale,
        frame=frame,
        text=text,
        key="export_image",
    )


def _save(chart: ExportedChart, choice: Choice, data: object, text: Catalogue) -> None:
    st.download_button(
        text("export.save"),
        data=data,  # type: ignore[arg-type]
        file_name=f"{chart.stem}.{choice.form}",
        mime=MIME[choice.form],
        key="export_save",
        on_click="ignore",
        type="primary",
        icon=":material/download:",
    )


def _note(message: str, kind: str = "note") -> None:
    role = ' role="alert"' if kind == "advice" else ""
    st.html(f'<div class="ls-{kind}"{role}>{html.escape(message)}</div>')
