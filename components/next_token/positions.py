"""The table of every position: what the model predicted there, and what followed."""

from __future__ import annotations

from components.next_token.prompt_text import Predictions, hits
from components.shell.messages import section
from components.shell.panel import column_heads
from components.shell.view import View, run_facts
from dashboard.engine.api.prediction import PositionTableRequest
from dashboard.i18n import Catalogue
from dashboard.scripts.prediction import position_script

DIGITS = {
    "predicted_prob": "%.6f",
    "next_prob": "%.6f",
    "surprisal_bits": "%.2f",
    "entropy_nats": "%.3f",
}
"""Decimals of a column on the page; files have all."""
ORDER = [
    *("pos", "token", "id", "predicted_token", "predicted_id", "predicted_prob", "hit"),
    *("next_token", "next_prob", "next_rank", "surprisal_bits", "entropy_nats"),
]
"""Columns on the page: what was predicted beside what followed."""
TOKEN_WIDTH = 110
"""Of a column of tokens [CSS px]."""


def positions(view: View, predicted: Predictions) -> None:
    """One row a position, a tick where the likeliest token is the one that follows."""
    text, frame = view.text, predicted.frame
    rows = frame.assign(hit=["✓" if hit else "" for hit in hits(frame)])[ORDER]
    section(text("next_token.table"), f"{text('next_token.table_note')} {_score(predicted, text)}", anchor="every")
    view.panel(
        "positions",
        [PositionTableRequest(view.key)],
        figure=None,
        frame=lambda: frame,
        table=lambda: rows,
        digits=DIGITS,
        widths=dict.fromkeys(("token", "predicted_token", "next_token"), TOKEN_WIDTH),
        heads=column_heads(text, rows),
        script=lambda origin: position_script(view.card, origin),
        strip=[*run_facts(view)],
    )


def _score(predicted: Predictions, text: Catalogue) -> str:
    """Perplexity and bits per byte, and what they are computed on."""
    score = predicted.score
    if score is None:
        return text("next_token.no_score")
    return text(
        "next_token.score",
        perplexity=text.number(score.perplexity, 2),
        bits=text.number(score.bits_per_byte, 3),
        tokens=score.tokens,
        nbytes=score.nbytes,
    )
