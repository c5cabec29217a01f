"""Next-token predictions as tidy tables: one row a candidate, or one row a position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard.engine.base import Candidates, PositionTable, Processed, Token
from dashboard.tokens import visible


def candidates_frame(found: Candidates, processed: Processed) -> pd.DataFrame:
    """``rank, token, id, logit, prob, q, cut_by``: the likeliest tokens after one position, then the pinned ones.

    Rank 1 is the likeliest; `prob` is the softmax over the whole vocabulary, so the column sums to less than 1; `q` is
    what the decode settings leave of it, and `cut_by` the first setting that removed the token, empty where it stays.
    """
    return pd.DataFrame(
        {
            "rank": found.ranks,
            "token": [visible(token) for token in found.tokens],
            "id": found.ids,
            "logit": found.logits,
            "prob": found.probs,
            "q": processed.probs,
            "cut_by": processed.cut_by,
        }
    )


def position_frame(table: PositionTable, tokens: Sequence[Token]) -> pd.DataFrame:
    """One row a position: what was predicted to follow, and what did.

    Args:
        table: predictions and outcomes.
        tokens: all tokens of the prompt.

    Returns:
        ``pos, token, id, predicted_token, predicted_id, predicted_prob, next_token, next_prob, next_rank,
        surprisal_bits``. Rank 1: the token that follows was the likeliest. Nothing follows the last token: NA there.
    """
    following = [visible(token) for token in tokens[1:]]
    prob = table.actual_prob.astype(np.float64)
    rank = pd.array(table.actual_rank, dtype="Int64")
    rank[-1] = pd.NA
    with np.errstate(divide="ignore"):
        # 0 where a probability underflows: infinitely many bits, and said so; + 0.0 turns -0.0 into 0
        surprisal = -np.log2(prob) + 0.0
    return pd.DataFrame(
        {
            "pos": np.arange(len(tokens)),
            "token": [visible(token) for token in tokens],
            "id": [token.id for token in tokens],
            "predicted_token": [visible(token) for token in table.predicted],
            "predicted_id": [token.id for token in table.predicted],
            "predicted_prob": table.predicted_prob,
            "next_token": [*following, None],
            "next_prob": table.actual_prob,
            "next_rank": rank,
            "surprisal_bits": surprisal.astype(np.float32),
        }
    )
