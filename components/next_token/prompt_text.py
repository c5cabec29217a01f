"""The prompt with the model's predictions: the finding in a sentence, and each token above the likeliest next."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from components.charts.axes import probability
from components.shell.messages import finding, percent, quiet
from components.shell.view import View
from components.web.token_text.token_text import token_text
from dashboard.engine.api.prediction import Candidates, PositionTable, PositionTableRequest
from dashboard.frames.next_token import position_frame, prompt_score
from dashboard.i18n import Catalogue
from dashboard.tokens import ISOLATE, visible

CONTEXT = 6
"""So many tokens up to a position are quoted."""
RUNNERS_UP = 2
"""So many tokens behind the likeliest are named."""
NO_BREAK = "\u00a0"
"""A blank at which no line ends: the quotes stay with their token."""
FULL_BITS = 16
"""Surprisal of the strongest colour [bits]."""


def predictions(view: View) -> PositionTable:
    """What was predicted and what followed at every position; with progress on the page."""
    return view.answer(PositionTableRequest(view.key), view.text("work.table"))


def hits(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """(pos,) whether the token that follows is the predicted one; False at the last position, which none follows."""
    following = frame["id"].to_numpy()[1:]
    return np.append(frame["predicted_id"].to_numpy()[:-1] == following, False)


def page_finding(view: View, candidates: Candidates, table: PositionTable) -> None:
    """The likeliest tokens after one position, and how often the likeliest is the one that follows in the prompt."""
    text = view.text
    shares = [
        text(
            "next_token.share", token=ISOLATE.format(_plain(visible(token), NO_BREAK)), prob=percent(text, float(prob))
        )
        for token, prob in zip(candidates.tokens[: 1 + RUNNERS_UP], candidates.probs, strict=False)
    ]
    context = _context(view, candidates.pos)
    sentence = text("next_token.finding", context=context, likeliest=shares[0], behind=", ".join(shares[1:]))
    score = prompt_score(table, view.tokens.tokens)
    if score is None:
        finding(f"{sentence} {text('next_token.no_score')}")
        return
    count = int(hits(position_frame(table, view.tokens.tokens)).sum())
    more = text("next_token.hits", hits=count, tokens=score.tokens, perplexity=text.number(score.perplexity, 1))
    finding(f"{sentence} {more}")


def _context(view: View, pos: int) -> str:
    """The last tokens up to `pos`, as they are read."""
    first = max(0, pos + 1 - CONTEXT)
    words = "".join(_plain(visible(token)) for token in view.tokens.tokens[first : pos + 1])
    return ISOLATE.format(f"… {words.strip()}" if first else words.strip() or words)


def _plain(label: str, blank: str = " ") -> str:
    """A visible token with its blanks as blanks; a dot of the text itself stands there as its code."""
    return label.replace("·", blank)


def running_text(view: View, pos: int, table: PositionTable, colour: str) -> None:
    """The prompt as tokens, coloured by how well each was predicted, above the likeliest next; a click picks one."""

    def pick(index: int) -> None:
        st.session_state["next_token_pos"] = index

    text, tokens = view.text, view.tokens.tokens
    frame = position_frame(table, tokens)
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

    The first is NaN: nothing precedes it. Surprisal: 16 bits and more are 1; entropy: of at most ln `vocab`; rank: 1,
    2 to 5, 6 to 20, 21 to 100 and more, in five even steps from 0.
    """
    before = frame[:-1]
    if colour == "rank":
        values = np.searchsorted([1, 5, 20, 100], before["next_rank"].to_numpy(np.int64)) / 4
    elif colour == "entropy":
        values = before["entropy_nats"].to_numpy(np.float64) / np.log(vocab)
    elif colour == "prob":
        values = before["next_prob"].to_numpy(np.float64)
    else:
        values = before["surprisal_bits"].to_numpy(np.float64) / FULL_BITS
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
