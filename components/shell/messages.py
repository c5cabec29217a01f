"""Lines of text on a page: headings, advice, notices, quiet lines, percentages.

Everything that may hold a visitor's or a tokenizer's text is escaped HTML, never Markdown.
"""

from __future__ import annotations

import html
import math
import re

import streamlit as st

from dashboard.i18n import Catalogue

_MARKDOWN = re.compile(r"[!-/:-@\[-`{-~]")
_SHORTCUT = re.compile(r"[:@<>~-]|ww(?=w\.)", re.IGNORECASE)
_WORD_JOINER = "\u2060"
"""Has no width and breaks no line."""


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


def section(title: str, more: str = "") -> None:
    """A panel's heading, with a quiet line below it."""
    line = f'<p class="ls-note">{html.escape(more)}</p>' if more else ""
    st.html(f'<div class="ls-section"><h2>{html.escape(title)}</h2>{line}</div>')


def percent(text: Catalogue, share: float) -> str:
    """A share in [0, 1] as a percentage with one decimal, or two digits where that would be none."""
    digits = 2 - math.ceil(math.log10(100 * share)) if 0 < share < 5e-4 else 1
    sign = "%" if text.language == "en" else "\u00a0%"
    return text.number(100 * share, min(digits, 12)) + sign
