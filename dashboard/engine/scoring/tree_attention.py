"""Many texts in one pass: a tree of tokens goes through the model in blocks, each seeing the tokens on its own path."""

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
"""Nodes of one pass: more than these make no pass cheaper, and look at one another for nothing."""


class TreeAttention:
    """A way through a tree, depth first: of what lies behind, only the path to the next block is kept.

    The model's attention must be `dashboard.engine.capture.capture`'s and nothing but softmax(scaling · q·k).
    """

    def __init__(self, model: Any, tree: TokenTrie, block: int = BLOCK) -> None:
        """Nothing is computed yet; `block` is the most nodes of one."""
        self._model, self._tree = model, tree
        self._room = int(tree.depths.max()) + block
        # layer -> (1, kv_head, room, d): the path to the block, then the block
        self._keys: dict[int, Tensor] = {}
        self._values: dict[int, Tensor] = {}
        self._path = 0
        self._mask: Tensor | None = None
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def step(self, start: int, stop: int, asked: Ints) -> Tensor:
        """(A, vocab) float32 logits after some nodes of the block [start, stop), which follows the one before.

        Args:
            start: first node.
            stop: behind the last.
            asked: (A,) nodes, ascending.
        """
        device, part = self._model.device, slice(start, stop)
        self._path = int(self._tree.depths[start])
        self._mask = torch.from_numpy(visible(self._tree, start, stop)).to(device)[None, None]
        places = torch.from_numpy(asked - start).to(device)
        with overriding_attention(self):
            output = self._model(
                input_ids=torch.from_numpy(self._tree.tokens[part]).to(device)[None],
                position_ids=torch.from_numpy(self._tree.depths[part]).to(device)[None],
                use_cache=False,
                **({"logits_to_keep": places} if self._keeps else {}),
            )
        self._move_on(start, stop)
        logits: Tensor = output.logits[0].float()
        return logits if self._keeps else logits[places]

    def _move_on(self, start: int, stop: int) -> None:
        """Keep the block's share of the path to the next block in its place."""
        if stop == len(self._tree):
            return
        nodes = self._tree.path(int(self._tree.parents[stop]), start)
        if nodes:
            depth = int(self._tree.depths[nodes[0]])
            places = torch.tensor(nodes, device=self._model.device) - start + self._path
            for kept in (*self._keys.values(), *self._values.values()):
                kept[:, :, depth : depth + len(nodes)] = kept[:, :, places]

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor:
        """(1, n, head, d) of the block's n nodes; see `SharedPrefixRows.attend`."""
        layer: int = module.layer_idx  # type: ignore[assignment]
        if layer not in self._keys:
            self._keys[layer] = key.new_empty((*key.shape[:2], self._room, key.shape[3]))
            self._values[layer] = value.new_empty((*value.shape[:2], self._room, value.shape[3]))
        stop = self._path + key.shape[2]
        keys, values = self._keys[layer][:, :, :stop], self._values[layer][:, :, :stop]
        keys[:, :, self._path :], values[:, :, self._path :] = key, value
        mixed: Tensor = sdpa_attention_forward(module, query, keys, values, self._mask, scaling=scaling)[0]
        return mixed


def visible(tree: TokenTrie, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(n, path + n) whether each node of a block sees each of the path to the block's first node, and of the block."""
    path = int(tree.depths[start])
    seen = np.zeros((stop - start, path + stop - start), bool)
    for row, (parent, depth) in enumerate(zip(tree.parents[start:stop], tree.depths[start:stop], strict=True)):
        if parent >= start:
            seen[row] = seen[parent - start]
        else:  # it left the path at its own depth
            seen[row, :depth] = True
        seen[row, path + row] = True
    return seen


def blocks(asked: np.ndarray[Any, np.dtype[np.bool_]], nodes: int, rows: int) -> Iterator[tuple[int, int]]:
    """[start, stop) of blocks of about equal size.

    Args:
        asked: (node,) whether logits after it are wanted.
        nodes: most nodes of a block.
        rows: most of them whose logits are wanted.
    """
    count = len(asked)
    size = -(-count // -(-count // nodes))
    before = np.concatenate([[0], np.cumsum(asked)])
    start = 0
    while start < count:
        # the last place before which no more than `rows` are asked for
        most = int(np.searchsorted(before, before[start] + rows, side="right")) - 1
        stop = min(start + size, most, count)
        yield start, stop
        start = stop
