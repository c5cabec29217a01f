"""Tree attention: a trie of tokens goes through the model in blocks; each token attends to those on its own path."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from dashboard.engine.api.arrays import Ints
from dashboard.engine.capture.attention_override import overriding_attention
from dashboard.engine.scoring.token_trie import TokenTrie

BLOCK = 256
"""Most nodes of a pass: larger blocks save nothing and attend to more tokens of other paths in vain."""


class TreeAttention:
    """A pass over a trie, depth first; only keys and values on the path to the next block are kept.

    The model's attention must be the SDPA kernel of `dashboard.engine.capture.kernels` and only softmax(scaling · q·k).
    """

    def __init__(self, model: Any, trie: TokenTrie, block: int = BLOCK) -> None:
        """Nothing is computed yet; `block` is the most nodes of one."""
        self._model, self._trie = model, trie
        self._length = int(trie.depths.max()) + block
        # layer -> (1, kv_head, length, d): the path to the block, then the block
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._path = 0
        self._mask: Tensor | None = None
        self._takes_logits_to_keep = "logits_to_keep" in inspect.signature(model.forward).parameters

    def step(self, start: int, stop: int, nodes: Ints) -> Tensor:
        """(A, vocab) float32 logits after some nodes of the block [start, stop), which follows the one before.

        Args:
            start: first node.
            stop: behind the last.
            nodes: (A,) of the block, ascending.
        """
        device, part = self._model.device, slice(start, stop)
        self._path = int(self._trie.depths[start])
        self._mask = torch.from_numpy(visible_nodes(self._trie, start, stop)).to(device)[None, None]
        rows = torch.from_numpy(nodes - start).to(device)
        with overriding_attention(self):
            output = self._model(
                input_ids=torch.from_numpy(self._trie.tokens[part]).to(device)[None],
                position_ids=torch.from_numpy(self._trie.depths[part]).to(device)[None],
                use_cache=False,
                **({"logits_to_keep": rows} if self._takes_logits_to_keep else {}),
            )
        self._keep_path(start, stop)
        logits: Tensor = output.logits[0].float()
        return logits if self._takes_logits_to_keep else logits[rows]

    def _keep_path(self, start: int, stop: int) -> None:
        """Move the block's share of the path to the next block to its depths."""
        if stop == len(self._trie):
            return
        nodes = self._trie.path(int(self._trie.parents[stop]), start)
        if nodes:
            depth = int(self._trie.depths[nodes[0]])
            rows = torch.tensor(nodes, device=self._model.device) - start + self._path
            for buffer in (*self._keys.values(), *self._values.values()):
                buffer[:, :, depth : depth + len(nodes)] = buffer[:, :, rows]

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor:
        """(1, n, head, d) attention of the block's n nodes; see `SharedPrefixRows.attend`."""
        layer: int = module.layer_idx  # type: ignore[assignment]
        if layer not in self._keys:
            self._keys[layer] = key.new_empty((*key.shape[:2], self._length, key.shape[3]))
            self._values[layer] = value.new_empty((*value.shape[:2], self._length, value.shape[3]))
        stop = self._path + key.shape[2]
        keys, values = self._keys[layer][:, :, :stop], self._values[layer][:, :, :stop]
        keys[:, :, self._path :], values[:, :, self._path :] = key, value
        mixed: Tensor = sdpa_attention_forward(module, query, keys, values, self._mask, scaling=scaling)[0]
        return mixed


def visible_nodes(trie: TokenTrie, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n, path + n) whether each node of a block attends to each of the path to its first node, and of the block."""
    path = int(trie.depths[start])
    seen = np.zeros((stop - start, path + stop - start), bool)
    for row, (parent, depth) in enumerate(zip(trie.parents[start:stop], trie.depths[start:stop], strict=True)):
        if parent >= start:
            seen[row] = seen[parent - start]
        else:  # it branches off the path at its own depth
            seen[row, :depth] = True
        seen[row, path + row] = True
    return seen


def blocks(needed: np.ndarray[Any, np.dtype[np.bool_]], nodes: int, rows: int) -> Iterator[tuple[int, int]]:
    """[start, stop) of blocks of about equal size.

    Args:
        needed: (node,) whether logits after it are needed.
        nodes: most nodes of a block.
        rows: most of them whose logits are needed.
    """
    count = len(needed)
    size = -(-count // -(-count // nodes))
    before = np.concatenate([[0], np.cumsum(needed)])
    start = 0
    while start < count:
        # the last index before which no more than `rows` are needed
        most = int(np.searchsorted(before, before[start] + rows, side="right")) - 1
        stop = min(start + size, most, count)
        yield start, stop
        start = stop
