"""Tiles and metrics of all heads, in one sweep over layers and blocks of query rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.attention import METRICS, TILE_SIDE, Tiles
from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.kernel_inputs import Layer
from dashboard.errors import Cancelled

ROWS = 64
"""Query rows at once, roughly: smaller blocks waste less above the diagonal, larger ones need fewer calls."""
DENSE = 1 / 16
"""Pairs of repeated tokens are summed by a mask where they are more than this share of a block, else one by one."""
TINY = 1e-37
"""Replaces weights of 0 in a logarithm: 0 ln 0 = 0, and torch's `entr` is not vectorised."""


@dataclass(frozen=True)
class _Block:
    """Query rows [start, stop) and the pairs of repeated tokens in them; the same for every layer."""

    start: int
    stop: int
    duplicate: Tensor
    """(R, K) true where the key j < i has the query's token; (pairs, 2) positions where such pairs are few."""
    induction: Tensor
    """The same for the keys right after those, j + 1 < i."""
    repeated: int
    """How many of the queries have such a key."""

    @classmethod
    def of(cls, ids: np.ndarray, start: int, stop: int) -> _Block:
        """Rows [start, stop) of the prompt `ids`."""
        same = np.tril(ids[start:stop, None] == ids[None, :stop], start - 1)
        after = np.zeros_like(same)
        after[:, 1:] = np.tril(same[:, :-1], start - 2)
        return cls(start, stop, _compact(same), _compact(after), int(same.any(1).sum()))


def _compact(pairs: np.ndarray) -> Tensor:
    """The (R, K) mask itself, or the (pairs, 2) positions of its true cells where these are few."""
    return torch.from_numpy(pairs if pairs.mean() > DENSE else np.argwhere(pairs))


class _Blocks:
    """The blocks of a prompt on each device that a model's layers lie on: copied there once, not at every layer."""

    def __init__(self, ids: np.ndarray, rows: int) -> None:
        """`rows` query rows a block."""
        self._made = [_Block.of(ids, start, min(start + rows, len(ids))) for start in range(0, len(ids), rows)]
        self._by_device: dict[torch.device, list[_Block]] = {}

    def on(self, device: torch.device) -> Sequence[_Block]:
        """Those of a layer there."""
        if device not in self._by_device:
            self._by_device[device] = [
                replace(block, duplicate=block.duplicate.to(device), induction=block.induction.to(device))
                for block in self._made
            ]
        return self._by_device[device]


