"""Logit lens and direct logit attribution: the model's own tail on the residual stream between its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from dashboard.engine.api.model import Attribution, AttributionRequest, Job, Lens, LensRequest
from dashboard.engine.capture.residual_stream import Addition, Linear, Stream, Tail, fixed_chain
from dashboard.engine.prediction.candidates import Head, moments
from dashboard.errors import Cancelled, StreamRefused

TOP = 5
"""Likeliest tokens that a cell keeps."""
BLOCK = 256
"""Cells whose logits are made at once."""
SLICE = 16
"""Cells whose statistics are made at once: what they need stays in the processor's cache."""
CHUNK = 128
"""Neighbouring tokens of the vocabulary whose largest logit is looked at first."""


def steps(layers: int, *, half: bool) -> tuple[tuple[int, str], ...]:
    """Where the stream is read, first to last: (layer, ``embedding`` | ``attention`` | ``output``)."""
    inside = [(i, part) for i in range(layers) for part in (("attention", "output") if half else ("output",))]
    return ((-1, "embedding"), *inside)


def residuals(
    request: LensRequest, stream: Sequence[Tensor], values: Sequence[Tensor], additions: Sequence[Addition]
) -> list[Tensor]:
    """(P, d) of every step at the request's positions.

    Args:
        request: positions and whether half steps are wanted.
        stream: (T, d) before the first block and after each.
        values: (T, width) heads' values of each layer; only for half steps.
        additions: what makes attention's part of them.
    """
    at = torch.tensor(request.positions, device=stream[0].device)
    found = [stream[0][at]]
    for i, after in enumerate(stream[1:]):
        if request.half_steps:
            found.append(stream[i][at] + additions[i].attention(values[i][at]))
        found.append(after[at])
    return found


@dataclass(frozen=True)
class _Cells:
    """What is kept of each (step, pos)."""

    ids: np.ndarray
    probs: np.ndarray
    entropy: np.ndarray
    kl: np.ndarray
    pin_probs: np.ndarray
    pin_log_probs: np.ndarray
    pin_ranks: np.ndarray

    @classmethod
    def empty(cls, shape: tuple[int, int], pins: int) -> _Cells:
        """Of (step, pos) cells."""
        tops, followed = (*shape, TOP), (pins, *shape)
        sizes = (tops, shape, shape, followed, followed)
        probs, entropy, kl, pin_probs, pin_log_probs = (np.zeros(size, np.float32) for size in sizes)
        ids, ranks = np.zeros(tops, np.int64), np.zeros(followed, np.int64)
        return cls(ids, probs, entropy, kl, pin_probs, pin_log_probs, ranks)

    def fill(
        self,
        place: tuple[slice, slice],
        scores: Tensor,
        final: FinalDistribution,
        pins: Sequence[int],
        room: Tensor | None = None,
    ) -> None:
        """Write the cells at `place` from their (cell, vocab) logits; `room` as of `moments`."""
        shape = self.entropy[place].shape
        found = moments(scores, room)
        best = largest(scores, TOP)
        top = (found.shifted.gather(-1, best) - found.log_total[:, None]).exp()
        # KL(p_final || p) = Σ p_f ln p_f - Σ p_f ln p
        products = torch.mul(final.p, found.shifted, out=None if room is None else room[1, : len(scores)])
        kl = found.log_total - products.sum(-1) - final.entropy
        self.ids[place][..., : best.shape[-1]] = best.cpu().numpy().reshape(*shape, -1)
        self.probs[place][..., : best.shape[-1]] = top.cpu().numpy().reshape(*shape, -1)
        self.entropy[place] = found.entropy.cpu().numpy().reshape(shape)
        self.kl[place] = kl.clamp_min(0).cpu().numpy().reshape(shape)
        for i, pin in enumerate(pins):
            log_p = found.shifted[:, pin] - found.log_total
            self.pin_probs[i][place] = log_p.exp().cpu().numpy().reshape(shape)
            self.pin_log_probs[i][place] = log_p.cpu().numpy().reshape(shape)
            self.pin_ranks[i][place] = 1 + (scores > scores[:, pin : pin + 1]).sum(-1).cpu().numpy().reshape(shape)


