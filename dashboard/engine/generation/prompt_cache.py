"""Prompt caching: run the prompt once, then continue any number of rows from its keys and values.

Where a family's attention allows it, all rows share the prompt's keys and values and attend to them in one product
(`SharedPrefix`); elsewhere each row has a copy of transformers' own cache (`CopiedCache`); where a family has none,
every step runs the whole text again (`NoCache`). `dashboard.engine.generation.cache_choice` tries out which of them
gives the model's own logits.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dashboard.engine.capture.attention_override import overriding_attention
from dashboard.engine.models.anatomy import CACHE, last_only

GROWTH_TOKENS = 64
"""A row's buffers grow by so many tokens at once."""


class Rows(Protocol):
    """Texts that continue one prompt."""

    def step(self, tokens: Tensor) -> Tensor:
        """(R, n, vocab) float32 logits after each of n more tokens of each row, (R, n)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""


class Prompt(Protocol):
    """A prompt that was run; rows that continue it leave it unchanged."""

    logits: Tensor
    """(vocab,) float32, after its last token."""

    def begin(self, rows: int) -> Rows:
        """So many texts that continue it."""


class SharedPrefix:
    """The prompt's keys and values, shared by all rows; the kernel must be `dashboard.engine.capture.kernels`'."""

    def __init__(self, model: Any, ids: Tensor) -> None:
        """Run the prompt, (T,)."""
        self.model, self.length = model, len(ids)
        output = model(input_ids=ids[None], use_cache=True, **last_only(model))
        self.logits = output.logits[0, -1].float()
        layers = output[CACHE].layers
        # (layer,) of (kv_head, T, d)
        self.keys = [layer.keys[0] for layer in layers]
        self.values = [layer.values[0] for layer in layers]

    def begin(self, rows: int) -> SharedPrefixRows:
        """See `Prompt.begin`."""
        return SharedPrefixRows(self, rows)


class SharedPrefixRows:
    """The keys and values of each row's own tokens."""

    def __init__(self, prompt: SharedPrefix, rows: int) -> None:
        """Allocate the buffers."""
        self._prompt, self._count = prompt, 0
        # (layer,) of (R, kv_head, buffer, d)
        self._keys = [key.new_empty((rows, key.shape[0], GROWTH_TOKENS, key.shape[2])) for key in prompt.keys]
        self._values = [
            value.new_empty((rows, value.shape[0], GROWTH_TOKENS, value.shape[2])) for value in prompt.values
        ]

    def step(self, tokens: Tensor) -> Tensor:
        """See `Rows.step`."""
        new = tokens.shape[1]
        while self._count + new > self._keys[0].shape[2]:
            self._keys = [_longer(buffer) for buffer in self._keys]
            self._values = [_longer(buffer) for buffer in self._values]
        first = self._prompt.length + self._count
        positions = torch.arange(first, first + new, device=tokens.device).expand(tokens.shape)
        with overriding_attention(self):
            output = self._prompt.model(input_ids=tokens, position_ids=positions, use_cache=False)
        self._count += new
        logits: Tensor = output.logits.float()
        return logits

    def keep(self, rows: Tensor) -> None:
        """See `Rows.keep`."""
        self._keys = [buffer[rows] for buffer in self._keys]
        self._values = [buffer[rows] for buffer in self._values]

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor:
        """(R, n, head, d) attention of n new tokens a row to the prompt and to their own row's tokens up to them.

        Args:
            module: the attention module; has its layer's index.
            query: (R, head, n, d)
            key: (R, kv_head, n, d) of the new tokens.
            value: (R, kv_head, n, d)
            scaling: of the scores; ``None``: 1/√d.
        """
        layer: int = module.layer_idx  # type: ignore[assignment]
        rows, heads, new, width = query.shape
        groups, each = key.shape[1], heads // key.shape[1]
        start, stop = self._count, self._count + new
        self._keys[layer][:, :, start:stop], self._values[layer][:, :, start:stop] = key, value
        row_keys, row_values = self._keys[layer][:, :, :stop], self._values[layer][:, :, :stop]
        # (R, kv_head, each * n, d)
        queries = (query * (width**-0.5 if scaling is None else scaling)).reshape(rows, groups, each * new, width)
        # the prompt: one product a key head for all rows
        all_queries = queries.transpose(0, 1).reshape(groups, rows * each * new, width)
        prompt_scores = torch.matmul(all_queries, self._prompt.keys[layer].transpose(-1, -2)).view(
            groups, rows, each * new, -1
        )
        row_scores = torch.matmul(queries, row_keys.transpose(-1, -2)).transpose(0, 1)
        if new > 1:
            later = torch.ones(new, stop, dtype=torch.bool, device=query.device).triu(start + 1)
            row_scores = row_scores.masked_fill(later.repeat(each, 1), -torch.inf)
        weights = torch.cat([prompt_scores, row_scores], -1).float().softmax(-1).to(query.dtype)
        length = self._prompt.length
        mixed = torch.matmul(weights[..., :length].flatten(1, 2), self._prompt.values[layer])
        mixed = mixed.view(groups, rows, each * new, -1).transpose(0, 1)
        mixed = mixed + torch.matmul(weights[..., length:].transpose(0, 1), row_values)
        return mixed.reshape(rows, heads, new, -1).transpose(1, 2).contiguous()


