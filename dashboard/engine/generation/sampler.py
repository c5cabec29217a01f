"""Drawing tokens: what decode settings leave of each row's distribution, and one token of it.

A row's noise depends on (seed, row, step, token) alone, by counter: never on what is drawn beside it. Candidates are
cut first and drawn from what is left. What transformers' own warpers would keep is kept: where a threshold is too near
to tell, or a setting needs the whole vocabulary, those warpers themselves decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor

from dashboard.engine.api.decoding import PENALTIES, DecodeSettings
from dashboard.engine.api.generation import ALTERNATIVES
from dashboard.engine.models.generation_config import Origin
from dashboard.engine.prediction.decoding import processors, run, something_left

CANDIDATES = (256, 4096)
"""So many of the likeliest tokens are looked at first, and where they do not tell, so many."""
NEAR = 2e-5
"""A threshold nearer than this to a sum of float32 probabilities cannot be told from it."""
CUTTING = frozenset({"top_k", "top_p", "min_p"})
"""Settings that cut a sorted list of candidates."""
AT_ONCE = 1 << 23
"""Rows are drawn for together as long as they have at most so many logits: what a draw works in is several times
that."""
DRAW_BYTES = 56
"""What a draw works in, a logit, where the whole vocabulary is looked at, roughly [bytes]."""

# SplitMix64 (Steele, Lea and Flood 2014), in signed 64 bit
_GOLDEN, _MIX1, _MIX2 = (c - (1 << 64) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _mixed(x: Tensor, spare: Tensor | None = None) -> Tensor:
    """Integers mixed in their own memory; `spare` is more of it."""
    spare = torch.empty_like(x) if spare is None else spare
    x.bitwise_xor_(_shifted(x, 30, spare)).mul_(_MIX1)
    x.bitwise_xor_(_shifted(x, 27, spare)).mul_(_MIX2)
    return x.bitwise_xor_(_shifted(x, 31, spare))


def _shifted(x: Tensor, bits: int, out: Tensor) -> Tensor:
    """Logical shift to the right."""
    return torch.bitwise_right_shift(x, bits, out=out).bitwise_and_((1 << (64 - bits)) - 1)


def row_keys(seed: int, first: int, rows: int) -> Tensor:
    """(R,) what the noise of rows [first, first + rows) is counted from.

    Args:
        seed: [0, 2^64).
        first: number of the first row.
        rows: how many.
    """
    signed = seed - (1 << 64) if seed >= 1 << 63 else seed
    return _mixed(_mixed(torch.tensor(signed)) + torch.arange(first + 1, first + rows + 1) * _GOLDEN)


def gumbel(keys: Tensor, step: int, ids: Tensor, room: Tensor | None = None) -> Tensor:
    """(R, K) standard Gumbel noise, float64.

    Args:
        keys: (R,) of `row_keys`.
        step: which token of the text is drawn.
        ids: (K,) or (R, K) tokens.
        room: (2, R, K) int64, memory to work in; the noise lies in it until the next call.
    """
    here = _mixed(keys + torch.tensor(step) * _GOLDEN)[:, None]  # a product of tensors wraps around
    x, spare = torch.empty((2, len(keys), ids.shape[-1]), dtype=torch.int64) if room is None else room
    same = ids.dim() == 2 and ids.stride(0) == 0  # one row, expanded
    torch.add(here, (ids[:1] if same else ids) * _MIX2, out=x)
    bits = _shifted(_mixed(x, spare), 11, spare)
    uniform = x.view(torch.float64).copy_(bits).add_(0.5).mul_(2.0**-53)
    return uniform.log_().neg_().log_().neg_()


DrawOverride = Callable[[Tensor, Tensor], Tensor]
"""(R, K) token ids, (R, K) ln q -> (R,) column that is drawn: another source of noise, for tests."""


@dataclass(frozen=True)
class SampledTokens:
    """One token of each row; (R,) or (R, 10), as in `dashboard.engine.api.generation.Step`."""

    ids: Tensor
    log_p: Tensor
    log_q: Tensor
    ranks: Tensor
    margins: Tensor
    alternatives: Tensor
    alternative_log_p: Tensor
    alternative_log_q: Tensor
    alternative_cut_by: Tensor


@dataclass(frozen=True)
class _Batch:
    """Rows to draw for."""

    logits: Tensor
    """(R, vocab) raw."""
    scores: Tensor
    """(R, vocab) penalised."""
    ids: Tensor
    """(R, length)"""
    keys: Tensor
    """(R,)"""
    others: Tensor | None = None
    """(R, 10) likeliest tokens by the model's own distribution; ``None``: nothing is penalised."""
    cut: Tensor | None = None
    """(R, 10) which penalty removed them: 0 = none, else 1 + its place."""

    def likeliest(self) -> tuple[Tensor, Tensor]:
        """`others` and `cut`, whether or not anything is penalised."""
        if self.others is None or self.cut is None:
            others = _alternatives(self.logits)
            return others, torch.zeros_like(others)
        return self.others, self.cut


