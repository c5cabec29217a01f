"""Panels: a chart with its numbers, its code, its downloads and its badge (what kind of numbers these are)."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from components.charts.theme import ChartTheme
from components.shell.export.code import code_tab
from components.shell.export.dialog import export_button
from components.shell.export.embedded import alone, embedded_panel
from components.shell.export.files import RECORD, ExportedChart
from components.shell.messages import quiet
from dashboard.export import Export, Exported, csv_bytes, file_stem, html_bytes
from dashboard.i18n import Catalogue
from dashboard.run_key import Origin
from dashboard.scripts.notebook import ScriptedChart

DIGITS = "%.6g"
"""Of a number in a table: six digits of any size; 1e-9 is not rounded away, and no row of noughts fills the cell."""
Kind = Literal["exact", "sampled", "search"]
"""What kind of numbers a chart shows: computed whole, drawn at random, or what a search came upon."""
TABLE_ROWS = 5000
"""A table on the page shows at most so many rows; the CSV has all."""
WHOLE_ROWS = 30
"""A table of so many rows stands whole on the page; a longer one scrolls in the height of these."""
_ROW_HEIGHT = 35
"""Streamlit's own [px]."""
_NUMBERED = re.compile(r"(.+)_(\d+)")
"""A column's name that ends in a number."""
_QUANTITIES = ("log_prob_nats", "tokens")
"""Columns whose names begin with what they are of."""


@dataclass(frozen=True)
class File:
    """One more download of a panel."""

    label: str
    ending: str
    mime: str
    data: Callable[[Exported], bytes]
    """Makes the file, given what it says of itself."""


@dataclass(frozen=True)
class Panel:
    """One chart and all that stands with it. Everything but the chart is made when its tab is opened."""

    name: str
    """Chart's name in the catalogue: ``charts.<name>.title/.reading/.careful/.alt``."""
    origins: Sequence[Origin]
    """What is shown: the requests whose answers the chart holds, a run, or a job."""
    text: Catalogue
    theme: ChartTheme
    """Of the page."""
    figure: Callable[..., go.Figure] | None
    """The Plotly figure: on screen, and what every export contains; takes another ``theme``. ``None``: the table is the
    chart."""
    frame: Callable[[], pd.DataFrame]
    """The chart's numbers, one row a mark."""
    script: Callable[[Origin], str]
    """Code that makes the chart again, given what the chart says of itself."""
    strip: Sequence[str]
    """Facts that the badge opens."""
    kind: Kind = "exact"
    """The word and the colour of the badge."""
    unfolded: bool = False
    """Whether how to read the chart stands open below it."""
    options: Mapping[str, object] = field(default_factory=dict)
    """All else that changes the chart, its table or its files, but theme and language; plain values by name."""
    alt: dict[str, object] = field(default_factory=dict)
    """Facts of the alt text."""
    draw: Callable[[], None] | None = None
    """Draws the chart when it is not the figure itself (the mosaic's canvas)."""
    on_select: Callable[[], None] | None = None
    """Called when a box or a mark was selected; the selection is in ``session_state["chart_<name>"]``."""
    table: Callable[[], pd.DataFrame] | None = None
    """The table to show, where it is not `frame`."""
    numbers: Callable[[], pd.DataFrame] | None = None
    """What a link's fingerprint is of, where it is not the table."""
    digits: str | Mapping[str, str] = DIGITS
    """How the table shows its numbers, e.g. ``%.3f``; or how it shows those of some columns, by their names."""
    heads: Mapping[str, str] = field(default_factory=dict)
    """What the table calls a column of that name; files have the names themselves."""
    widths: Mapping[str, int] = field(default_factory=dict)
    """How wide a column of texts is [CSS px]; others are as wide as they need."""
    suffix: str = ""
    """Tells two files of one chart apart, e.g. ``L9H0``."""
    shows: str = ""
    """What the caption of a saved picture adds, e.g. ``n = 60``."""
    files: Sequence[File] = ()
    """Downloads besides those that every panel has."""
    collect: Callable[[Panel], None] | None = None
    """Draws the button that adds the chart to the report."""
    check: Callable[[Callable[[], None]], None] | None = None
    """Draws the foot, given what draws its badge, with a button beside that checks the numbers."""

    @cached_property
    def result(self) -> Export:
        """What every export of this panel says of itself, and is named after."""
        return Export.of(self.origins, self.name, self.options)

    @property
    def stem(self) -> str:
        """The name of its files, without their ending."""
        return file_stem(self.result, self.name, self.suffix)

    def scripted(self) -> ScriptedChart:
        """The chart as a notebook has it."""
        title = self.text(f"charts.{self.name}.title")
        return ScriptedChart(self.name, title, self.script(self.result), self.result.provenance())


