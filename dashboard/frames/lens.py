"""The way through the layers as tidy tables: one row a cell of the lens, a step of a token, or a part of a logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dashboard.engine.api.lens import Attribution, Lens
from dashboard.tokens import Token, visible


def lens_frame(
    found: Lens, prompt: Sequence[Token], names: Mapping[int, Token], followed: Token | None = None
) -> pd.DataFrame:
    """One row a (step, pos), steps first to last.

    Args:
        found: the lens; its first pin is `followed`, where there is one.
        prompt: all tokens of the prompt.
        names: every id of ``found.top_ids`` as a token.
        followed: the token whose p and rank are told as well.

    Returns:
        ``layer, part, pos, token, token_1, id_1, prob_1, … token_5, id_5, prob_5, entropy_nats, kl_nats, settled``,
        and ``followed_token, followed_id, followed_prob, followed_rank`` where one is followed. `layer` is -1 for the
        embedding; `settled` marks the step from which the final top token stays on top.
    """
    steps, count = len(found.steps), len(found.positions)
    labels = {i: visible(token) for i, token in names.items()}
    frame = pd.DataFrame(
        {
            "layer": np.repeat([layer for layer, _ in found.steps], count),
            "part": np.repeat([part for _, part in found.steps], count),
            "pos": np.tile(found.positions, steps),
            "token": [visible(prompt[pos]) for pos in found.positions] * steps,
        }
    )
    for place in range(found.top_ids.shape[-1]):
        ids = found.top_ids[..., place].ravel().tolist()
        frame[f"token_{place + 1}"] = [labels[i] for i in ids]
        frame[f"id_{place + 1}"] = ids
        frame[f"prob_{place + 1}"] = found.top_probs[..., place].ravel()
    frame["entropy_nats"] = found.entropy_nats.ravel()
    frame["kl_nats"] = found.kl_nats.ravel()
    frame["settled"] = (np.arange(steps)[:, None] == found.settled).ravel()
    if followed is not None:
        frame["followed_token"] = visible(followed)
        frame["followed_id"] = followed.id
        frame["followed_prob"] = found.pin_probs[0].ravel()
        frame["followed_rank"] = found.pin_ranks[0].ravel()
    return frame


def trajectory_frame(found: Lens, tokens: Sequence[Token]) -> pd.DataFrame:
    """``layer, part, token, id, prob, rank``: the pins of a lens at one position, one row a (token, step)."""
    steps = len(found.steps)
    return pd.DataFrame(
        {
            "layer": np.tile([layer for layer, _ in found.steps], len(tokens)),
            "part": np.tile([part for _, part in found.steps], len(tokens)),
            "token": np.repeat([visible(token) for token in tokens], steps),
            "id": np.repeat([token.id for token in tokens], steps),
            "prob": found.pin_probs[..., 0].ravel(),
            "rank": found.pin_ranks[..., 0].ravel(),
        }
    )


def parts_frame(found: Attribution) -> pd.DataFrame:
    """``part, layer, logit``: what each part adds to the logit, first to last; they sum to it.

    `part` is ``embedding``, ``attention``, ``mlp`` or ``constant``; `layer` is NA where it has none.
    """
    layers = len(found.attention)
    inside = np.stack([found.attention, found.mlp], -1).ravel()
    numbers: list[int | None] = [None, *np.repeat(np.arange(layers), 2).tolist(), None]
    return pd.DataFrame(
        {
            "part": ["embedding", *["attention", "mlp"] * layers, "constant"],
            "layer": pd.array(numbers, dtype="Int64"),
            "logit": np.array([found.embedding, *inside, found.constant], np.float32),
        }
    )


def heads_frame(found: Attribution, layer: int) -> pd.DataFrame:
    """``layer, head, logit``: what each head of `layer` adds to the logit; `head` NA is what attention adds beside."""
    there = np.flatnonzero(~np.isnan(found.heads[layer]))
    heads: list[int | None] = [*there.tolist(), None]
    return pd.DataFrame(
        {
            "layer": layer,
            "head": pd.array(heads, dtype="Int64"),
            "logit": np.array([*found.heads[layer, there], found.heads_rest[layer]], np.float32),
        }
    )
