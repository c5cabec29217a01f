"""Ways: how rows go on from a prompt with the model's own logits, and up to which lengths each is the model's own.

What a cache holds is valid only as long as the family goes on computing the same: rotary factors that change at a
length (longrope) make older keys wrong. A way knows such lengths, and computes anew what they make invalid.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.capture.limits import PROOF_TOKENS, SHORT, SWITCH, Proof
from dashboard.engine.generation.prompt_cache import (
    CopiedCache,
    CopiedCacheRows,
    NoCache,
    NoCacheRows,
    Prompt,
    Rows,
    SharedPrefix,
)
from dashboard.engine.models.anatomy import FAMILY_ERRORS, check_ids

CHECK_ERROR = 1e-4
"""Logits may differ so much from those of one whole pass, relative to the largest (float32)."""
HALF_PRECISION_FACTOR = 400
"""So much more in float16 and bfloat16."""
Kind = type[SharedPrefix] | type[CopiedCache] | type[NoCache]
NAMES: dict[Kind, str] = {SharedPrefix: "shared", CopiedCache: "copied", NoCache: "anew"}


@dataclass(frozen=True)
class PromptCache:
    """How rows go on from a prompt."""

    kind: Kind
    switches: tuple[int, ...] = ()
    """Lengths, ascending: what was computed for a text up to one of them is wrong for a longer text [tokens]."""
    reach: int = sys.maxsize
    """Beyond so many tokens every step computes all anew: no other way is proven there."""

    def prompt(self, model: Any, ids: Tensor) -> Prompt:
        """The computed prompt, (T,)."""
        if self.kind is NoCache or len(ids) > self.reach:
            return NoCache(model, ids)
        if not self.switches and self.reach == sys.maxsize:
            return self.kind(model, ids)
        return _BoundedCache(self, model, ids)

    def name(self, tokens: int) -> str:
        """``shared``, ``copied`` or ``anew``: how texts of so many tokens go on."""
        return NAMES[self.kind if tokens <= self.reach else NoCache]

    def crosses(self, before: int, after: int) -> bool:
        """Whether a text that grows from `before` to `after` tokens makes wrong what was computed before."""
        return bisect_left(self.switches, before) != bisect_left(self.switches, after)


class _BoundedCache:
    """A computed prompt whose rows may grow beyond the lengths that their way knows."""

    def __init__(self, way: PromptCache, model: Any, ids: Tensor) -> None:
        """Compute the prompt, (T,)."""
        self._way, self._model, self._ids = way, model, ids
        self._inner = way.kind(model, ids)
        self.logits = self._inner.logits

    def begin(self, rows: int) -> Rows:
        """See `Prompt.begin`."""
        return _BoundedRows(self._way, self._model, self._ids.expand(rows, -1), self._inner.begin(rows))


class _BoundedRows:
    """Rows that are computed anew where a length makes their cache invalid."""

    def __init__(self, way: PromptCache, model: Any, ids: Tensor, inner: Rows) -> None:
        """Take the prompt's tokens, (R, T), and the rows that go on from it."""
        self._way, self._model, self._ids, self._inner = way, model, ids, inner

    def step(self, tokens: Tensor) -> Tensor:
        """See `Rows.step`."""
        before = self._ids
        self._ids = torch.cat([before, tokens], -1)
        length = self._ids.shape[1]
        if length > self._way.reach and not isinstance(self._inner, NoCacheRows):
            self._inner = NoCacheRows(self._model, before)
        elif length <= self._way.reach and self._way.crosses(before.shape[1], length):
            self._inner, logits = CopiedCacheRows.of(self._model, self._ids, tokens.shape[1])
            return logits
        return self._inner.step(tokens)

    def keep(self, rows: Tensor) -> None:
        """See `Rows.keep`."""
        self._ids = self._ids[rows]
        self._inner.keep(rows)


