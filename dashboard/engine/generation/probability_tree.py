"""The probability tree: exact continuations of a prompt under decode settings, likeliest first."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.generation import ProbabilityTree, TreeRequest
from dashboard.engine.generation.prompt_cache import Prompt
from dashboard.engine.generation.sampler import single_row_sampler
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.errors import Busy, Cancelled

AT_ONCE = 16
"""Most continuations whose next token is computed in one pass."""


@dataclass(order=True)
class _Leaf:
    """A continuation that is no node yet; a heap gives the likeliest first, equal ones in order."""

    rank: tuple[float, int]
    log_prob: float = field(compare=False)
    ids: tuple[int, ...] = field(compare=False)
    parent: int = field(compare=False)


def probability_tree(
    generator: TextGenerator, ids: Sequence[int], request: TreeRequest, turn: DeviceTurn
) -> ProbabilityTree:
    """Continuations of a prompt, likeliest first, until they hold enough mass or there are enough nodes.

    Args:
        generator: the model.
        ids: (T,) the prompt.
        request: checked.
        turn: on the device.

    Raises:
        Cancelled: ``turn.control.cancel`` was set.
        Busy: others took the device before the first node.
        NothingLeft: the settings cut every token somewhere.
    """
    began = time.perf_counter()
    given = generator.ids(ids)
    search = _TreeSearch(generator, generator.prompt(given, turn.control), given, request)
    unfinished = ""
    while search.heap and len(search.nodes) < request.nodes and search.finished_mass < request.mass and not unfinished:
        if turn.control.cancel.is_set():
            raise Cancelled
        if search.look_ahead():
            turn.control.progress(max(len(search.nodes) / request.nodes, search.finished_mass / request.mass))
            try:
                turn.give_way()
            except Busy:
                if not search.nodes:
                    raise
                unfinished = "busy"
        else:
            search.add_node()
    return search.tree(time.perf_counter() - began, unfinished)


class _TreeSearch:
    """A best-first search: the likeliest leaf becomes the next node."""

    def __init__(self, generator: TextGenerator, prompt: Prompt, ids: Tensor, request: TreeRequest) -> None:
        self._ending, self._prompt, self._ids, self._request = generator.ending, prompt, ids, request
        self._sampler = single_row_sampler(request.settings, generator.origin(ids, request.limit))
        self._children: dict[tuple[int, ...], Tensor] = {(): self._after([()])[0]}
        """leaf -> (vocab,) ln q after it."""
        self._inner: set[int] = set()
        self._states: list[str] = []
        self._count, self._pushed_mass = 0, 1.0
        self.heap: list[_Leaf] = []
        self.nodes: list[_Leaf] = []
        self.finished_mass = 0.0
        """Probability of the nodes that cannot go on."""
        self._push((), 0.0, -1)

    def look_ahead(self) -> bool:
        """Compute what follows the likeliest leaf and others of its length; whether there was anything to compute."""
        best = self.heap[0].ids
        if not self._goes_on(best) or best in self._children:
            return False
        near = (leaf.ids for leaf in heapq.nsmallest(4 * AT_ONCE, self.heap) if len(leaf.ids) == len(best))
        paths = [ids for ids in near if self._goes_on(ids) and ids not in self._children][:AT_ONCE]
        self._children |= dict(zip(paths, self._after(paths), strict=True))
        return True

    def add_node(self) -> None:
        """Make the likeliest leaf a node."""
        best = heapq.heappop(self.heap)
        node = len(self.nodes)
        self.nodes.append(best)
        if best.parent >= 0:
            self._inner.add(best.parent)
        if self._goes_on(best.ids):
            self._states.append("open")
            self._push(best.ids, best.log_prob, node)
        else:
            self._states.append("end" if best.ids[-1] in self._ending else "depth")
            self.finished_mass += math.exp(best.log_prob)

    def tree(self, seconds: float, unfinished: str) -> ProbabilityTree:
        """The nodes so far."""
        parents, tokens, depths = (
            np.array(column, np.int64)
            for column in (
                [node.parent for node in self.nodes],
                [node.ids[-1] for node in self.nodes],
                [len(node.ids) for node in self.nodes],
            )
        )
        probs = np.exp(np.array([node.log_prob for node in self.nodes])).astype(np.float32)
        for array in (parents, tokens, depths, probs):
            read_only(array)
        states = tuple("inner" if node in self._inner else state for node, state in enumerate(self._states))
        unseen = max(0.0, 1 - self._pushed_mass)
        return ProbabilityTree(parents, tokens, depths, probs, states, self.finished_mass, unseen, seconds, unfinished)

    def _goes_on(self, ids: tuple[int, ...]) -> bool:
        return len(ids) < self._request.depth and not (ids and ids[-1] in self._ending)

    def _push(self, ids: tuple[int, ...], log_prob: float, parent: int) -> None:
        """Put the likeliest children of a path on the heap."""
        best = self._children.pop(ids).topk(min(self._request.nodes, len(self._prompt.logits)))
        self._pushed_mass += float(best.values.double().exp().sum() - 1) * math.exp(log_prob)
        for log_q, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            if math.exp(log_q) > 0:
                self._count += 1
                total = log_prob + log_q
                heapq.heappush(self.heap, _Leaf((-total, self._count), total, (*ids, token), parent))

    def _after(self, paths: Sequence[tuple[int, ...]]) -> Tensor:
        """(path, vocab) ln q after each of some paths of one length."""
        with torch.inference_mode():
            tokens = torch.tensor(paths, dtype=torch.long, device=self._ids.device).reshape(len(paths), -1)
            logits = self._prompt.logits[None]
            if tokens.shape[1]:
                logits = self._prompt.begin(len(paths)).step(tokens)[:, -1]
            return self._sampler.distribution(logits, torch.cat([self._ids.expand(len(paths), -1), tokens], -1))