def _longer(buffer: Tensor) -> Tensor:
    return torch.cat([buffer, buffer.new_empty((*buffer.shape[:2], GROWTH_TOKENS, buffer.shape[3]))], 2)


class CopiedCache:
    """transformers' own cache of the prompt, copied for every row."""

    def __init__(self, model: Any, ids: Tensor) -> None:
        """Run the prompt, (T,)."""
        self._model = model
        output = model(input_ids=ids[None], use_cache=True, **last_only(model))
        self.logits = output.logits[0, -1].float()
        self._cache = output[CACHE]

    def begin(self, rows: int) -> CopiedCacheRows:
        """See `Prompt.begin`."""
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(rows)
        return CopiedCacheRows(self._model, cache)


class CopiedCacheRows:
    """A whole cache for each row."""

    def __init__(self, model: Any, cache: Any) -> None:
        """Take the copied cache."""
        self._model, self._cache = model, cache

    @classmethod
    def of(cls, model: Any, ids: Tensor, count: int) -> tuple[CopiedCacheRows, Tensor]:
        """Rows with a new cache of all their tokens, (R, T), and their (R, count, vocab) last logits."""
        output = model(input_ids=ids, use_cache=True, **last_only(model, count))
        return cls(model, output[CACHE]), output.logits[:, -count:].float()

    def step(self, tokens: Tensor) -> Tensor:
        """See `Rows.step`."""
        logits: Tensor = self._model(input_ids=tokens, use_cache=True, **{CACHE: self._cache}).logits.float()
        return logits

    def keep(self, rows: Tensor) -> None:
        """See `Rows.keep`."""
        self._cache.batch_select_indices(rows)


class NoCache:
    """No cache: every step runs the whole text of every row."""

    def __init__(self, model: Any, ids: Tensor) -> None:
        """Run the prompt, (T,)."""
        self._model, self._ids = model, ids
        self.logits = model(input_ids=ids[None], use_cache=False, **last_only(model)).logits[0, -1].float()

    def begin(self, rows: int) -> NoCacheRows:
        """See `Prompt.begin`."""
        return NoCacheRows(self._model, self._ids.expand(rows, -1))


class NoCacheRows:
    """The tokens of each row, prompt included."""

    def __init__(self, model: Any, ids: Tensor) -> None:
        """Take the prompt's, (R, T)."""
        self._model, self._ids = model, ids

    def step(self, tokens: Tensor) -> Tensor:
        """See `Rows.step`."""
        self._ids = torch.cat([self._ids, tokens], -1)
        output = self._model(input_ids=self._ids, use_cache=False, **last_only(self._model, tokens.shape[1]))
        logits: Tensor = output.logits[:, -tokens.shape[1] :].float()
        return logits

    def keep(self, rows: Tensor) -> None:
        """See `Rows.keep`."""
        self._ids = self._ids[rows]
