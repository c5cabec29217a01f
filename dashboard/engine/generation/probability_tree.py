"""What decode settings do, without drawing: along a text, and to every continuation of a prompt."""

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
from dashboard.engine.generation.sampler import single_row
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.errors import Busy, Cancelled

AT_ONCE = 16
"""Ways of a tree that are followed in one pass."""


# -- the probability tree -----------------------------------------------------------------------------------------
@dataclass(order=True)
class _Way:
    """A continuation that is not shown yet; the likeliest comes first out of a heap, equal ones in order."""

    rank: tuple[float, int]
    log_prob: float = field(compare=False)
    ids: tuple[int, ...] = field(compare=False)
    parent: int = field(compare=False)


def probability_tree(
    writer: TextGenerator, ids: Sequence[int], request: TreeRequest, turn: DeviceTurn
) -> ProbabilityTree:
    """Continuations of a prompt, likeliest first, until enough mass or so many nodes are there.

    Args:
        writer: the model.
        ids: (T,) the prompt.
        request: checked.
        turn: on the device.

    Raises:
        Cancelled: ``turn.control.cancel`` was set.
        Busy: others took the device before anything was there.
        NothingLeft: the settings cut every token somewhere.
    """
    began = time.perf_counter()
    given = writer.ids(ids)
    growth = _Growth(writer, writer.prompt(given, turn.control), given, request)
    unfinished = ""
    while growth.heap and len(growth.shown) < request.nodes and growth.done < request.mass and not unfinished:
        if turn.control.cancel.is_set():
            raise Cancelled
        if growth.looks_ahead():
            turn.control.progress(max(len(growth.shown) / request.nodes, growth.done / request.mass))
            try:
                turn.give_way()
            except Busy:
                if not growth.shown:
                    raise
                unfinished = "busy"
        else:
            growth.show()
    return growth.tree(time.perf_counter() - began, unfinished)


class _Growth:
    """The tree while it grows."""

    def __init__(self, writer: TextGenerator, prompt: Prompt, ids: Tensor, request: TreeRequest) -> None:
        self._ending, self._prompt, self._ids, self._request = writer.ending, prompt, ids, request
        self._chooser = single_row(request.settings, writer.origin(ids, request.limit))
        self._children: dict[tuple[int, ...], Tensor] = {(): self._after([()])[0]}
        """(vocab,) ln q after ways that are not shown yet."""
        self._inner: set[int] = set()
        self._states: list[str] = []
        self._made, self._pushed = 0, 1.0
        self.heap: list[_Way] = []
        self.shown: list[_Way] = []
        self.done = 0.0
        """Mass of the ways that are shown to their end."""
        self._push((), 0.0, -1)

    def looks_ahead(self) -> bool:
        """Compute what follows the likeliest way, and others of its length beside it; whether that was to do."""
        best = self.heap[0].ids
        if not self._followed(best) or best in self._children:
            return False
        near = (way.ids for way in heapq.nsmallest(4 * AT_ONCE, self.heap) if len(way.ids) == len(best))
        ways = [way for way in near if self._followed(way) and way not in self._children][:AT_ONCE]
        self._children |= dict(zip(ways, self._after(ways), strict=True))
        return True

    def show(self) -> None:
        """The likeliest way becomes a node."""
        best = heapq.heappop(self.heap)
        node = len(self.shown)
        self.shown.append(best)
        if best.parent >= 0:
            self._inner.add(best.parent)
        if self._followed(best.ids):
            self._states.append("open")
            self._push(best.ids, best.log_prob, node)
        else:
            self._states.append("end" if best.ids[-1] in self._ending else "depth")
            self.done += math.exp(best.log_prob)

    def tree(self, seconds: float, unfinished: str) -> ProbabilityTree:
        """What is shown."""
        parents, tokens, depths = (
            np.array(column, np.int64)
            for column in (
                [way.parent for way in self.shown],
                [way.ids[-1] for way in self.shown],
                [len(way.ids) for way in self.shown],
            )
        )
        probs = np.exp(np.array([way.log_prob for way in self.shown])).astype(np.float32)
        for array in (parents, tokens, depths, probs):
            read_only(array)
        states = tuple("inner" if node in self._inner else state for node, state in enumerate(self._states))
        unseen = max(0.0, 1 - self._pushed)
        return ProbabilityTree(parents, tokens, depths, probs, states, self.done, unseen, seconds, unfinished)

    def _followed(self, way: tuple[int, ...]) -> bool:
        return len(way) < self._request.depth and not (way and way[-1] in self._ending)

    def _push(self, way: tuple[int, ...], log_prob: float, parent: int) -> None:
        best = self._children.pop(way).topk(min(self._request.nodes, len(self._prompt.logits)))
        self._pushed += float(best.values.double().exp().sum() - 1) * math.exp(log_prob)
        for log_q, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            if math.exp(log_q) > 0:
                self._made += 1
                total = log_prob + log_q
                heapq.heappush(self.heap, _Way((-total, self._made), total, (*way, token), parent))

    def _after(self, ways: Sequence[tuple[int, ...]]) -> Tensor:
        """(way, vocab) ln q after each of some ways of one length."""
        with torch.inference_mode():
            behind = torch.tensor(ways, dtype=torch.long, device=self._ids.device).reshape(len(ways), -1)
            logits = self._prompt.logits[None]
            if behind.shape[1]:
                logits = self._prompt.begin(len(ways)).step(behind)[:, -1]
            return self._chooser.distribution(logits, torch.cat([self._ids.expand(len(ways), -1), behind], -1))
