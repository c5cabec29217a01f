"""Choice of the prompt cache: the cheapest whose logits are the model's own, and the lengths up to which they are.

A cache is valid only as long as the family goes on computing the same: rotary factors that change at a length
(longrope) make older keys wrong. A `PromptCache` knows such lengths and recomputes what they make invalid.
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
from dashboard.engine.models.precision import tolerance_of

Kind = type[SharedPrefix] | type[CopiedCache] | type[NoCache]
NAMES: dict[Kind, str] = {SharedPrefix: "shared", CopiedCache: "copied", NoCache: "anew"}


@dataclass(frozen=True)
class PromptCache:
    """How rows continue a prompt."""

    kind: Kind
    switches: tuple[int, ...] = ()
    """Lengths, ascending: the cache of a text up to one of them is invalid for a longer text [tokens]."""
    exact_up_to: int = sys.maxsize
    """Beyond so many tokens every step runs the whole text: no cache is proven there."""

    def prompt(self, model: Any, ids: Tensor) -> Prompt:
        """Run the prompt, (T,)."""
        if self.kind is NoCache or len(ids) > self.exact_up_to:
            return NoCache(model, ids)
        if not self.switches and self.exact_up_to == sys.maxsize:
            return self.kind(model, ids)
        return _BoundedCache(self, model, ids)

    def name(self, tokens: int) -> str:
        """``shared``, ``copied`` or ``anew``: how texts of so many tokens continue."""
        return NAMES[self.kind if tokens <= self.exact_up_to else NoCache]

    def crosses(self, before: int, after: int) -> bool:
        """Whether a text that grows from `before` to `after` tokens makes its cache invalid."""
        return bisect_left(self.switches, before) != bisect_left(self.switches, after)


class _BoundedCache:
    """A computed prompt whose rows may grow beyond the lengths of its `PromptCache`."""

    def __init__(self, cache: PromptCache, model: Any, ids: Tensor) -> None:
        """Run the prompt, (T,)."""
        self._cache, self._model, self._ids = cache, model, ids
        self._inner = cache.kind(model, ids)
        self.logits = self._inner.logits

    def begin(self, rows: int) -> Rows:
        """See `Prompt.begin`."""
        return _BoundedRows(self._cache, self._model, self._ids.expand(rows, -1), self._inner.begin(rows))


class _BoundedRows:
    """Rows that are recomputed where a length makes their cache invalid."""

    def __init__(self, cache: PromptCache, model: Any, ids: Tensor, inner: Rows) -> None:
        """Take the prompt's tokens, (R, T), and the rows that continue it."""
        self._cache, self._model, self._ids, self._inner = cache, model, ids, inner

    def step(self, tokens: Tensor) -> Tensor:
        """See `Rows.step`."""
        before = self._ids
        self._ids = torch.cat([before, tokens], -1)
        length = self._ids.shape[1]
        if length > self._cache.exact_up_to and not isinstance(self._inner, NoCacheRows):
            self._inner = NoCacheRows(self._model, before)
        elif length <= self._cache.exact_up_to and self._cache.crosses(before.shape[1], length):
            self._inner, logits = CopiedCacheRows.of(self._model, self._ids, tokens.shape[1])
            return logits
        return self._inner.step(tokens)

    def keep(self, rows: Tensor) -> None:
        """See `Rows.keep`."""
        self._ids = self._ids[rows]
        self._inner.keep(rows)


def pick_prompt_cache(model: Any, ids: tuple[int, ...], *, shared: bool) -> PromptCache:
    """The cheapest prompt cache whose logits are those of one whole pass.

    Args:
        model: ready for capture.
        ids: at least five tokens; the last three continue the others, one alone and two together.
        shared: whether the family's attention is our kernel and nothing but softmax(scaling · q·k), at any length.
    """
    kinds: tuple[Kind, ...] = (SharedPrefix, CopiedCache) if shared else (CopiedCache,)
    return next(
        (PromptCache(kind) for kind in kinds if _is_exact(PromptCache(kind), model, ids, (1, 2))), PromptCache(NoCache)
    )


def limit_prompt_cache(cache: PromptCache, proof: Proof, model: Any) -> PromptCache:
    """`cache`, which is exact on a few tokens, with the lengths of `model` beyond which it is invalid or unproven.

    A switch of rotary factors always invalidates: in half precision a trial could drown in rounding.
    """
    if not proof.limits:
        return cache
    lengths = tuple(sorted({limit.length for limit in proof.limits}))
    cache = replace(cache, switches=tuple(limit.length for limit in proof.limits if limit.name == SWITCH))
    if cache.kind is NoCache:
        return cache
    if proof.short is None:
        return replace(cache, exact_up_to=lengths[0])
    # the copy must attend by the same kernel; only now is it known which
    proof.short.set_attn_implementation(model.config._attn_implementation)
    first = min((limit.length for limit in proof.unproven), default=sys.maxsize)
    if _is_exact_beyond(replace(cache, switches=_shortened(cache.switches)), proof.short):
        return replace(cache, exact_up_to=first)
    if _is_exact_beyond(replace(cache, switches=_shortened(lengths)), proof.short):
        return replace(cache, switches=lengths, exact_up_to=first)
    return replace(cache, exact_up_to=lengths[0])


def _shortened(lengths: Sequence[int]) -> tuple[int, ...]:
    """Lengths of the model as they are in the copy."""
    return tuple(sorted({min(length, SHORT) for length in lengths}))


def _is_exact_beyond(cache: PromptCache, short: Any) -> bool:
    """Whether rows that grow across the copy's limits, and rows that begin beyond them, have the model's own logits."""
    ids = check_ids(short, PROOF_TOKENS)
    across = ids[: SHORT + 3]
    return (
        _is_exact(cache, short, across, (1, 1, 2))  # over the limit in one token
        and _is_exact(cache, short, across, (1, 4))  # in several at once
        and _is_exact(cache, short, ids, (1, 5))
    )


def _is_exact(cache: PromptCache, model: Any, ids: Sequence[int], steps: Sequence[int]) -> bool:
    """Whether the cache gives the logits of whole passes for the last of `ids`, added in steps of so many tokens.

    A step's logits are those of one pass over the text that it ends, at all of the step's tokens.
    """
    given, new = torch.tensor(ids, device=model.device), sum(steps)
    prompt, rows = given[:-new], torch.stack([given[-new:], given[-new:].flip(0)])
    tolerance = tolerance_of(model.dtype)
    with torch.inference_mode():
        wholes = torch.stack(
            [_whole(model, torch.cat([prompt, row]), steps, each=bool(cache.switches)) for row in rows]
        )
        try:
            continued = cache.prompt(model, prompt).begin(3)
            continued.keep(torch.tensor([0, 2], device=model.device))
            logits = torch.cat([continued.step(part) for part in rows.split(list(steps), 1)], 1)
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
