"""Lines of text on a page: headings, findings, advice, notices, quiet lines, times in words, percentages.

Everything that may hold a visitor's or a tokenizer's text is escaped HTML, never Markdown.
"""

from __future__ import annotations

import html
import math
import re

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.i18n import Catalogue

_MARKDOWN = re.compile(r"[!-/:-@\[-`{-~]")
_SHORTCUT = re.compile(r"[:@<>~-]|ww(?=w\.)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
"""Has no width and breaks no line."""
_KEPT, _BELOW = "_finding_keeps", "_finding_below"


def literal_label(text: str) -> str:
    """`text` as typed, for a widget's label, tooltip or button, which Streamlit reads as Markdown.

    A backslash keeps each sign from being Markdown. What Streamlit looks for in the text afterwards (``:smile:``,
    ``->``, addresses) is not recognised with a word joiner inside.
    """
    joined = _SHORTCUT.sub(rf"\g<0>{_WORD_JOINER}", " ".join(text.split()))
    return _MARKDOWN.sub(r"\\\g<0>", joined)


def quiet(message: str) -> None:
    """A quiet line of plain text."""
    st.html(f'<p class="ls-note">{html.escape(message)}</p>')


def advice(message: str) -> None:
    """Something that a person can mend, as plain text."""
    st.html(f'<div class="ls-advice" role="alert">{html.escape(message)}</div>')


def notice(message: str) -> None:
    """Something worth knowing, as plain text."""
    st.html(f'<div class="ls-notice" role="status">{html.escape(message)}</div>')


def finding(message: str) -> None:
    """What the page found, in one sentence with its numbers, above the first chart."""
    st.html(f'<p class="ls-finding">{html.escape(message)}</p>')
    if st.session_state.get(_KEPT):
        st.session_state[_BELOW] = st.container()


def keep_below_finding(wanted: bool) -> None:
    """At the beginning of a script run: whether the page's finding keeps a place below itself."""
    st.session_state[_KEPT], st.session_state[_BELOW] = wanted, None


def below_finding() -> DeltaGenerator | None:
    """That place; ``None``: the page has said no finding."""
    place: DeltaGenerator | None = st.session_state.get(_BELOW)
    return place


def about(text: Catalogue, seconds: float) -> str:
    """A time that was estimated, in words: ``a few seconds``, ``about 2 minutes``. NaN: ``an unknown time``."""
    if math.isnan(seconds):
        return text("about.unknown")
    for below, name in ((1, "moment"), (8, "few_seconds"), (15, "ten_seconds"), (25, "twenty_seconds")):
        if seconds < below:
            return text(f"about.{name}")
    for below, name in ((45, "half_minute"), (90, "minute"), (3300, "minutes"), (5400, "hour")):
        if seconds < below:
            return text(f"about.{name}", minutes=round(seconds / 60))
    return text("about.hours", hours=round(seconds / 3600))


def estimate(message: str, numbers: str) -> None:
    """A quiet line about what work costs, in words; `numbers` are shown on hover."""
    st.html(f'<p class="ls-note" title="{html.escape(numbers)}">{html.escape(message)}</p>')


def section(title: str, more: str = "", *, anchor: str = "") -> None:
    """A panel's heading, with a quiet line below it; with an `anchor` the bar of the page's sections leads to it."""
    line = f'<p class="ls-note">{html.escape(more)}</p>' if more else ""
    name = f' id="at-{html.escape(anchor)}"' if anchor else ""
    st.html(f'<div class="ls-section"{name}><h2>{html.escape(title)}</h2>{line}</div>')


def percent(text: Catalogue, share: float) -> str:
    """A share in [0, 1] as a percentage with one decimal, or two digits where that would be none."""
    digits = 2 - math.ceil(math.log10(100 * share)) if 0 < share < 5e-4 else 1
    sign = "%" if text.language == "en" else "\u00a0%"
    return text.number(100 * share, min(digits, 12)) + sign
