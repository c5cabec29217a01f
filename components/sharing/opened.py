"""A link that was opened: what it was made with, and whether its numbers come out here as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.shell import link
from components.shell.messages import below_finding, keep_below_finding, quiet
from components.shell.view import Shown, View
from dashboard.i18n import Catalogue
from dashboard.parsing.unreadable import Unreadable
from dashboard.sharing.fingerprint import Comparison, Fingerprint, question_of
from dashboard.sharing.origin import LinkOrigin

MADE, NUMBERS = "made", "numbers"
"""Query parameters: where a link was made, and the fingerprint of its numbers."""
_OPENED = "_link_opened"


@dataclass
class OpenedLink:
    """What a link says of where it was made, until the person looks at something else."""

    slug: str
    """Of the page that it opened."""
    origin: LinkOrigin
    fingerprint: Fingerprint | None
    """``None``: of an older release, or made before there were numbers."""
    questions: dict[str, bytes] = field(default_factory=dict)
    """Chart's name -> what it asked for when it was first there."""
    compared: tuple[str, Comparison] | None = None
    """The digest of the chart that was compared last, and how it differs."""


def read_opened(slug: str) -> None:
    """Take what the address says of where it was made out of it; what cannot be read is named on the page."""
    texts = {name: str(st.query_params.pop(name, "")) for name in (MADE, NUMBERS)}
    if texts[MADE]:
        try:
            fingerprint = Fingerprint.read(texts[NUMBERS]) if texts[NUMBERS] else None
        except Unreadable as error:
            _drop(NUMBERS, texts, error)
            fingerprint = None
        try:
            opened = OpenedLink(slug, LinkOrigin.read(texts[MADE]), fingerprint)
        except Unreadable as error:
            _drop(MADE, texts, error)
            opened = None
        st.session_state[_OPENED] = opened
    elif texts[NUMBERS]:
        _drop(NUMBERS, texts, Unreadable("share.unreadable.alone"))
    keep_below_finding(is_opened())


def _drop(name: str, texts: dict[str, str], error: Unreadable) -> None:
    link.drop(link.Dropped(name, texts[name][:40], "why", (("why", error.message),)))


def is_opened() -> bool:
    """Whether the page shows the view of a link."""
    return st.session_state.get(_OPENED) is not None


def compare_opened(view: View, slug: str, otherwise: DeltaGenerator) -> None:
    """After the page is drawn: one line on the link's numbers below its finding, or in `otherwise` where it has none.

    The line goes when the person looks at something else: it belongs to the view that the link was made of.
    """
    opened: OpenedLink | None = st.session_state.get(_OPENED)
    if opened is None or not view.loaded:
        return
    if slug != opened.slug or not _is_that_view(opened, view.shown):
        st.session_state[_OPENED] = None
        return
    line = _line(opened, view)
    if line:
        with below_finding() or otherwise:
            quiet(line)


def _is_that_view(opened: OpenedLink, shown: Sequence[Shown]) -> bool:
    """Whether every chart asks for what it asked for when it was first there."""
    for chart in shown:
        question = question_of(chart.result)
        if opened.questions.setdefault(chart.result.chart, question) != question:
            return False
    return True


def _line(opened: OpenedLink, view: View) -> str:
    """Same numbers, or what differs; empty: there is nothing to say."""
    text = view.text
    differs = parts(opened.origin, LinkOrigin.here(view.card.version), text)
    if opened.fingerprint is None:
        return text("share.made_elsewhere", parts=differs) if differs else ""
    if not view.shown:
        return text("share.not_yet") + (f" {text('share.made_with', parts=differs)}" if differs else "")
    main = view.shown[0]
    if opened.fingerprint.question != question_of(main.result):
        line = text("share.another_question")
    else:
        line = said(_comparison(opened, opened.fingerprint, main), text)
    return f"{line} {text('share.made_with', parts=differs)}" if differs else line


def _comparison(opened: OpenedLink, fingerprint: Fingerprint, main: Shown) -> Comparison:
    """Of the chart that is shown; computed once for each."""
    digest = main.result.digest
    if opened.compared is None or opened.compared[0] != digest:
        opened.compared = digest, fingerprint.compared(Fingerprint.of(main.result, main.numbers()))
    return opened.compared[1]


def parts(then: LinkOrigin, here: LinkOrigin, text: Catalogue) -> str:
    """What differs between two places, as ``transformers 5.23.0 then, 5.24.0 now``; empty: nothing."""
    return "; ".join(
        text("share.part", name=text(f"share.parts.{name}"), then=before[:12], now=now[:12] or "–")
        for name, before, now in then.differences(here)
    )


def said(comparison: Comparison, text: Catalogue) -> str:
    """Whether the numbers are the same, in one sentence, or by how much they differ."""
    before, after = comparison.counts
    if comparison.identical:
        return text("share.same_ids" if comparison.ids else "share.same")
    if not comparison.sampled:
        return text("share.other_size", before=before, after=after)
    facts = {"unequal": comparison.unequal, "sampled": comparison.sampled}
    if comparison.ids:
        return text("share.other_ids", **facts)
    if not comparison.unequal:
        return text("share.differs_elsewhere", **facts)
    largest = {name: text.number(getattr(comparison, name), 2, "g") for name in ("absolute", "relative")}
    return text("share.differs", **facts, **largest)
