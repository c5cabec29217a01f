"""Adding charts to the report: the button of each panel, and what is kept of a chart in the session."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from components.shell.messages import quiet
from components.shell.panel import Panel
from components.shell.prompt import chat_params
from components.shell.view import View
from dashboard.export import csv_bytes, figure_json
from dashboard.parsing.unreadable import Unreadable
from dashboard.report.board import MOST, Content, Entry, read, written
from dashboard.view_state import FIELDS, check, pack_prompt

BOARD = "report_items"
"""The report as its link has it, in the session and in the URL of the Report page."""
MOST_BYTES = 64_000_000
"""Of all that is kept of a report's charts."""
_CONTENTS = "_report_contents"
_NOT_OF_A_VIEW = ("lang", "scale", "at", "made", "numbers", BOARD)
_BOUND = ("choice", "integer", "number", "switch")
"""Kinds of fields whose value in the session is what the URL would say."""


def entries() -> tuple[Entry, ...]:
    """The report's charts so far; none where the session's text cannot be read (the page says why)."""
    try:
        return read(st.session_state.get(BOARD, ""))
    except Unreadable:
        return ()


def keep(report: tuple[Entry, ...]) -> None:
    """From now on the report is this; what was kept of other charts is let go."""
    st.session_state[BOARD] = written(report)
    kept = {entry.digest for entry in report}
    st.session_state[_CONTENTS] = {digest: one for digest, one in contents().items() if digest in kept}


def contents() -> dict[str, Content]:
    """Digest -> what is kept of a chart; a report from a link has none until its views were opened."""
    held: dict[str, Content] = st.session_state.setdefault(_CONTENTS, {})
    return held


@dataclass(frozen=True)
class Collector:
    """Adds charts of one page to the report."""

    view: View
    slug: str

    def drawn(self, panel: Panel) -> None:
        """A panel stands on the page: where a report from a link lacks its chart, here it is."""
        digest, held = panel.result.digest, contents()
        if any((entry.chart, entry.digest) == (panel.name, digest) and digest not in held for entry in entries()):
            _hold(panel)

    def button(self, panel: Panel) -> None:
        """“Add to report”, or that the chart is in it, or that the report is full."""
        text, inside, full = panel.text, _is_inside(panel), _is_full()
        st.button(
            text("report.added" if inside else "report.add"),
            key=f"report_add_{panel.name}",
            icon=":material/check:" if inside else ":material/add:",
            disabled=inside or full,
            on_click=self._add,
            args=(panel,),
        )
        if full and not inside:
            quiet(text("report.full", most=MOST, megabytes=MOST_BYTES // 1_000_000))

    def _add(self, panel: Panel) -> None:
        if _is_inside(panel) or _is_full():  # pressed once more before the page was drawn again
            return
        entry = Entry(self.slug, panel.name, panel.result.digest, self._link())
        keep((*entries(), entry))
        _hold(panel)

    def _link(self) -> dict[str, str | list[str]]:
        """All that opens this view again, defaults as well: a link that leaves one out keeps what was chosen since."""
        state = st.session_state
        here = {name: st.query_params.get_all(name) for name in st.query_params}
        held = {name: state[name] for name, field in FIELDS.items() if field.kind in _BOUND and name in state}
        bound = {
            name: [str(value).lower() if isinstance(value, bool) else str(value)]
            for name, value in held.items()
            if name.startswith(f"{self.slug}_") and value is not None
        }
        prompt = {"model": self.view.model, "chat": "false", **pack_prompt(self.view.prompt)}
        prompt |= chat_params(self.view) or {}
        whole = {**bound, **here, **{name: [value] for name, value in prompt.items()}}
        return {
            name: values[0] if len(values) == 1 else values
            for name, values in whole.items()
            if name not in _NOT_OF_A_VIEW and not name.startswith("lesson") and check(name, values) is None
        }


def _is_inside(panel: Panel) -> bool:
    return panel.result.digest in {entry.digest for entry in entries()}


def _is_full() -> bool:
    return len(entries()) >= MOST or sum(one.nbytes for one in contents().values()) > MOST_BYTES


def _hold(panel: Panel) -> None:
    result = panel.result
    contents()[result.digest] = Content(
        stem=panel.stem,
        figure=figure_json(panel.figure()) if panel.figure else "",
        csv=csv_bytes(panel.frame(), result),
        script=panel.script(result),
        provenance=result.provenance(),
    )