def column_heads(text: Catalogue, names: Iterable[Hashable], topic: str = "columns") -> dict[str, str]:
    """What the page's tables call their columns; files have the names themselves.

    Args:
        text: the catalogue.
        names: of columns. ``prob_2`` is called as ``prob``, and 2; ``she_first_tokens`` as ``tokens``, of she, first.
        topic: table of the catalogue that has them.

    Returns:
        name -> head; one that the catalogue lacks, as a person's own, is missing: it keeps its name.
    """
    heads = {str(name): _head(str(name), topic, text) for name in names}
    return {name: head for name, head in heads.items() if head}


def _head(name: str, topic: str, text: Catalogue) -> str:
    """Of a column; empty: it has none."""
    if f"{topic}.{name}" in text:
        return text(f"{topic}.{name}")
    numbered = _NUMBERED.fullmatch(name)
    if numbered and f"{topic}.{numbered[1]}" in text:
        return f"{text(f'{topic}.{numbered[1]}')} {numbered[2]}"
    for quantity in _QUANTITIES:
        if name.endswith(f"_{quantity}") and f"{topic}.{quantity}" in text:
            of = name.removesuffix(f"_{quantity}")
            words = [of] if f"{topic}.{of}" in text else of.split("_")
            said = (text(f"{topic}.{word}") if f"{topic}.{word}" in text else word for word in words)
            return f"{text(f'{topic}.{quantity}')} · {' '.join(said)}"
    return ""


def chart_panel(panel: Panel) -> None:
    """Draw `panel`: tabs Chart / Numbers / Code / Download, the badge of its facts, and how to read it."""
    text, name = panel.text, panel.name
    if RECORD in st.session_state:
        st.session_state[RECORD].append(exported(panel))
        return
    if embedded_panel():
        with alone(name) as here:
            if here:
                _chart(panel) if panel.figure else _numbers(panel)
                foot(panel)
        return
    names = ["chart", "numbers", "code", "download"] if panel.figure else ["table", "code", "download"]
    tabs = dict(
        zip(
            names, st.tabs([text(f"panel.{tab}") for tab in names], key=f"panel_{name}", on_change="rerun"), strict=True
        )
    )
    with tabs[names[0]]:
        _chart(panel) if panel.figure else _numbers(panel)
        draw_foot = partial(foot, panel)
        panel.check(draw_foot) if panel.check else draw_foot()
    if "numbers" in tabs and tabs["numbers"].open:
        with tabs["numbers"]:
            _numbers(panel)
    if tabs["code"].open:
        with tabs["code"]:
            quiet(text("panel.code_note"))
            code_tab(panel.scripted(), panel.stem, text)
    if tabs["download"].open:
        with tabs["download"]:
            _downloads(panel)


def _chart(panel: Panel) -> None:
    if panel.draw is not None:
        panel.draw()
        return
    assert panel.figure is not None
    options: dict[str, Any] = {}
    if panel.on_select is not None:
        options = {"on_select": panel.on_select, "selection_mode": ("points", "box")}
    image = {"format": "svg", "filename": panel.stem}
    st.plotly_chart(
        panel.figure(),
        theme=None,
        key=f"chart_{panel.name}",
        config={"displaylogo": False, "toImageButtonOptions": image},
        alt=panel.text(f"charts.{panel.name}.alt", **panel.alt),
        **options,
    )


