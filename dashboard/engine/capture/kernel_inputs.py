"""One layer's attention weights, computed on demand from the inputs of its kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Layer(Protocol):
    """One layer's attention: maps, tiles and metrics are computed from it."""

    @property
    def heads(self) -> int:
        """Query heads."""

    @property
    def tokens(self) -> int:
        """T."""

    @property
    def device(self) -> torch.device:
        """Where its weights are computed."""

    def weights(self, heads: Sequence[int] | None, rows: tuple[int, int], keys: int | None = None) -> Tensor:
        """Attention weights of query rows [start, stop), exactly what the model used.

        Args:
            heads: query heads; ``None`` = all.
            rows: first and last + 1 query.
            keys: so many first keys only; ``None`` = all.

        Returns:
            (head', R, T or keys) float32; 0 where a key is masked. A tensor of the caller's own.
        """

    def storages(self) -> dict[int, int]:
        """Data pointer -> bytes of every storage that this layer keeps alive; shared ones are the caller's to merge."""


@dataclass(frozen=True)
class KernelInputs:
    """References to the inputs of one layer's kernel; only a mask that layers share grows with T x T."""

    query: Tensor
    """(head, T, d) after rotary position."""
    key: Tensor
    """(kv_head, T, d)"""
    mask: Tensor | None
    """(1 or head, T, T) True = may be looked at, or additive; ``None`` = plain causal."""
    scaling: float
    softcap: float | None = None
    sinks: Tensor | None = None
    """(head, 1 or T) learned logits that take part in the softmax and are then dropped."""
    bias: Tensor | None = None
    """(1 or head, 1 or T, T) added to the scores."""
    computed_on: torch.device | None = None
    """Where weights are computed, if query and key lie elsewhere: see `dashboard.engine.attention.placement`."""

    @property
    def heads(self) -> int:
        """Query heads."""
        return self.query.shape[0]

    @property
    def tokens(self) -> int:
        """T."""
        return self.query.shape[1]

    @property
    def device(self) -> torch.device:
        """Where query and key lie, or the device that they came from."""
        return self.computed_on or self.query.device

    def storages(self) -> dict[int, int]:
        """See `Layer.storages`."""
        by_query = self.sinks is not None and self.sinks.shape[1] > 1  # else they are the model's own weights
        return storages_of([self.query, self.key, self.mask, self.bias, self.sinks if by_query else None])

    def weights(self, heads: Sequence[int] | None, rows: tuple[int, int], keys: int | None = None) -> Tensor:
        """See `Layer.weights`."""
        start, stop = rows
        wanted = self.tokens if keys is None else keys
        # later keys than the last row's own are masked in every causal model
        present = stop if self.mask is None else self.tokens
        scores = self._scores(heads, start, stop, present)
        self._mask(scores, heads, start, stop, present)
        share = None
        if self.sinks is not None:
            sinks = _part(self.sinks[..., None].float(), heads, start, stop, 1)
            share = torch.sigmoid(torch.logsumexp(scores, -1, keepdim=True) - sinks)
        weights = torch.softmax(scores, -1)
        if share is not None:
            weights *= share
        # padding copies all of it: blocks of a sweep ask for no more keys than they have
        return weights[..., :wanted] if wanted <= present else torch.nn.functional.pad(weights, (0, wanted - present))

    def _scores(self, heads: Sequence[int] | None, start: int, stop: int, keys: int) -> Tensor:
        """(head', R, keys) scaled, capped and biased scores, float32."""
        query, key = self.query[:, start:stop], self.key[:, :keys]
        group = query.shape[0] // key.shape[0]
        if heads is not None:
            query, key = query[list(heads)], key[[head // group for head in heads]]
        query, key = query.to(self.device), key.to(self.device)
        if heads is None:
            # all query heads of a key head in one product: no repeated keys
            grouped = query.reshape(key.shape[0], -1, query.shape[-1])
            scores = torch.matmul(grouped, key.transpose(-1, -2)).view(query.shape[0], stop - start, keys)
        else:
            scores = torch.matmul(query, key.transpose(-1, -2))
        scores = scores.float().mul_(self.scaling)
        if self.softcap is not None:
            scores.div_(self.softcap).tanh_().mul_(self.softcap)
        if self.bias is not None:
            scores += _part(self.bias, heads, start, stop, keys)
        return scores

    def _mask(self, scores: Tensor, heads: Sequence[int] | None, start: int, stop: int, keys: int) -> None:
        if self.mask is None:
            rows = torch.arange(start, stop, device=scores.device)[:, None]
            # only the block's own square can hold keys after their query
            scores[..., start:].masked_fill_(torch.arange(start, keys, device=scores.device) > rows, -math.inf)
            return
        part = _part(self.mask, heads, start, stop, keys)
        if part.dtype == torch.bool:
            scores.masked_fill_(~part, -math.inf)
        else:
            scores += part


def _part(tensor: Tensor, heads: Sequence[int] | None, start: int, stop: int, keys: int) -> Tensor:
    """The heads, rows and keys asked for, of a (1 or head, 1 or T, T) tensor."""
    part = tensor[..., :keys]
    if part.shape[1] > 1:
        part = part[:, start:stop]
    return part if heads is None or part.shape[0] == 1 else part[list(heads)]


def storages_of(tensors: Sequence[Any]) -> dict[int, int]:
    """Data pointer -> bytes of the storages behind those of `tensors` that are tensors."""
    storages = [value.untyped_storage() for value in tensors if torch.is_tensor(value)]
    return {storage.data_ptr(): storage.nbytes() for storage in storages}
