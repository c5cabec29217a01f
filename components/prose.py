"""Lines of text on a page: headings, advice, notices, quiet lines, numbers in the person's language.

Everything that may hold a visitor's or a tokenizer's text is escaped HTML, never Markdown.
"""

from __future__ import annotations

import html
import math

import streamlit as st

from dashboard.i18n import Catalogue


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


def number(text: Catalogue, value: float, digits: int) -> str:
    """`value` with `digits` decimals and the language's decimal sign."""
    shown = f"{value:.{digits}f}"
    return shown if text.language == "en" else shown.replace(".", ",")


def percent(text: Catalogue, share: float) -> str:
    """A share in [0, 1] as a percentage with one decimal, or two digits where that would be none."""
    digits = 2 - math.ceil(math.log10(100 * share)) if 0 < share < 5e-4 else 1
    sign = "%" if text.language == "en" else "\u00a0%"
    return number(text, 100 * share, min(digits, 12)) + sign
