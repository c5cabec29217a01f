"""The way through the layers as tidy tables: one row a cell of the lens, a step of a token, or a part of a logit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dashboard.engine.api.lens import Attribution, Lens
from dashboard.tokens import Token, visible


def lens_frame(
    lens: Lens, prompt: Sequence[Token], names: Mapping[int, Token], followed: Token | None = None
) -> pd.DataFrame:
    """One row a (step, pos), steps first to last.

    Args:
        lens: the lens; its first pin is `followed`, where there is one.
        prompt: all tokens of the prompt.
        names: every id of ``lens.top_ids`` as a token.
        followed: the token whose p and rank are told as well.

    Returns:
        ``layer, part, pos, token, token_1, id_1, prob_1, … token_5, id_5, prob_5, entropy_nats, kl_nats, settled``,
        and ``followed_token, followed_id, followed_prob, followed_rank`` where one is followed. `layer` is -1 for the
        embedding; `settled` marks the step from which the final top token stays on top.
    """
    steps, count = len(lens.steps), len(lens.positions)
    labels = {i: visible(token) for i, token in names.items()}
    frame = pd.DataFrame(
        {
            "layer": np.repeat([layer for layer, _ in lens.steps], count),
            "part": np.repeat([part for _, part in lens.steps], count),
            "pos": np.tile(lens.positions, steps),
            "token": [visible(prompt[pos]) for pos in lens.positions] * steps,
        }
    )
    for rank in range(lens.top_ids.shape[-1]):
        ids = lens.top_ids[..., rank].ravel().tolist()
        frame[f"token_{rank + 1}"] = [labels[i] for i in ids]
        frame[f"id_{rank + 1}"] = ids
        frame[f"prob_{rank + 1}"] = lens.top_probs[..., rank].ravel()
    frame["entropy_nats"] = lens.entropy_nats.ravel()
    frame["kl_nats"] = lens.kl_nats.ravel()
    frame["settled"] = (np.arange(steps)[:, None] == lens.settled).ravel()
    if followed is not None:
        frame["followed_token"] = visible(followed)
        frame["followed_id"] = followed.id
        frame["followed_prob"] = lens.pin_probs[0].ravel()
        frame["followed_rank"] = lens.pin_ranks[0].ravel()
    return frame


def trajectory_frame(lens: Lens, tokens: Sequence[Token]) -> pd.DataFrame:
    """``layer, part, token, id, prob, rank``: the pins of a lens at one position, one row a (token, step)."""
    steps = len(lens.steps)
    return pd.DataFrame(
        {
            "layer": np.tile([layer for layer, _ in lens.steps], len(tokens)),
            "part": np.tile([part for _, part in lens.steps], len(tokens)),
            "token": np.repeat([visible(token) for token in tokens], steps),
            "id": np.repeat([token.id for token in tokens], steps),
            "prob": lens.pin_probs[..., 0].ravel(),
            "rank": lens.pin_ranks[..., 0].ravel(),
        }
    )


def attribution_frame(attribution: Attribution) -> pd.DataFrame:
    """``part, layer, logit``: what each part adds to the logit, first to last; they sum to it.

    `part` is ``embedding``, ``attention``, ``mlp`` or ``constant``; `layer` is NA where it has none.
    """
    layers = len(attribution.attention)
    inside = np.stack([attribution.attention, attribution.mlp], -1).ravel()
    numbers: list[int | None] = [None, *np.repeat(np.arange(layers), 2).tolist(), None]
    return pd.DataFrame(
        {
            "part": ["embedding", *["attention", "mlp"] * layers, "constant"],
            "layer": pd.array(numbers, dtype="Int64"),
            "logit": np.array([attribution.embedding, *inside, attribution.constant], np.float32),
        }
    )


def head_attribution_frame(attribution: Attribution, layer: int) -> pd.DataFrame:
    """``layer, head, logit``: what each head of `layer` adds to the logit; `head` NA is what attention adds beside."""
    known = np.flatnonzero(~np.isnan(attribution.heads[layer]))
    heads: list[int | None] = [*known.tolist(), None]
    return pd.DataFrame(
        {
            "layer": layer,
            "head": pd.array(heads, dtype="Int64"),
            "logit": np.array([*attribution.heads[layer, known], attribution.heads_rest[layer]], np.float32),
        }
    )
