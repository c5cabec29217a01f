"""Weight maps on demand: one head, several as one, rollout; whole, in part, or max-pooled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.attention import (
    AttentionRequest,
    CombineRequest,
    HeadRequest,
    QueryRows,
    RolloutRequest,
    WeightMap,
)
from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.kernel_inputs import Layer
from dashboard.errors import Cancelled, LayerHasFewerHeads, LayerHasNoAttention

ROWS = 256
"""Most query rows at once; fewer where many heads or a long prompt make them large."""
WEIGHTS = 1 << 24
"""Most weights in memory at once, unless one row of all heads has more."""
ROLLOUT_ROWS = 2048
"""Query rows of a rollout at once: each block goes through all layers again, so blocks are few and large."""
Layers = Sequence[Layer | None]
Reasons = dict[int, str]


def weight_map(layers: Layers, request: AttentionRequest, reasons: Reasons, control: CallControl) -> WeightMap:
    """The requested map.

    Raises:
        LayerHasNoAttention, LayerHasFewerHeads: a layer or head that it needs has no map.
        Cancelled: ``control.cancel`` was set.
        IndexError: a layer, head or position that does not exist; our mistake.
    """
    tokens = _first(layers, reasons).tokens
    rows, cols = _span(request.rows, tokens), _span(request.cols, tokens)
    block = max(1, -(-(rows[1] - rows[0]) // request.side), -(-(cols[1] - cols[0]) // request.side))
    match request:
        case HeadRequest(layer=layer, head=head):
            source = _heads_source([(layer, head)], "mean", layers, reasons)
        case CombineRequest(heads=heads, how=how):
            source = _heads_source(heads, how, layers, reasons)
        case RolloutRequest():
            source = _rollout_source(layers, reasons, tokens)
    most = max(layer.heads for layer in layers if layer is not None) if isinstance(request, CombineRequest) else 1
    step = max(1, (ROLLOUT_ROWS if isinstance(request, RolloutRequest) else _rows(most, tokens)) // block) * block
    parts: list[Tensor] = []
    errors = []
    with torch.inference_mode():
        for start in range(rows[0], rows[1], step):
            stop = min(start + step, rows[1])
            if control.cancel.is_set():
                raise Cancelled
            share = (stop - rows[0]) / (rows[1] - rows[0]), (stop - start) / (rows[1] - rows[0])
            rows_of_map = source(start, stop, _part_of(control, share[0] - share[1], share[1]))
            errors.append(float((rows_of_map.sum(-1) - 1).abs().max()))
            parts.append(_pooled(_causal(rows_of_map[:, cols[0] : cols[1]], start, cols[0]), block))
            control.progress(share[0])
    weights = torch.cat(parts).float().cpu().numpy()
    read_only(weights)
    # a maximum over heads has no rows that should sum to 1; NumPy's maximum lets a NaN through, Python's does not
    is_max = isinstance(request, CombineRequest) and request.how == "max"
    error = float("nan") if is_max else float(np.max(errors))
    return WeightMap(weights, rows[0], cols[0], rows[1], cols[1], block, error)


def _rows(heads: int, tokens: int) -> int:
    """Query rows at once, of so many heads."""
    return max(1, min(ROWS, WEIGHTS // (heads * tokens)))


def _part_of(control: CallControl, done: float, share: float) -> CallControl:
    """A control whose progress is `share` of this one's, from `done` on."""
    return CallControl(control.cancel, lambda part: control.progress(done + share * part))


def _span(span: tuple[int, int] | None, tokens: int) -> tuple[int, int]:
    start, stop = span or (0, tokens)
    if not 0 <= start < stop <= tokens:
        raise IndexError(f"span {start}:{stop} of {tokens} tokens")
    return start, stop


def _causal(weights: Tensor, row: int, col: int) -> Tensor:
    """`weights` with NaN where the key is later than the query."""
    rows = torch.arange(row, row + weights.shape[0], device=weights.device)[:, None]
    cols = torch.arange(col, col + weights.shape[1], device=weights.device)
    return weights.masked_fill(cols > rows, torch.nan)