@dataclass(frozen=True)
class _Candidates:
    """What settings leave of some rows' distributions."""

    ids: Tensor
    """(R, K) tokens that hold all that is left; the whole vocabulary in order where it was looked at."""
    log_q: Tensor
    """(R, K) [nats]; -inf where cut."""
    alternatives: Tensor
    """(R, 10) likeliest tokens by the model's own distribution."""
    places: Tensor
    """(R, 10) where they stand in `ids`."""
    cut_by: Tensor
    """(R, 10) 0 = kept, else 1 + place in the names."""


class _ScratchBuffers:
    """Memory that every step works in again: new memory costs more than what is computed in it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[torch.dtype, torch.device], Tensor] = {}

    def get(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
        """`shape` numbers, whatever they are; those that were given before for this dtype are gone."""
        key, count = (dtype, torch.device(device)), math.prod(shape)
        if key not in self._kept or self._kept[key].numel() < count:
            self._kept[key] = torch.empty(count, dtype=dtype, device=device)
        return self._kept[key][:count].view(*shape)

    def like(self, numbers: Tensor) -> Tensor:
        """As many of the same kind."""
        return self.get(numbers.shape, numbers.dtype, numbers.device)


class Sampler:
    """Draws for the rows of one column."""

    def __init__(
        self, settings: DecodeSettings, keys: Tensor, pick: DrawOverride | None = None, origin: Origin | None = None
    ) -> None:
        """Keep the settings and the rows' noise.

        Args:
            settings: checked.
            keys: (R,) of `row_keys`.
            pick: takes the noise's place.
            origin: where the texts come from, with the model's rules; ``None``: there are none.
        """
        found = processors(settings, origin)
        self.names = tuple(name for name, _ in found) + (() if settings.do_sample else ("do_sample",))
        self._settings, self._keys, self._pick = settings, keys, pick
        self._penalties = [(name, processor) for name, processor in found if name in PENALTIES]
        self._warpers = [(name, processor) for name, processor in found if name not in PENALTIES]
        cutting = {name for name, _ in self._warpers} - {"temperature"}
        self._sorts = bool(cutting) and cutting <= CUTTING and settings.top_k < CANDIDATES[-1]
        self._memory = _ScratchBuffers()

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self._keys = self._keys[rows]

    def draw(self, logits: Tensor, ids: Tensor, step: int, forced: Tensor | None = None) -> SampledTokens:
        """One token a row.

        Args:
            logits: (R, vocab) raw, float32.
            ids: (R, length) prompt and text so far; the penalties look at it.
            step: which token of the text it is.
            forced: (R,) tokens that are given, not drawn.

        Raises:
            NothingLeft: settings and rules cut every token of a row.
        """
        most = rows_at_once(logits.shape[-1])
        parts = [slice(start, start + most) for start in range(0, len(logits), most)]
        drawn = [
            self._draw(
                logits[part], ids[part], self._keys[part], step=step, forced=None if forced is None else forced[part]
            )
            for part in parts
        ]
        return drawn[0] if len(drawn) == 1 else _joined(drawn)

    def _draw(self, logits: Tensor, ids: Tensor, keys: Tensor, *, step: int, forced: Tensor | None) -> SampledTokens:
        """The same of rows that are not too many to be drawn for together."""
        batch = self._batch(logits, ids, keys)
        if not self._settings.do_sample:
            return self._greedy(batch, forced)
        if forced is not None or not self._sorts:
            return self._of(batch, self._whole(batch), step, forced)
        counts = [count for count in CANDIDATES if self._settings.top_k < count < logits.shape[-1]]
        return self._cut(batch, step, counts)

    def _cut(self, batch: _Batch, step: int, counts: Sequence[int]) -> SampledTokens:
        """One token a row: of counts[0] candidates, and in the rows where they do not tell of the next count's."""
        if not counts:
            return self._of(batch, self._whole(batch), step)
        left, sure = self._candidates(batch, counts[0])
        if bool(sure.all()):
            return self._of(batch, left, step)
        some, others = sure.nonzero()[:, 0], (~sure).nonzero()[:, 0]
        rest = self._cut(_rows(batch, others), step, counts[1:])
        if not len(some):
            return rest
        drawn = self._of(_rows(batch, some), _rows(left, some), step)
        return _rows(_joined([drawn, rest]), torch.cat([some, others]).argsort())

    def distribution(self, logits: Tensor, ids: Tensor) -> Tensor:
        """(R, vocab) ln q of the next token; arguments and errors as of `draw`."""
        batch = self._batch(logits, ids, self._keys)
        if not self._settings.do_sample:
            return torch.full_like(batch.scores, -torch.inf).scatter_(-1, self._best(batch), 0.0)
        return self._whole(batch).log_q

    def _batch(self, logits: Tensor, ids: Tensor, keys: Tensor) -> _Batch:
        if not self._penalties:
            return _Batch(logits, logits, ids, keys)
        others = _alternatives(logits)
        scores, cut = run(self._penalties, ids, logits, others)
        return _Batch(logits, scores, ids, keys, others, cut)

    def _best(self, batch: _Batch) -> Tensor:
        """(R, 1) the likeliest token of what is penalised."""
        best = batch.scores.argmax(-1, keepdim=True)
        something_left(torch.isfinite(batch.scores.gather(-1, best)), self.names)
        return best

    def _of(self, batch: _Batch, left: _Candidates, step: int, forced: Tensor | None = None) -> SampledTokens:
        """One token of what is left."""
        logits = batch.logits
        margins = torch.full((len(logits),), math.nan, device=logits.device)
        if forced is not None:
            column = forced[:, None]
        elif self._pick is not None:
            column = self._pick(left.ids, left.log_q)[:, None]
        else:
            # not every device has float64
            noise = gumbel(batch.keys, step, left.ids.cpu(), self._memory.get((2, *left.ids.shape), torch.int64))
            best = noise.add_(left.log_q.cpu()).topk(2, -1)
            column = best.indices[:, :1].to(logits.device)
            margins = (best.values[:, 0] - best.values[:, 1]).float().to(logits.device)
        ids, log_q = left.ids.gather(-1, column), left.log_q.gather(-1, column)[:, 0]
        others_q = left.log_q.gather(-1, left.places)
        room = self._memory.like(logits)
        return _token_facts(
            logits, room, ids, log_q, margins, others=left.alternatives, others_q=others_q, cut=left.cut_by
        )

    def _greedy(self, batch: _Batch, forced: Tensor | None) -> SampledTokens:
        """The likeliest token, whatever its probability: all others are cut, at the latest by not drawing."""
        logits, scores = batch.logits, batch.scores
        best = self._best(batch)
        ids = best if forced is None else forced[:, None]
        second = scores.scatter(-1, best, -torch.inf).amax(-1)
        margins = scores.gather(-1, best)[:, 0] - second
        others, penalised = batch.likeliest()
        taken = others == best
        cut = torch.where(taken, 0, torch.where(penalised == 0, len(self.names), penalised))
        log_q = torch.where(ids == best, 0.0, -torch.inf)[:, 0]
        if forced is not None:
            margins = torch.full_like(margins, math.nan)
        others_q = torch.where(taken, 0.0, -torch.inf)
        room = self._memory.like(logits)
        return _token_facts(logits, room, ids, log_q, margins, others=others, others_q=others_q, cut=cut)

    def _candidates(self, batch: _Batch, count: int) -> tuple[_Candidates, Tensor]:
        """What top_k, top_p and min_p leave of the `count` likeliest, and (R,) whether surely nothing else is left."""
        settings, scores = self._settings, batch.scores
        values, ids = scores.topk(count, -1)
        values = values / settings.temperature
        kept = torch.isfinite(values)
        something_left(kept[:, 0], self.names)
        cut = torch.zeros_like(ids)
        sure = torch.ones(len(scores), dtype=torch.bool, device=scores.device)

        def drop(name: str, gone: Tensor) -> None:
            cut.masked_fill_(kept & gone, 1 + self.names.index(name))
            kept.logical_and_(~gone)

        if settings.top_k:
            drop("top_k", values < values[:, settings.top_k - 1 : settings.top_k])
            total = torch.logsumexp(values.masked_fill(~kept, -torch.inf), -1, keepdim=True)
        else:
            total = log_total(scores, self._memory.like(scores), settings.temperature)
        if settings.top_p < 1:
            probs = (values - total).exp().masked_fill(~kept, 0)
            before = probs.cumsum(-1) - probs  # of the likelier ones; the token that crosses top_p stays
            gone = before >= settings.top_p
            gone[:, 0] = False
            sure &= ~((before - settings.top_p).abs() < NEAR).any(-1)
            # equal scores at the edge: which of them stays is a matter of transformers' own sort
            edge = gone[:, 1:] & ~gone[:, :-1] & (values[:, 1:] == values[:, :-1]) & kept[:, 1:]
            sure &= ~edge.any(-1)
            drop("top_p", gone)
        if settings.min_p:
            distance = values - values[:, :1] - math.log(settings.min_p)
            sure &= ~(distance.abs() < NEAR).any(-1)
            drop("min_p", distance < 0)
        log_q = torch.log_softmax(values.masked_fill(~kept, -torch.inf), -1)
        others, found = ids[:, :ALTERNATIVES], sure
        places = torch.arange(others.shape[-1], device=ids.device).expand_as(others)
        if batch.others is not None:
            others, there = batch.others, ids[:, None, :] == batch.others[:, :, None]
            places, found = there.int().argmax(-1), there.any(-1).all(-1)
        cut = cut.gather(-1, places)
        cut = cut if batch.cut is None else torch.where(batch.cut > 0, batch.cut, cut)
        return _Candidates(ids, log_q, others, places, cut), sure & found & ~kept[:, -1]

    def _whole(self, batch: _Batch) -> _Candidates:
        """The same by transformers' own warpers, over the whole vocabulary."""
        others, penalised = batch.likeliest()
        before = [name for name, _ in self._penalties]
        scores, warped = run(self._warpers, batch.ids, batch.scores, others, before=before)
        log_q = torch.log_softmax(scores, -1)
        something_left(~log_q[:, 0].isnan(), self.names)
        behind = torch.where(warped > 0, warped + len(self._penalties), 0)
        every = torch.arange(scores.shape[-1], device=scores.device).expand_as(scores)
        return _Candidates(every, log_q, others, others, torch.where(penalised > 0, penalised, behind))


