"""What the scores say in words: the page's first sentence, which head a fresh page opens, and what a head does."""

from __future__ import annotations

import pandas as pd

from components.shell.view import View

FINDINGS = (("induction", 0.4), ("duplicate_token", 0.4), ("previous_token", 0.4), ("first_token", 0.9))
"""Scores from which words say what a head does here; documented in docs/numbers.md."""
_WORDS = {
    "induction": "induction",
    "duplicate_token": "duplicate",
    "previous_token": "previous",
    "first_token": "first",
}
"""Ends of the catalogue's ids."""
OPENING = ("induction", "previous_token")
"""The scores by which a fresh page chooses its head; the second where no token repeats."""


def opening_score(metrics: pd.DataFrame) -> str:
    """The score by which a fresh page chooses its head; empty: there is none (one token, or no attention)."""
    return next((name for name in OPENING if metrics[name].notna().any()), "")


def opening_head(metrics: pd.DataFrame) -> tuple[int, int]:
    """The head that a fresh page opens: strongest in induction, else (no token repeats) in looking one back."""
    name = opening_score(metrics)
    if not name:
        return 0, 0
    best = metrics.iloc[int(metrics[name].argmax())]
    return int(best["layer"]), int(best["head"])


def page_finding(view: View, metrics: pd.DataFrame) -> str:
    """The page's first sentence: the strongest head, its score, and how many heads do the same."""
    text, name, heads = view.text, opening_score(metrics), view.card.all_heads
    if not name:
        without_map = len(view.card.without_attention) == view.card.layers
        return text("attention.no_map") if without_map else text("attention.found_nothing", heads=heads)
    layer, head = opening_head(metrics)
    score, least = float(metrics[name].max()), dict(FINDINGS)[name]
    count = int((metrics[name] >= least).sum())
    # rounded up, 0.3996 would look as if it reached 0.4
    shown = text.number(score, 2) if count else text.number(min(round(score, 3), least - 0.001), 3)
    facts = {"layer": layer, "head": head, "score": shown, "least": text.number(least, 1)}
    if count:
        return text(f"attention.found_{_WORDS[name]}", **facts, heads=heads, count=count)
    return text(f"attention.weak_{_WORDS[name]}", **facts, heads=heads)


def head_finding(view: View, metrics: pd.DataFrame, layer: int, head: int) -> str:
    """Why a fresh page opens this head; of another what it does, where a documented threshold says so; or nothing."""
    text, opening = view.text, opening_score(metrics)
    if opening and (layer, head) == opening_head(metrics):
        return text(f"attention.opened_{_WORDS[opening]}")
    score = metrics[(metrics["layer"] == layer) & (metrics["head"] == head)].iloc[0]
    for does, least in FINDINGS:
        if float(score[does]) >= least:
            facts = {"score": text.number(float(score[does]), 2), "least": text.number(least, 1)}
            return text(f"attention.does_{_WORDS[does]}", **facts)
    return ""
