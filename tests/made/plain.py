"""Independent and slow: what the engine computes, once more with plain loops over full maps."""

import math

import numpy as np


def metrics(weights: np.ndarray, ids: list[int]) -> dict[str, float]:
    """Every head metric of one (T, T) map, straight from its definition."""
    count = len(ids)
    rows = range(1, count)

    def mean(values: list[float]) -> float:
        return float(np.mean(values)) if values else math.nan

    repeated = [i for i in range(count) if ids[i] in ids[:i]]
    earlier = {i: [j for j in range(i) if ids[j] == ids[i]] for i in repeated}
    entropy = [-sum(a * math.log(a) for a in weights[i] if a > 0) for i in rows]
    return {
        "entropy_nats": mean(entropy),
        "first_token": mean([weights[i, 0] for i in rows]),
        "previous_token": mean([weights[i, i - 1] for i in rows]),
        "self": mean([weights[i, i] for i in rows]),
        "duplicate_token": mean([sum(weights[i, j] for j in earlier[i]) for i in repeated]),
        "induction": mean([sum(weights[i, j + 1] for j in earlier[i] if j + 1 < i) for i in repeated]),
        "distance_tokens": mean([sum(weights[i, j] * (i - j) for j in range(i + 1)) for i in rows]),
    }


def pooled(weights: np.ndarray, block: int) -> np.ndarray:
    """Largest weight of each ``block x block`` cell of a (R, K) map, NaN where a cell is empty."""
    rows, cols = (-(-size // block) for size in weights.shape)
    found = np.full((rows, cols), np.nan)
    for i in range(rows):
        for j in range(cols):
            cell = weights[i * block : (i + 1) * block, j * block : (j + 1) * block]
            if not np.isnan(cell).all():
                found[i, j] = np.nanmax(cell)
    return found


def rollout(maps: np.ndarray) -> np.ndarray:
    """(layer, head, T, T) maps -> (T, T) rollout (Abnar & Zuidema 2020)."""
    tokens = maps.shape[-1]
    result = np.eye(tokens)
    for layer in maps.astype(np.float64):
        mixed = (layer.mean(0) + np.eye(tokens)) / 2
        result = (mixed / mixed.sum(-1, keepdims=True)) @ result
    return result


def causal(weights: np.ndarray) -> np.ndarray:
    """`weights` with NaN above the diagonal."""
    return np.where(np.tril(np.ones(weights.shape[-2:], bool)), weights, np.nan)