def sweep(layers: Sequence[Layer | None], ids: Sequence[int], heads: int, control: CallControl) -> Tiles:
    """Tiles and metrics of all heads.

    Args:
        layers: one a decoder layer; ``None`` = without attention (metrics NaN, tiles 0).
        ids: token ids, for the scores of repeated tokens.
        heads: most query heads of a layer; those that a layer lacks are as in one without attention.
        control: cancel and progress, at every layer.

    Raises:
        Cancelled: ``control.cancel`` was set.
    """
    began = time.perf_counter()
    tokens = len(ids)
    block = -(-tokens // TILE_SIDE)
    side = -(-tokens // block)
    tiles = np.zeros((len(layers), heads, side, side), np.uint8)
    without_first = np.zeros((len(layers), heads, side), np.uint8)
    metrics = {name: np.full((len(layers), heads), np.nan, np.float32) for name in METRICS}
    rows = max(1, ROWS // block) * block
    blocks = _Blocks(np.asarray(ids), rows)
    errors = [0.0]
    for i, layer in enumerate(layers):
        if control.cancel.is_set():
            raise Cancelled
        if layer is not None:
            with torch.inference_mode():
                present = slice(layer.heads)
                of_layer, worst = _layer(layer, blocks, block, tiles[i, present], without_first[i, present])
            errors.append(worst)
            for name, values in of_layer.items():
                metrics[name][i, present] = values
        control.progress((i + 1) / len(layers))
    arrays: list[np.ndarray] = [tiles, without_first, *metrics.values()]
    for array in arrays:
        read_only(array)
    lacking = {(i, head) for i, layer in enumerate(layers) if layer is not None for head in range(layer.heads, heads)}
    seconds = time.perf_counter() - began
    return Tiles(tiles, without_first, block, metrics, float(np.max(errors)), seconds, frozenset(lacking))


def nbytes(tiles: Tiles) -> int:
    """Memory of tiles and metrics [bytes]."""
    arrays: list[np.ndarray] = [tiles.tiles, tiles.tiles_without_first, *tiles.metrics.values()]
    return sum(array.nbytes for array in arrays)


def _layer(
    layer: Layer, blocks: _Blocks, block: int, tiles: np.ndarray, without_first: np.ndarray
) -> tuple[dict[str, np.ndarray], float]:
    """Fill one layer's tiles; returns its metrics, (head,), and the largest error of a row sum.

    All of it is computed where the layer lies; the results come from there once.
    """
    rows_of = blocks.on(layer.device)
    sums = torch.zeros(len(METRICS), layer.heads, dtype=_exact(layer.device), device=layer.device)
    cells_there = torch.zeros(tiles.shape, dtype=torch.uint8, device=layer.device)
    first_there = torch.zeros(without_first.shape, dtype=torch.uint8, device=layer.device)
    errors = []
    for rows in rows_of:
        weights = layer.weights(None, (rows.start, rows.stop), rows.stop)
        pooled, first_column = pooled_rows(weights, block)
        cells = slice(rows.start // block, rows.start // block + pooled.shape[1])
        cells_there[:, cells, : pooled.shape[2]] = _eight_bit(pooled)
        first_there[:, cells] = _eight_bit(first_column)
        errors.append(_add(dict(zip(METRICS, sums, strict=True)), weights, rows))
    tiles[:], without_first[:] = cells_there.cpu().numpy(), first_there.cpu().numpy()
    repeated = sum(rows.repeated for rows in rows_of)
    counts = dict.fromkeys(METRICS, layer.tokens - 1) | dict.fromkeys(("duplicate_token", "induction"), repeated)
    means = {
        name: (value / counts[name]).astype(np.float32) if counts[name] else np.full(layer.heads, np.nan, np.float32)
        for name, value in zip(METRICS, sums.cpu().numpy(), strict=True)
    }
    # torch's maximum, unlike Python's, lets a NaN through: a broken weight must show
    return means, float(torch.stack(errors).max())


def _exact(device: torch.device) -> torch.dtype:
    """float64; Apple's GPU has none."""
    return torch.float32 if device.type == "mps" else torch.float64


def _eight_bit(weights: Tensor) -> Tensor:
    return (weights * 255).round_().to(torch.uint8)


def pooled_rows(weights: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Max-pool whole rows by ``block x block``.

    Args:
        weights: (head, R, K) weights.
        block: edge of a cell [tokens]; the last cells may be cut off.

    Returns:
        (head, ceil(R / block), ceil(K / block)), and its first column pooled without key 0.
    """
    if block == 1:
        return weights, torch.zeros_like(weights[..., 0])
    heads, rows, keys = weights.shape
    short = keys % block or rows % block
    padded = torch.nn.functional.pad(weights, (0, -keys % block, 0, -rows % block)) if short else weights
    # (head, R', block, K', block): columns first, they lie side by side in memory
    cells = padded.reshape(heads, -1, block, padded.shape[-1] // block, block)
    return cells.amax(4).amax(2), cells[:, :, :, 0, 1:].amax((2, 3))


def _add(sums: dict[str, Tensor], weights: Tensor, block: _Block) -> Tensor:
    """Add one block's rows, without row 0 of the prompt, to the sums; returns the largest error of a row sum."""
    first = 1 if block.start == 0 else 0
    row_sums = weights.sum(-1)
    part = weights[:, first:]
    rows = torch.arange(block.start + first, block.stop, device=weights.device)
    local = torch.arange(part.shape[1], device=weights.device)
    keys = torch.arange(weights.shape[2], device=weights.device, dtype=weights.dtype)

    def add(name: str, values: Tensor) -> None:
        sums[name] += values.sum(-1, dtype=sums[name].dtype)

    add("entropy_nats", -part.clamp_min(TINY).log_().mul_(part).sum(-1))
    add("first_token", part[..., 0])
    add("previous_token", part[:, local, rows - 1])
    add("self", part[:, local, rows])
    # Σ a (i - j) = i Σ a - Σ a j: one product instead of a map of distances
    add("distance_tokens", rows * row_sums[:, first:] - part @ keys)
    add("duplicate_token", _pairs_of(weights, block.duplicate))
    add("induction", _pairs_of(weights, block.induction))
    return (row_sums - 1).abs().max()


def _pairs_of(weights: Tensor, pairs: Tensor) -> Tensor:
    """(head, n) row sums or single values of (head, R, K) weights at `pairs`, which are as `_compact` gives them."""
    if pairs.dtype == torch.bool:
        return (weights * pairs).sum(-1)
    return weights[:, pairs[:, 0], pairs[:, 1]]