def _numbers(panel: Panel) -> None:
    table = (panel.table or panel.frame)()
    if len(table) > TABLE_ROWS:
        quiet(panel.text("panel.first_rows", shown=TABLE_ROWS, rows=len(table)))
    columns: dict[str, Any] = {
        name: st.column_config.Column(label, width=panel.widths.get(name)) for name, label in panel.heads.items()
    }
    digits = dict.fromkeys(map(str, table), panel.digits) if isinstance(panel.digits, str) else panel.digits
    for name in map(str, table):
        if pd.api.types.is_float_dtype(table[name].dtype):
            columns[name] = st.column_config.NumberColumn(panel.heads.get(name), format=digits.get(name, DIGITS))
    st.dataframe(
        table.head(TABLE_ROWS),
        height="content" if len(table) <= WHOLE_ROWS else _ROW_HEIGHT * (WHOLE_ROWS + 1),
        key=f"numbers_{panel.name}",
        alt=panel.text(f"charts.{panel.name}.title"),
        column_config=columns,
        hide_index=isinstance(table.index, pd.RangeIndex),
        placeholder="",
    )


def _downloads(panel: Panel) -> None:
    text, name, result = panel.text, panel.name, panel.result
    files = [
        File(text("panel.csv"), "csv", "text/csv", lambda origin: csv_bytes(panel.frame(), origin)),
        *panel.files,
    ]
    if panel.figure is not None:
        figure = panel.figure
        page = File(text("panel.html"), "html", "text/html", lambda origin: html_bytes(figure(), origin.provenance()))
        files.insert(1, page)
    with st.container(horizontal=True):
        for file in files:
            st.download_button(
                file.label,
                data=partial(file.data, result),
                file_name=f"{panel.stem}.{file.ending}",
                mime=file.mime,
                key=f"{file.ending}_{name}",
                on_click="ignore",
            )
        export_button(exported(panel), text)
    if panel.collect is not None:
        panel.collect(panel)


def exported(panel: Panel) -> ExportedChart:
    """What the panel's files are made of."""
    text, facts = panel.text, panel.result.provenance()
    model = text("strip.model", model=facts["model"], revision=str(facts["revision"])[:12])
    return ExportedChart(
        name=panel.name,
        result=panel.result,
        stem=panel.stem,
        title=" · ".join(filter(None, [text(f"charts.{panel.name}.title"), panel.shows])),
        caption=f"{text('panel.reading')} {text(f'charts.{panel.name}.reading')}",
        source=" · ".join([model, text("strip.result", result=panel.result.digest)]),
        frame=panel.frame,
        figure=panel.figure,
        theme=panel.theme,
    )


def badge(kind: Kind, text: Catalogue, *, explained: bool = False) -> str:
    """The word for a kind of numbers, as HTML; `explained`: its meaning is shown on hover."""
    title = f' title="{html.escape(text(f"panel.kind_notes.{kind}"))}"' if explained else ""
    return f'<span class="ls-badge ls-{kind}"{title}>{html.escape(text(f"panel.kinds.{kind}"))}</span>'


def foot(panel: Panel) -> None:
    """Below a chart: the badge with the facts that it opens, and how the chart is read and how it misleads."""
    text = panel.text
    facts = [*panel.strip, text("strip.result", result=panel.result.digest)]
    notes = "".join(
        f'<p class="ls-note"><b>{html.escape(text(f"panel.{word}"))}</b> '
        f"{html.escape(text(f'charts.{panel.name}.{word}'))}</p>"
        for word in ("reading", "careful")
    )
    st.html(
        f'<div class="ls-foot"><details class="ls-facts-fold"><summary title="{html.escape(text("panel.facts"))}">'
        f"{badge(panel.kind, text)}</summary>"
        f'<p class="ls-strip">{html.escape(text(f"panel.kind_notes.{panel.kind}"))} '
        f"{' · '.join(html.escape(fact) for fact in facts if fact)}</p></details>"
        f'<details class="ls-notes-fold"{" open" if panel.unfolded else ""}>'
        f"<summary>{html.escape(text('panel.how_to_read'))}</summary>"
        f'<div class="ls-notes">{notes}</div></details></div>'
    )