def pick_prompt_cache(model: Any, ids: tuple[int, ...], *, shared: bool) -> PromptCache:
    """The cheapest way whose logits are those of one whole pass.

    Args:
        model: ready for capture.
        ids: at least five tokens; the last three are carried on, one alone and two together.
        shared: whether the family's attention is our kernel and nothing but softmax(scaling · q·k), at any length.
    """
    kinds: tuple[Kind, ...] = (SharedPrefix, CopiedCache) if shared else (CopiedCache,)
    return next(
        (PromptCache(kind) for kind in kinds if _holds(PromptCache(kind), model, ids, (1, 2))), PromptCache(NoCache)
    )


def bounded(way: PromptCache, proof: Proof, model: Any) -> PromptCache:
    """`way`, which holds on a few tokens of `model`, as far as it holds beyond the lengths at which it changes.

    That a switch of rotary factors makes older keys wrong is known: in half precision it could drown in rounding.
    """
    if not proof.limits:
        return way
    lengths = tuple(sorted({limit.length for limit in proof.limits}))
    way = replace(way, switches=tuple(limit.length for limit in proof.limits if limit.name == SWITCH))
    if way.kind is NoCache:
        return way
    if proof.short is None:
        return replace(way, reach=lengths[0])
    # the way's attention is our kernel; only now is it known which
    proof.short.set_attn_implementation(model.config._attn_implementation)
    first = min((limit.length for limit in proof.unproven), default=sys.maxsize)
    if _holds_beyond(replace(way, switches=_shortened(way.switches)), proof.short):
        return replace(way, reach=first)
    if _holds_beyond(replace(way, switches=_shortened(lengths)), proof.short):
        return replace(way, switches=lengths, reach=first)
    return replace(way, reach=lengths[0])


def _shortened(lengths: Sequence[int]) -> tuple[int, ...]:
    """What lengths of the model are in the copy."""
    return tuple(sorted({min(length, SHORT) for length in lengths}))


def _holds_beyond(way: PromptCache, short: Any) -> bool:
    """Whether rows that grow across the copy's limits, and rows that begin beyond them, have the model's own logits."""
    ids = check_ids(short, PROOF_TOKENS)
    across = ids[: SHORT + 3]
    return (
        _holds(way, short, across, (1, 1, 2))  # over the limit in one token
        and _holds(way, short, across, (1, 4))  # in several at once
        and _holds(way, short, ids, (1, 5))
    )


def _holds(way: PromptCache, model: Any, ids: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether the last of `ids`, so many of them in each step, are carried on with the logits of whole passes.

    A step's logits are those of one pass over the text that it ends, at all of the step's tokens.
    """
    given, new = torch.tensor(ids, device=model.device), sum(steps)
    prompt, rows = given[:-new], torch.stack([given[-new:], given[-new:].flip(0)])
    tolerance = CHECK_ERROR * (1 if model.dtype == torch.float32 else HALF_PRECISION_FACTOR)
    with torch.inference_mode():
        wholes = torch.stack([_whole(model, torch.cat([prompt, row]), steps, each=bool(way.switches)) for row in rows])
        try:
            texts = way.prompt(model, prompt).begin(3)
            texts.keep(torch.tensor([0, 2], device=model.device))
            logits = torch.cat([texts.step(part) for part in rows.split(list(steps), 1)], 1)
        except FAMILY_ERRORS:
            return False
    return bool((logits - wholes).abs().max() <= tolerance * max(1.0, float(wholes.abs().max())))


def _whole(model: Any, text: Tensor, steps: Sequence[int], *, each: bool) -> Tensor:
    """(new, vocab) logits at the tokens of the steps that end `text`, (T,).

    Args:
        model: the model.
        text: prompt and steps.
        steps: tokens of each.
        each: by one pass a step; else by one for all, which is the same where length alone changes nothing.
    """
    parts, stop = [], len(text) - sum(steps)
    for count in steps if each else [sum(steps)]:
        stop += count
        parts.append(model(input_ids=text[None, :stop], use_cache=False).logits[0, -count:].float())
    return torch.cat(parts)
