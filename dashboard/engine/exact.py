"""What decode settings do, without drawing: along a text, and to every continuation of a prompt."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.base import DecodeSettings, Job
from dashboard.engine.generated import CompareRequest, ProbabilityTree, SettingsComparison, TreeRequest
from dashboard.engine.prefix import Prompt
from dashboard.engine.sampling import Chooser, row_keys
from dashboard.engine.writer import Turn, Writer
from dashboard.errors import Cancelled

AT_ONCE = 16
"""Ways of a tree that are followed in one pass."""


def compare(
    logits: Callable[[int], Tensor], ids: Sequence[int], request: CompareRequest, job: Job
) -> SettingsComparison:
    """Several settings against each other, position by position.

    Args:
        logits: position -> (vocab,) raw float32 logits.
        ids: the text.
        request: checked.
        job: progress and cancel, at every position.

    Raises:
        Cancelled: ``job.cancel`` was set.
    """
    start, stop = request.positions
    count, settings = stop - start, len(request.settings)
    choosers = [_chooser(one) for one in request.settings]
    kept, mass, entropy = (np.zeros((settings, count), kind) for kind in (np.int64, np.float32, np.float32))
    own = np.zeros(count, np.float32)
    distances = np.zeros((2, settings, settings, count), np.float32)
    for place, pos in enumerate(range(start, stop)):
        if job.cancel.is_set():
            raise Cancelled
        job.progress(place / count)
        here = logits(pos)
        seen = torch.tensor([list(ids[: pos + 1])], device=here.device)
        log_p = torch.log_softmax(here.cpu().double(), -1)  # not every device has float64
        # the settings' own scores, renormalised in float64: equal settings have distance 0
        log_q = [chooser.distribution(here[None], seen)[0].cpu().double().log_softmax(-1) for chooser in choosers]
        own[place] = _entropy(log_p)
        for i, one in enumerate(log_q):
            left = torch.isfinite(one)
            kept[i, place] = int(left.sum())
            mass[i, place] = float(log_p[left].exp().sum())
            entropy[i, place] = _entropy(one)
            for j in range(i):
                pair = _total_variation(one, log_q[j]), _jensen_shannon(one, log_q[j])
                distances[:, i, j, place] = distances[:, j, i, place] = pair
    for array in (kept, mass, entropy, own, distances):
        array.flags.writeable = False
    return SettingsComparison(kept, mass, entropy, own, distances[0], distances[1])


def _chooser(settings: DecodeSettings) -> Chooser:
    return Chooser(settings, row_keys(0, 0, 1))


def _entropy(log_p: Tensor) -> float:
    return max(0.0, float(-(log_p.exp() * log_p.clamp_min(-1e300)).sum()))


def _total_variation(one: Tensor, other: Tensor) -> float:
    """½ Σ|a - b| of two ln distributions."""
    return float((one.exp() - other.exp()).abs().sum() / 2)


def _jensen_shannon(one: Tensor, other: Tensor) -> float:
    """Mean KL to their midpoint [nats]."""
    middle = torch.logaddexp(one, other) - math.log(2)
    kl = [float((a.exp() * (a - middle).masked_fill(a == -torch.inf, 0)).sum()) for a in (one, other)]
    return max(0.0, sum(kl) / 2)


# -- the probability tree -----------------------------------------------------------------------------------------
@dataclass(order=True)
class _Way:
    """A continuation that is not shown yet; the likeliest comes first out of a heap, equal ones in order."""

    rank: tuple[float, int]
    log_prob: float = field(compare=False)
    ids: tuple[int, ...] = field(compare=False)
    parent: int = field(compare=False)


def probability_tree(writer: Writer, ids: Sequence[int], request: TreeRequest, turn: Turn) -> ProbabilityTree:
    """Continuations of a prompt, likeliest first, until enough mass or so many nodes are there.

    Args:
        writer: the model.
        ids: (T,) the prompt.
        request: checked.
        turn: on the device.

    Raises:
        Cancelled: ``turn.job.cancel`` was set.
    """
    began = time.perf_counter()
    given = writer.ids(ids)
    prompt = writer.prompt(given, turn.job)
    chooser = _chooser(request.settings)
    heap: list[_Way] = []
    children: dict[tuple[int, ...], Tensor] = {}
    shown: list[_Way] = []
    inner: set[int] = set()
    states: list[str] = []
    made, done, pushed = 0, 0.0, 1.0

    def followed(way: tuple[int, ...]) -> bool:
        return len(way) < request.depth and not (way and way[-1] in writer.ending)

    def push(way: tuple[int, ...], log_prob: float, parent: int) -> None:
        nonlocal made, pushed
        best = children.pop(way).topk(min(request.nodes, len(prompt.logits)))
        pushed += float(best.values.double().exp().sum() - 1) * math.exp(log_prob)
        for log_q, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            if log_q > -math.inf:
                made += 1
                total = log_prob + log_q
                heapq.heappush(heap, _Way((-total, made), total, (*way, token), parent))

    children[()] = _distribution(prompt, chooser, given, [()])[0]
    push((), 0.0, -1)
    while heap and len(shown) < request.nodes and done < request.mass:
        if turn.job.cancel.is_set():
            raise Cancelled
        best = heap[0]
        if followed(best.ids) and best.ids not in children:
            length = len(best.ids)
            alike = (way.ids for way in heapq.nsmallest(4 * AT_ONCE, heap) if len(way.ids) == length)
            ways = [way for way in alike if followed(way) and way not in children][:AT_ONCE]
            children |= dict(zip(ways, _distribution(prompt, chooser, given, ways), strict=True))
            turn.job.progress(max(len(shown) / request.nodes, done / request.mass))
            turn.give_way()
            continue
        heapq.heappop(heap)
        node = len(shown)
        shown.append(best)
        if best.parent >= 0:
            inner.add(best.parent)
        if followed(best.ids):
            states.append("open")
            push(best.ids, best.log_prob, node)
        else:
            states.append("end" if best.ids[-1] in writer.ending else "depth")
            done += math.exp(best.log_prob)
    arrays = [
        np.array([way.parent for way in shown], np.int64),
        np.array([way.ids[-1] for way in shown], np.int64),
        np.array([len(way.ids) for way in shown], np.int64),
        np.exp(np.array([way.log_prob for way in shown])).astype(np.float32),
    ]
    for array in arrays:
        array.flags.writeable = False
    named = tuple("inner" if node in inner else state for node, state in enumerate(states))
    unseen, seconds = max(0.0, 1 - pushed), time.perf_counter() - began
    return ProbabilityTree(arrays[0], arrays[1], arrays[2], arrays[3], named, done, unseen, seconds)


def _distribution(prompt: Prompt, chooser: Chooser, ids: Tensor, ways: Sequence[tuple[int, ...]]) -> Tensor:
    """(way, vocab) ln q after each of some ways of one length."""
    with torch.inference_mode():
        behind = torch.tensor(ways, dtype=torch.long, device=ids.device).reshape(len(ways), -1)
        logits = prompt.begin(len(ways)).step(behind)[:, -1] if behind.shape[1] else prompt.logits[None]
        return chooser.distribution(logits, torch.cat([ids.expand(len(ways), -1), behind], -1))
