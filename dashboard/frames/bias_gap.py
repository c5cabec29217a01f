"""Where a gap between two groups arises, as tidy tables: one row a layer, or a head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def gap_frame(steps: Sequence[tuple[int, str]], first_log_prob: Floats, second_log_prob: Floats) -> pd.DataFrame:
    """One row a step of the residual stream: how likely a completion would be if the model ended there.

    Args:
        steps: (layer, part) as in `dashboard.engine.api.lens.Lens`, first to last.
        first_log_prob: (step,) ln p of the completion behind the first group's prompt, read through the lens [nats].
        second_log_prob: (step,) likewise behind the second group's.

    Returns:
        ``layer, part, first_log_prob_nats, second_log_prob_nats, gap_nats``; the gap is first minus second, the last
        step's that of the model itself.
    """
    with np.errstate(invalid="ignore"):
        gap = first_log_prob - second_log_prob  # none where both probabilities are 0
    return pd.DataFrame(
        {
            "layer": [layer for layer, _ in steps],
            "part": [part for _, part in steps],
            "first_log_prob_nats": first_log_prob,
            "second_log_prob_nats": second_log_prob,
            "gap_nats": gap,
        }
    )


def head_gap_frame(first: Floats, second: Floats) -> pd.DataFrame:
    """One row a head: how much the prompt's last token attends to the identity word, in two prompts.

    Args:
        first: (layer, head) the weights on all tokens of the word together, in [0, 1]; NaN without attention.
        second: likewise in the second prompt.

    Returns:
        ``layer, head, first_weight, second_weight, difference``, the difference first minus second, in [-1, 1].

    Raises:
        ValueError: the two differ in shape; the message gives both.
    """
    if first.shape != second.shape:
        raise ValueError(f"weights of shapes {first.shape} and {second.shape} do not pair up")
    layers, heads = first.shape
    layer, head = np.divmod(np.arange(layers * heads), heads)
    return pd.DataFrame(
        {
            "layer": layer,
            "head": head,
            "first_weight": first.ravel(),
            "second_weight": second.ravel(),
            "difference": (first - second).ravel(),
        }
    )
