"""The prompt with the model's predictions: the finding in a sentence, and each token above the likeliest next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from components.charts.axes import probability
from components.shell.messages import finding, percent, quiet
from components.shell.view import View
from components.web.shared.weight_steps import rank_weights, surprisal_weights
from components.web.token_text.token_text import token_text
from dashboard.engine.api.prediction import Candidates, PositionTableRequest
from dashboard.frames.next_token import PromptScore, position_frame, prompt_score
from dashboard.i18n import Catalogue
from dashboard.tokens import ISOLATE, in_sentence, plain, visible

CONTEXT = 6
"""So many tokens up to a position are quoted."""
RUNNERS_UP = 2
"""So many tokens behind the likeliest are named."""


@dataclass(frozen=True)
class Predictions:
    """What was predicted and what followed at every position of a prompt."""

    frame: pd.DataFrame
    """As `dashboard.frames.next_token.position_frame` makes it."""
    score: PromptScore | None
    """``None``: no token of the prompt was predicted."""


def predictions(view: View) -> Predictions:
    """Of the page's prompt; with progress on the page."""
    table, tokens = view.answer(PositionTableRequest(view.key), view.text("work.table")), view.tokens.tokens
    return Predictions(position_frame(table, tokens), prompt_score(table, tokens))


def hits(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """(pos,) whether the token that follows is the predicted one; False at the last position, which none follows."""
    following = frame["id"].to_numpy()[1:]
    return np.append(frame["predicted_id"].to_numpy()[:-1] == following, False)


def page_finding(view: View, candidates: Candidates, predicted: Predictions) -> None:
    """The likeliest tokens after one position, and how often the likeliest is the one that follows in the prompt."""
    text = view.text
    shares = [
        text("next_token.share", token=in_sentence(token), prob=percent(text, float(prob)))
        for token, prob in zip(candidates.tokens[: 1 + RUNNERS_UP], candidates.probs, strict=False)
    ]
    context = _context(view, candidates.pos)
    sentence = text("next_token.finding", context=context, likeliest=shares[0], behind=", ".join(shares[1:]))
    score = predicted.score
    if score is None:
        finding(f"{sentence} {text('next_token.no_score')}")
        return
    count = int(hits(predicted.frame).sum())
    more = text("next_token.hits", hits=count, tokens=score.tokens, perplexity=text.number(score.perplexity, 1))
    finding(f"{sentence} {more}")


def _context(view: View, pos: int) -> str:
    """The last tokens up to `pos`, as they are read."""
    first = max(0, pos + 1 - CONTEXT)
    words = "".join(plain(token) for token in view.tokens.tokens[first : pos + 1])
    return ISOLATE.format(f"… {words.strip()}" if first else words.strip() or words)


def running_text(view: View, pos: int, predicted: Predictions, colour: str) -> None:
    """The prompt as tokens, coloured by how well each was predicted, above the likeliest next; a click picks one."""

    def pick(index: int) -> None:
        st.session_state["next_token_pos"] = index

    text, tokens, frame = view.text, view.tokens.tokens, predicted.frame
    token_text(
        tokens=[visible(token) for token in tokens],
        special=[token.special for token in tokens],
        weights=None if colour == "none" else predicted_colours(frame, colour, view.card.vocab),
        selected=pos,
        hover=_hovers(frame, text),
        below=frame["predicted_token"].tolist(),
        hits=hits(frame).tolist(),
        lut=view.theme.lut(),
        dark=view.theme.mode == "dark",
        text=view.text,
        key="next_token_text",
        on_pick=pick,
        max_height=284,
    )
    quiet(" ".join([text("next_token.below_note"), text(f"next_token.colour_note.{colour}")]))


def predicted_colours(frame: pd.DataFrame, colour: str, vocab: int) -> NDArray[np.float64]:
    """(token,) in [0, 1]: how strongly each token is coloured, by the row of the position before it.

    The first is NaN: nothing precedes it. Entropy: of at most ln `vocab`; rank and surprisal: see
    `components.web.shared.weight_steps`.
    """
    before = frame[:-1]
    if colour == "rank":
        values = rank_weights(before["next_rank"])
    elif colour == "entropy":
        values = before["entropy_nats"].to_numpy(np.float64) / np.log(vocab)
    elif colour == "prob":
        values = before["next_prob"].to_numpy(np.float64)
    else:
        values = surprisal_weights(before["surprisal_bits"])
    return np.concatenate([[np.nan], np.clip(values, 0, 1)])


def _hovers(frame: pd.DataFrame, text: Catalogue) -> list[str]:
    """For each token how it was predicted, and below it what is predicted next."""
    rows = frame.to_dict("records")
    first = f"0 · id {rows[0]['id']}"
    before = [first, *(_predicted(row, following["id"], text) for row, following in pairwise(rows))]
    following = [
        text("next_token.then", token=row["predicted_token"], prob=probability(text, row["predicted_prob"]))
        for row in rows
    ]
    return ["\n".join(lines) for lines in zip(before, following, strict=True)]


def _predicted(row: dict[Any, Any], token_id: int, text: Catalogue) -> str:
    """How the token after a position was predicted there."""
    return text(
        "next_token.predicted",
        pos=row["pos"] + 1,
        id=str(token_id),
        prob=probability(text, row["next_prob"]),
        rank=row["next_rank"],
        bits=text.number(row["surprisal_bits"], 2),
        entropy=text.number(row["entropy_nats"], 2),
        instead=row["predicted_token"],
    )
