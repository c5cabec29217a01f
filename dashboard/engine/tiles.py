"""Tiles and metrics of every head, in one sweep over layers and blocks of query rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.base import METRICS, TILE_SIDE, Job, Tiles
from dashboard.engine.layers import Layer
from dashboard.errors import Cancelled

ROWS = 64
"""About so many query rows at once: smaller blocks waste less above the diagonal, larger ones fewer calls."""


@dataclass(frozen=True)
class _Repeats:
    """Where a token occurred before: pairs (i, j) with j < i and the same token, sorted by i."""

    query: Tensor
    key: Tensor
    queries: int
    """How many different i there are."""

    @classmethod
    def of(cls, ids: Sequence[int]) -> _Repeats:
        """Find them; O(pairs) memory."""
        token = np.asarray(ids)
        earlier: dict[int, list[int]] = {}
        query: list[int] = []
        key: list[int] = []
        for i, value in enumerate(token.tolist()):
            before = earlier.setdefault(value, [])
            query.extend([i] * len(before))
            key.extend(before)
            before.append(i)
        return cls(torch.tensor(query, dtype=torch.long), torch.tensor(key, dtype=torch.long), len(set(query)))

    def within(self, start: int, stop: int, shift: int) -> tuple[Tensor, Tensor]:
        """Pairs (row below `start`, key + shift) of query rows [start, stop), only keys before their query."""
        chosen = (self.query >= start) & (self.query < stop) & (self.key + shift < self.query)
        return self.query[chosen] - start, self.key[chosen] + shift


def sweep(layers: Sequence[Layer | None], ids: Sequence[int], heads: int, job: Job) -> Tiles:
    """Tiles and metrics of all heads.

    Args:
        layers: one a decoder layer; ``None`` = without attention (metrics NaN, tiles 0).
        ids: token ids, for the scores of repeated tokens.
        heads: query heads of a layer.
        job: cancel and progress, told at every layer.

    Raises:
        Cancelled: ``job.cancel`` was set.
    """
    began = time.perf_counter()
    tokens = len(ids)
    block = -(-tokens // TILE_SIDE)
    side = -(-tokens // block)
    tiles = np.zeros((len(layers), heads, side, side), np.uint8)
    without_first = np.zeros((len(layers), heads, side), np.uint8)
    metrics = {name: np.full((len(layers), heads), np.nan, np.float32) for name in METRICS}
    repeats = _Repeats.of(ids)
    error = 0.0
    for i, layer in enumerate(layers):
        if job.cancel.is_set():
            raise Cancelled
        if layer is not None:
            with torch.inference_mode():
                found, worst = _layer(layer, repeats, block, tiles[i], without_first[i])
            error = max(error, worst)
            for name, values in found.items():
                metrics[name][i] = values
        job.progress((i + 1) / len(layers))
    arrays: list[np.ndarray] = [tiles, without_first, *metrics.values()]
    for array in arrays:
        array.flags.writeable = False
    return Tiles(tiles, without_first, block, metrics, error, time.perf_counter() - began)


def _layer(
    layer: Layer, repeats: _Repeats, block: int, tiles: np.ndarray, without_first: np.ndarray
) -> tuple[dict[str, np.ndarray], float]:
    """Fill one layer's tiles; its metrics (head,) and its worst row sum."""
    tokens = layer.tokens
    sums = {name: torch.zeros(layer.heads, dtype=torch.float64) for name in METRICS}
    error = 0.0
    rows = max(1, ROWS // block) * block
    for start in range(0, tokens, rows):
        stop = min(start + rows, tokens)
        weights = layer.weights(None, (start, stop))[..., :stop]
        pooled, other = pooled_rows(weights, block)
        at = slice(start // block, start // block + pooled.shape[1])
        tiles[:, at, : pooled.shape[2]] = _eight_bit(pooled)
        without_first[:, at] = _eight_bit(other)
        error = max(error, _add(sums, weights, start, repeats))
    counts = dict.fromkeys(METRICS, tokens - 1) | dict.fromkeys(("duplicate_token", "induction"), repeats.queries)
    found = {
        name: (value / counts[name]).numpy().astype(np.float32)
        if counts[name]
        else np.full(layer.heads, np.nan, np.float32)
        for name, value in sums.items()
    }
    return found, error


def _eight_bit(weights: Tensor) -> np.ndarray:
    return (weights * 255).round_().to(torch.uint8).cpu().numpy()


def pooled_rows(weights: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Max-pool whole rows by ``block x block``.

    Args:
        weights: (head, R, K) weights.
        block: edge of a cell [tokens]; the last cells may be cut off.

    Returns:
        (head, ceil(R / block), ceil(K / block)), and its first column again without key 0.
    """
    if block == 1:
        return weights, torch.zeros_like(weights[..., 0])
    heads, rows, keys = weights.shape
    padded = torch.nn.functional.pad(weights, (0, -keys % block, 0, -rows % block))
    # (head, R', block, K', block): columns first, they lie side by side in memory
    cells = padded.view(heads, -1, block, padded.shape[-1] // block, block)
    return cells.amax(4).amax(2), cells[:, :, :, 0, 1:].amax((2, 3))


def _add(sums: dict[str, Tensor], weights: Tensor, start: int, repeats: _Repeats) -> float:
    """Add one block's rows, row 0 of the prompt left out, to the sums; gives the worst row sum."""
    first = 1 if start == 0 else 0
    row_sums = weights.sum(-1)
    part = weights[:, first:]
    rows = torch.arange(start + first, start + weights.shape[1], device=weights.device)
    local = torch.arange(part.shape[1], device=weights.device)
    keys = torch.arange(weights.shape[2], device=weights.device, dtype=weights.dtype)

    def add(name: str, values: Tensor) -> None:
        sums[name] += values.sum(-1, dtype=torch.float64).cpu()

    add("entropy_nats", torch.special.entr(part).sum(-1))
    add("first_token", part[..., 0])
    add("previous_token", part[:, local, rows - 1])
    add("self", part[:, local, rows])
    # Σ a (i - j) = i Σ a - Σ a j: one product instead of a map of distances
    add("distance_tokens", rows * row_sums[:, first:] - part @ keys)
    for name, shift in (("duplicate_token", 0), ("induction", 1)):
        query, key = repeats.within(start, start + weights.shape[1], shift)
        add(name, weights[:, query.to(weights.device), key.to(weights.device)])
    return float((row_sums - 1).abs().max())
