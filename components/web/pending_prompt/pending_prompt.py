"""Marks the page (``html[data-prompt-pending]``) while what stands in the boxes of the prompt is not what ran."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from components.web.shared.source import source

_pending = st.components.v2.component(
    "pending_prompt",
    html=source("pending_prompt/pending_prompt.html"),
    css=source("shared/card.css"),
    js=source("shared/life.js", "pending_prompt/pending_prompt.js"),
)


def pending_prompt(*, boxes: Mapping[str, str], chat: bool, thinking: str, words: str, key: str) -> None:
    """Compare the boxes and switches of the prompt with what ran; the page's style shows it.

    Args:
        boxes: text that ran by the key of its box.
        chat: whether it ran inside the chat template (the switch with key ``chat``).
        thinking: what the choice with key ``chat_thinking`` said, in the words on screen.
        words: said to screen readers while the two differ.
        key: widget key.
    """
    _pending(key=key, data={"boxes": dict(boxes), "chat": chat, "thinking": thinking, "words": words})
