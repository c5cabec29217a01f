"""Marks the page (``html[data-prompt-pending]``) while what stands in the prompt box is not what ran."""

from __future__ import annotations

import streamlit as st

from components.web.shared.source import source

_pending = st.components.v2.component(
    "pending_prompt",
    html=source("pending_prompt/pending_prompt.html"),
    css=source("shared/card.css"),
    js=source("shared/life.js", "pending_prompt/pending_prompt.js"),
)


def pending_prompt(*, prompt: str, chat: bool, words: str, key: str) -> None:
    """Compare the box (key ``prompt``) and the switch (key ``chat``) with what ran; the page's style shows it.

    Args:
        prompt: that ran.
        chat: whether it ran inside the chat template.
        words: said to screen readers while the two differ.
        key: widget key.
    """
    _pending(key=key, data={"prompt": prompt, "chat": chat, "words": words})