def single_row(settings: DecodeSettings, origin: Origin | None) -> Sampler:
    """A chooser for one row, whose distribution is read and from which nothing is drawn."""
    return Sampler(settings, row_keys(0, 0, 1), origin=origin)


def rows_at_once(vocab: int) -> int:
    """For so many rows a token is drawn together."""
    return max(1, AT_ONCE // vocab)


def _alternatives(logits: Tensor) -> Tensor:
    return logits.topk(min(ALTERNATIVES, logits.shape[-1]), -1).indices


_Some = TypeVar("_Some", "_Candidates", "_Batch", SampledTokens)


def _rows(of: _Some, rows: Tensor) -> _Some:
    values = {field.name: getattr(of, field.name) for field in fields(of)}
    some: Any = {name: value if value is None else value[rows] for name, value in values.items()}
    return type(of)(**some)


def _joined(drawn: Sequence[SampledTokens]) -> SampledTokens:
    """Rows below each other."""
    return SampledTokens(*(torch.cat([getattr(part, field.name) for part in drawn]) for field in fields(SampledTokens)))


def log_total(logits: Tensor, room: Tensor, temperature: float = 1.0) -> Tensor:
    """(R, 1) ln Σ e^(x / temperature) of (R, vocab) `logits` [nats]; `room`: memory of their shape to work in."""
    most = logits.amax(-1, keepdim=True)
    torch.sub(logits, most, out=room)
    if temperature != 1:
        room.div_(temperature)
    return room.exp_().sum(-1, keepdim=True).log_().add_(most / temperature)


def _token_facts(
    logits: Tensor,
    room: Tensor,
    ids: Tensor,
    log_q: Tensor,
    margins: Tensor,
    *,
    others: Tensor,
    others_q: Tensor,
    cut: Tensor,
) -> SampledTokens:
    """What is told of tokens `ids`, (R, 1); `room` as of `log_total`."""
    raw, total = logits.gather(-1, ids), log_total(logits, room)
    likelier = torch.gt(logits, raw, out=room).sum(-1)
    return SampledTokens(
        ids=ids[:, 0],
        log_p=(raw - total)[:, 0],
        log_q=log_q,
        ranks=1 + likelier.long(),
        margins=margins,
        alternatives=others,
        alternative_log_p=logits.gather(-1, others) - total,
        alternative_log_q=others_q,
        alternative_cut_by=cut,
    )


def token_facts(logits: Tensor, ids: Tensor) -> SampledTokens:
    """What is told of tokens `ids`, (n,), that were not drawn one by one: nothing of q.

    Args:
        logits: (n, vocab) raw, float32, before each of them.
        ids: (n,)
    """
    others = _alternatives(logits)
    unknown = torch.full((len(ids),), math.nan, device=logits.device)
    nothing = torch.zeros_like(others)
    others_q = nothing + unknown[:, None]
    return _token_facts(
        logits, torch.empty_like(logits), ids[:, None], unknown, unknown, others=others, others_q=others_q, cut=nothing
    )