@dataclass(frozen=True)
class FinalDistribution:
    """The distribution that all steps are compared with."""

    p: Tensor
    """(P, vocab)"""
    entropy: Tensor
    """(P,) [nats]"""

    @classmethod
    def of(cls, scores: Tensor, room: Tensor) -> FinalDistribution:
        """From (P, vocab) logits; `room` as of `moments`, for SLICE rows."""
        p, entropy = torch.empty_like(scores), torch.empty_like(scores[:, 0])
        for start in range(0, len(scores), SLICE):
            part = slice(start, start + SLICE)
            found = moments(scores[part], room)
            torch.exp(found.shifted - found.log_total[:, None], out=p[part])
            entropy[part] = found.entropy
        return cls(p, entropy)

    def part(self, start: int, stop: int) -> FinalDistribution:
        """Positions [start, stop)."""
        return FinalDistribution(self.p[start:stop], self.entropy[start:stop])


def lens(request: LensRequest, rows: Sequence[Tensor], tail: Tail, logits: Tensor, job: Job) -> Lens:
    """What the model would say next if it ended at each step.

    Args:
        request: positions (ascending), half steps, pinned tokens.
        rows: (P, d) of every step, in order; the last is the model's own end.
        tail: from a residual to logits.
        logits: (vocab,) the model's own at the last of the positions, which the last step must equal.
        job: cancel and progress, told at every block of cells.

    Raises:
        Cancelled: ``job.cancel`` was set.
    """
    count = len(request.positions)
    cells = _Cells.empty((len(rows), count), len(request.pins))
    room = logits.new_empty((2, SLICE, len(logits)))
    error, done = 0.0, 0
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        width = stop - start
        together = max(1, BLOCK // width)
        final = None
        # backwards: the distribution that all are compared with is the last step's
        for end in range(len(rows), 0, -together):
            if job.cancel.is_set():
                raise Cancelled
            first = max(0, end - together)
            scores = tail.logits(torch.cat([row[start:stop] for row in rows[first:end]]))
            if final is None:
                final = FinalDistribution.of(scores[-width:], room)
                error = float((scores[-1] - logits).abs().max())
            if width == 1:
                cells.fill((slice(first, end), slice(start, stop)), scores, final, request.pins)
            else:
                for row in range(first, end):
                    for at in range(0, width, SLICE):
                        till = min(at + SLICE, width)
                        part = scores[(row - first) * width :][at:till]
                        place = (slice(row, row + 1), slice(start + at, start + till))
                        cells.fill(place, part, final.part(at, till), request.pins, room)
            del scores  # before the next are made: they are the largest thing here
            done += (end - first) * width
            job.progress(done / (count * len(rows)))
    where = steps_of(request, len(rows))
    whole = [i for i, (_, name) in enumerate(where) if name != "attention"]
    return Lens(
        steps=where,
        positions=request.positions,
        top_ids=_frozen(cells.ids),
        top_probs=_frozen(cells.probs),
        entropy_nats=_frozen(cells.entropy),
        kl_nats=_frozen(cells.kl),
        pin_probs=_frozen(cells.pin_probs),
        pin_log_probs=_frozen(cells.pin_log_probs),
        pin_ranks=_frozen(cells.pin_ranks),
        settled=_frozen(np.array(whole)[settled(cells.ids[whole, :, 0])]),
        error=error,
    )


def steps_of(request: LensRequest, rows: int) -> tuple[tuple[int, str], ...]:
    """`steps` of so many rows."""
    return steps((rows - 1) // 2 if request.half_steps else rows - 1, half=request.half_steps)


def settled(top: np.ndarray) -> np.ndarray:
    """(pos,) first row of (row, pos) top tokens from which on the last row's stays on top."""
    differs = top != top[-1]
    return np.where(differs.any(0), len(top) - np.argmax(differs[::-1], 0), 0)


def largest(scores: Tensor, k: int) -> Tensor:
    """(P, k) columns of the k largest of each row, largest first.

    Exactly those of ``topk``, found faster: they lie in the k chunks with the largest maxima.
    """
    rows, vocab = scores.shape
    whole = vocab // CHUNK * CHUNK
    if whole < CHUNK * 4 * k:
        return scores.topk(min(k, vocab), -1).indices
    chunks = scores[:, :whole].view(rows, -1, CHUNK)
    best = chunks.amax(-1).topk(k, -1).indices
    near = (best[:, :, None] * CHUNK + torch.arange(CHUNK, device=scores.device)).flatten(1)
    rest = torch.arange(whole, vocab, device=scores.device).expand(rows, -1)
    near = torch.cat([near, rest], -1)
    return near.gather(-1, scores.gather(-1, near).topk(k, -1).indices)


# -- what moved the logit -----------------------------------------------------------------------------------------
def attribution(
    request: AttributionRequest,
    stream: Stream,
    residual: Sequence[Tensor],
    values: Sequence[Tensor],
    heads: Sequence[int],
) -> Attribution:
    """The logit of one token as a sum over what embedding, attention and MLP of every layer put into the stream.

    The final norm's scale is held at what it is for this position, which makes all that follows linear; a final
    soft-cap is left out.

    Args:
        request: position and token.
        stream: the model's way from residual to logits.
        residual: (T, d) before the first block and after each.
        values: (T, width) heads' values of each layer.
        heads: (layer,) query heads of each layer; 0 where it has none.
    """
    tail, head = stream.tail, stream.uncapped
    assert tail is not None and head is not None
    with torch.inference_mode():
        at = [layer[request.pos] for layer in residual]
        to_normed, base = _linear(tail.modules, at[-1], stream.loose)
        normed = tail.normed(at[-1][None])[0]
    direction, bias, logit = _direction(head, normed, request.token)
    with torch.inference_mode():

        def moved(parts: Tensor) -> Tensor:
            """(...) what (..., d) parts of the residual add to the logit."""
            return (to_normed(parts.flatten(0, -2)).cpu().double() @ direction).view(parts.shape[:-1])

        own = [layer[request.pos] for layer in values]
        attention = torch.stack([a.attention(v[None])[0] for a, v in zip(stream.additions, own, strict=True)])
        mlp = torch.stack([after - before for before, after in pairwise(at)]) - attention
        split = [_by_head(*one, stream.loose) for one in zip(stream.additions, own, heads, strict=True)]
        rest = moved(torch.stack([beside for _, beside in split])).cpu().numpy()
        by_head = np.full((len(split), max(heads)), np.nan)
        for row, (parts, _) in zip(by_head, split, strict=True):
            row[: len(parts)] = moved(parts).cpu().numpy()
        embedding = float(moved(at[0][None]))
        constant = float(base.cpu().double() @ direction) + bias
        by_attention, by_mlp = (moved(parts).cpu().numpy() for parts in (attention, mlp))
    return Attribution(
        pos=request.pos,
        token=request.token,
        logit=logit,
        embedding=embedding,
        attention=_frozen(by_attention.astype(np.float32)),
        mlp=_frozen(by_mlp.astype(np.float32)),
        constant=constant,
        heads=_frozen(by_head.astype(np.float32)),
        heads_rest=_frozen(rest.astype(np.float32)),
        error=float(embedding + by_attention.sum() + by_mlp.sum() + constant - logit),
    )


def _direction(head: Head, normed: Tensor, token: int) -> tuple[Tensor, float, float]:
    """What the affine head multiplies (d,) `normed` by for one token (float64), what it adds, and its logit."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        given = normed.clone().requires_grad_()
        logit = head.logits(given[None])[0, token]
        (direction,) = torch.autograd.grad(logit, given)
    value = float(logit.detach())
    direction = direction.cpu().double()  # not every device has float64
    return direction, value - float(direction @ normed.cpu().double()), value


def _linear(modules: Sequence[nn.Module], at: Tensor, loose: float) -> tuple[Linear, Tensor]:
    found = fixed_chain(modules, at, loose)
    if found is None:
        raise StreamRefused(reason="not_linear")
    return found


def _by_head(addition: Addition, values: Tensor, heads: int, loose: float) -> tuple[Tensor, Tensor]:
    """(head, d) what each head adds, and (d,) what attention adds beside them (its output's bias)."""
    if not heads or values.shape[-1] % heads:  # a layer without heads: all that it adds stays one part
        return values.new_empty(0, len(addition.attention(values[None])[0])), addition.attention(values[None])[0]
    zero = addition.project(torch.zeros_like(values)[None])
    apart = torch.block_diag(*values.view(heads, 1, -1)).to(values.dtype)
    split = addition.project(apart) - zero
    linear, constant = _linear(addition.then, addition.project(values[None])[0], loose)
    return linear(split) * addition.scale, (linear(zero)[0] + constant) * addition.scale


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