def _pooled(weights: Tensor, block: int) -> Tensor:
    """Largest of each ``block x block``; NaN where a whole cell is empty."""
    if block == 1:
        return weights
    filled = weights.nan_to_num(nan=-1.0)
    padded = torch.nn.functional.pad(filled, (0, -filled.shape[1] % block, 0, -filled.shape[0] % block), value=-1.0)
    cells = padded.view(padded.shape[0] // block, block, padded.shape[1] // block, block).amax((1, 3))
    return cells.masked_fill(cells < 0, torch.nan)


def _layer_with_map(layers: Layers, layer: int, reasons: Reasons) -> Layer:
    """The layer of that number. Raises LayerHasNoAttention."""
    _require_index(layer, len(layers), "layer")
    attention = layers[layer]
    if attention is None:
        raise LayerHasNoAttention(layer=layer, reason=reasons.get(layer, "no attention"))
    return attention


def _first(layers: Layers, reasons: Reasons) -> Layer:
    """The first layer with a map; where none has one, the error of the first layer."""
    return next((layer for layer in layers if layer is not None), None) or _layer_with_map(layers, 0, reasons)


def _layer_with_head(layers: Layers, layer: int, head: int, reasons: Reasons) -> Layer:
    """The layer of that number, which must have the head: layers may differ in how many they have."""
    attention = _layer_with_map(layers, layer, reasons)
    _require_index(head, max(other.heads for other in layers if other is not None), "head")
    if head >= attention.heads:
        raise LayerHasFewerHeads(layer=layer, head=head, heads=attention.heads)
    return attention


def _require_index(index: int, count: int, what: str) -> None:
    """Raise IndexError for an index that does not exist; Python would take -1 for the last."""
    if not 0 <= index < count:
        raise IndexError(f"{what} {index} of {count}")


def _heads_source(
    pairs: Sequence[tuple[int, int]], how: str, layers: Layers, reasons: Reasons
) -> Callable[[int, int, CallControl], Tensor]:
    """A function from rows [start, stop) to (R, T) weights: mean or maximum over `pairs` of (layer, head)."""
    by_layer: dict[int, list[int]] = {}
    for layer, head in pairs:
        _layer_with_head(layers, layer, head, reasons)
        by_layer.setdefault(layer, []).append(head)
    chosen = [(_layer_with_map(layers, layer, reasons), heads) for layer, heads in by_layer.items()]

    def rows(start: int, stop: int, control: CallControl) -> Tensor:
        result: Tensor | None = None
        for layer, heads in chosen:
            if control.cancel.is_set():
                raise Cancelled
            weights = layer.weights(heads, (start, stop))
            part = weights.amax(0) if how == "max" else weights.sum(0) / len(pairs)
            combine = torch.maximum if how == "max" else torch.add
            result = part if result is None else combine(result, part)
        assert result is not None
        return result

    return rows


def _rollout_source(layers: Layers, reasons: Reasons, tokens: int) -> Callable[[int, int, CallControl], Tensor]:
    """A function from rows [start, stop) to (R, T) attention rollout (Abnar & Zuidema 2020).

    That is the product over layers of (mean over heads + identity) / 2.
    """
    chosen = [_layer_with_map(layers, i, reasons) for i in range(len(layers))]

    def rows(start: int, stop: int, control: CallControl) -> Tensor:
        # from the last layer down: only the requested rows are multiplied
        result = torch.zeros(stop - start, tokens)
        result[torch.arange(stop - start), torch.arange(start, stop)] = 1
        for done, layer in enumerate(reversed(chosen), 1):
            if control.cancel.is_set():
                raise Cancelled
            result = _times_layer(layer, result, stop)
            control.progress(done / len(chosen))
        return result

    return rows


def _times_layer(layer: Layer, result: Tensor, stop_key: int) -> Tensor:
    """(R, T) `result` times this layer's (mean + identity) / 2, rows renormalised; keys from `stop_key` on are 0."""
    mixed = torch.zeros_like(result)
    step = _rows(layer.heads, layer.tokens)
    for start in range(0, stop_key, step):
        stop = min(start + step, stop_key)
        mean = layer.weights(None, (start, stop)).mean(0)
        if mean.device != result.device:  # a model may be spread over devices
            result, mixed = result.to(mean.device), mixed.to(mean.device)
        local = torch.arange(stop - start, device=mean.device)
        mean[local, local + start] += 1
        mean /= mean.sum(-1, keepdim=True)
        mixed[:, :stop] += result[:, start:stop] @ mean[:, :stop]
    return mixed


def query_rows(layers: Layers, reasons: Reasons, query: int, heads: int) -> QueryRows:
    """One query's row in every head; NaN for layers without attention and heads that a layer lacks."""
    _require_index(query, _first(layers, reasons).tokens, "query")
    rows = np.full((len(layers), heads, query + 1), np.nan, np.float32)
    with torch.inference_mode():
        for i, layer in enumerate(layers):
            if layer is not None:
                rows[i, : layer.heads] = layer.weights(None, (query, query + 1))[:, 0, : query + 1].cpu().numpy()
    return QueryRows(query, read_only(rows))
