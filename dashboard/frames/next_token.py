"""Next-token predictions as tidy tables: one row a candidate, or one row a position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dashboard.engine.api.decoding import Processed
from dashboard.engine.api.prediction import Candidates, PositionTable
from dashboard.tokens import Token, visible


def candidates_frame(candidates: Candidates, processed: Processed) -> pd.DataFrame:
    """``rank, token, id, logit, prob, q, cut_by``: the likeliest tokens after one position, then the pinned ones.

    Rank 1 is the likeliest; `prob` is the softmax over the whole vocabulary, so the column sums to less than 1; `q` is
    what the decode settings leave of it, and `cut_by` the first setting that removed the token, empty where it stays.
    """
    return pd.DataFrame(
        {
            "rank": candidates.ranks,
            "token": [visible(token) for token in candidates.tokens],
            "id": candidates.ids,
            "logit": candidates.logits,
            "prob": candidates.probs,
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
        surprisal_bits, entropy_nats``. Rank 1: the token that follows was the likeliest. Nothing follows the last
        token: NA there. `entropy_nats` is that of the prediction.
    """
    following = [visible(token) for token in tokens[1:]]
    log_prob = table.actual_log_prob.astype(np.float64)
    rank = pd.array(table.actual_rank, dtype="Int64")
    rank[-1] = pd.NA
    return pd.DataFrame(
        {
            "pos": np.arange(len(tokens)),
            "token": [visible(token) for token in tokens],
            "id": [token.id for token in tokens],
            "predicted_token": [visible(token) for token in table.predicted],
            "predicted_id": [token.id for token in table.predicted],
            "predicted_prob": table.predicted_prob,
            "next_token": [*following, None],
            "next_prob": np.exp(log_prob).astype(np.float32),
            "next_rank": rank,
            # + 0.0 turns -0.0 into 0
            "surprisal_bits": (-log_prob / np.log(2) + 0.0).astype(np.float32),
            "entropy_nats": table.entropy_nats,
        }
    )


@dataclass(frozen=True)
class PromptScore:
    """How well the model predicts a prompt as a whole."""

    tokens: int
    """Tokens that were predicted: all but the first, which nothing precedes."""
    nbytes: int
    """Bytes of UTF-8 of the typed text that those tokens stand for."""
    bits: float
    """Sum of their surprisals [bits]."""

    @property
    def perplexity(self) -> float:
        """``exp(-mean ln p)`` over the predicted tokens."""
        return float(2 ** (self.bits / self.tokens))

    @property
    def bits_per_byte(self) -> float:
        """Bits over bytes: unlike perplexity it compares between tokenizers; NaN where no typed byte was predicted."""
        return self.bits / self.nbytes if self.nbytes else math.nan


def prompt_score(table: PositionTable, tokens: Sequence[Token]) -> PromptScore | None:
    """Perplexity and bits per byte; ``None`` for one token, of which nothing was predicted."""
    if len(tokens) < 2:
        return None
    bits = -float(table.actual_log_prob[:-1].sum(dtype=np.float64)) / np.log(2)
    return PromptScore(len(tokens) - 1, sum(len(token.raw) for token in tokens[1:]), bits)
