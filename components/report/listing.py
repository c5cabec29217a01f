"""The Report page: its charts with their captions, their order, and the report as files."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from functools import partial

import streamlit as st

from components.report.collecting import BOARD, contents, entries, keep
from components.report.restoring import restore_button
from components.shell import link
from components.shell.messages import advice, notice, quiet
from components.shell.page_links import page_link
from components.shell.view import View
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.report.board import CAPTION_CHARACTERS, Content, Entry, read
from dashboard.report.captions import caption_html
from dashboard.report.files import Part, html_report, zip_report
from dashboard.tokens import without_surrogates
from dashboard.view_state import Dropped, unpack_prompt


def listing(view: View) -> None:
    """The report of the session or of the link; where it is empty, how it is filled."""
    text = view.text
    link.list_state(BOARD)
    try:
        report = read(st.session_state[BOARD])
    except Unreadable as error:
        value = st.session_state[BOARD][:40]
        link.drop(Dropped(BOARD, value, "why", (("why", text(error.message.id, **error.message.facts)),)))
        st.session_state[BOARD], report = "", ()
    if report:
        files_at = st.container()
        for place in range(len(report)):
            with st.container(border=True):
                _entry(view, report, place)
        with files_at:
            _files(
                text, [Part(_title(entry, text), entry, contents()[entry.digest]) for entry in report if _held(entry)]
            )
            if not all(map(_held, report)):
                quiet(text("report.some_pending"))
                restore_button(text)
    else:
        notice(text("report.empty"))
        quiet(text("report.empty_how"))
    if not link.list_written(BOARD):
        advice(text("report.too_long"))


def _held(entry: Entry) -> bool:
    return entry.digest in contents()


def _title(entry: Entry, text: Catalogue) -> str:
    name = f"charts.{entry.chart}.title"
    return text(name) if name in text else entry.chart


def _files(text: Catalogue, parts: list[Part]) -> None:
    """Downloads, made when somebody asks for them; what is not here yet is left out."""
    title = text("report.title")
    kinds = {"html": (html_report, "text/html"), "zip": (zip_report, "application/zip")}
    with st.container(horizontal=True):
        for kind, (make, mime) in kinds.items():
            st.download_button(
                text(f"report.{kind}"),
                data=partial(make, title, parts, text.language),
                file_name=f"logitscope-report.{kind}",
                mime=mime,
                key=f"report_{kind}",
                disabled=not parts,
                on_click="ignore",
            )
    quiet(text("report.pdf"))


def _entry(view: View, report: tuple[Entry, ...], place: int) -> None:
    """A chart with its title, its place, its caption, and the link to its view."""
    text, entry = view.text, report[place]
    st.html(f'<h2 class="ls-card">{place + 1}. {html.escape(_title(entry, text))}</h2>')
    last = place == len(report) - 1
    with st.container(horizontal=True, vertical_alignment="center"):
        _button(text, entry, "up", _moved(entry, -1), icon=":material/arrow_upward:", disabled=place == 0)
        _button(text, entry, "down", _moved(entry, 1), icon=":material/arrow_downward:", disabled=last)
        _button(text, entry, "remove", _without(entry), icon=":material/delete:")
        prompt = unpack_prompt(entry.single)
        page_link(view, entry.page, text("report.open"), entry.link, prompt=view.prompt if prompt is None else prompt)
    if _held(entry):
        _chart(contents()[entry.digest], entry, text)
    else:
        notice(text("report.pending"))
    _caption(entry, text)


def _button(
    text: Catalogue, entry: Entry, name: str, change: Callable[[], None], *, icon: str, disabled: bool = False
) -> None:
    key = f"report_{name}_{entry.digest}"
    st.button(text(f"report.{name}"), key=key, icon=icon, disabled=disabled, on_click=change)


def _moved(entry: Entry, by: int) -> Callable[[], None]:
    """Moves a chart of the report as it is by then: a caption may come with the same click."""

    def move() -> None:
        report = list(entries())
        places = [place for place, one in enumerate(report) if one.digest == entry.digest]
        for place in places:
            report.insert(max(0, place + by), report.pop(place))
        keep(tuple(report))

    return move


def _without(entry: Entry) -> Callable[[], None]:
    """Takes a chart out of the report as it is by then."""
    return lambda: keep(tuple(one for one in entries() if one.digest != entry.digest))


def _chart(content: Content, entry: Entry, text: Catalogue) -> None:
    if not content.figure:
        quiet(text("report.table"))
        return
    st.plotly_chart(
        json.loads(content.figure),
        theme=None,
        key=f"report_chart_{entry.digest}",
        config={"displaylogo": False},
        alt=_title(entry, text),
    )


def _caption(entry: Entry, text: Catalogue) -> None:
    """The caption as it is written, and below it as it will stand."""
    key = f"report_caption_{entry.digest}"
    if key not in st.session_state:
        st.session_state[key] = entry.caption
    st.text_area(
        text("report.caption"),
        key=key,
        max_chars=CAPTION_CHARACTERS,
        height=80,
        help=text("report.caption_help"),
        on_change=_captioned,
        args=(entry.digest,),
    )
    st.html(f'<div class="ls-caption">{caption_html(entry.caption)}</div>')


def _captioned(digest: str) -> None:
    caption = without_surrogates(st.session_state[f"report_caption_{digest}"])
    keep(
        tuple(
            Entry(one.page, one.chart, one.digest, one.link, caption) if one.digest == digest else one
            for one in entries()
        )
    )
