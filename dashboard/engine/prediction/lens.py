"""Logit lens: the model's final modules and head applied to the residual stream between its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.lens import Lens, LensRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.residual_stream import AttentionWrite, FinalModules
from dashboard.engine.prediction.candidates import logit_sums
from dashboard.errors import Cancelled

TOP = 5
"""Likeliest tokens of a cell."""

BLOCK = 256
"""Most cells whose logits are in memory at once."""

SLICE = 16
"""Most cells whose statistics a processor computes at once: their logits stay in its cache. A GPU takes a block."""

CHUNK = 128
"""Neighbouring tokens of the vocabulary that share a maximum in `largest`."""


def steps(layers: int, *, half: bool) -> tuple[tuple[int, str], ...]:
    """Where the residual stream is read, first to last: (layer, ``embedding`` | ``attention`` | ``output``)."""
    inside = [(i, part) for i in range(layers) for part in (("attention", "output") if half else ("output",))]
    return ((-1, "embedding"), *inside)


def residuals(
    request: LensRequest, stream: Sequence[Tensor], values: Sequence[Tensor], writes: Sequence[AttentionWrite]
) -> list[Tensor]:
    """(P, d) residuals of every step at the request's positions.

    Args:
        request: positions, and whether half steps are included.
        stream: (T, d) before the first block and after each.
        values: (T, width) heads' values of each layer; only for half steps.
        writes: attention's write to the stream, one a layer; only for half steps.
    """
    pos = torch.tensor(request.positions, device=stream[0].device)
    rows = [stream[0][pos]]
    for i, after in enumerate(stream[1:]):
        if request.half_steps:
            rows.append(stream[i][pos] + writes[i].attention(values[i][pos]))
        rows.append(after[pos])
    return rows


@dataclass(frozen=True)
class _Cells:
    """Statistics of each (step, pos)."""

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
        cells: tuple[slice, slice],
        scores: Tensor,
        final: FinalDistribution,
        pins: Sequence[int],
        buffer: Tensor | None = None,
    ) -> None:
        """Fill `cells` from their (cell, vocab) logits; `buffer` as of `logit_sums`."""
        shape = self.entropy[cells].shape
        sums = logit_sums(scores, buffer)
        best = largest(scores, TOP)
        top = (sums.shifted.gather(-1, best) - sums.log_total[:, None]).exp()
        # KL(p_final || p) = Σ p_f ln p_f - Σ p_f ln p
        products = torch.mul(final.p, sums.shifted, out=None if buffer is None else buffer[1, : len(scores)])
        kl = sums.log_total - products.sum(-1) - final.entropy
        self.ids[cells][..., : best.shape[-1]] = best.cpu().numpy().reshape(*shape, -1)
        self.probs[cells][..., : best.shape[-1]] = top.cpu().numpy().reshape(*shape, -1)
        self.entropy[cells] = sums.entropy.cpu().numpy().reshape(shape)
        self.kl[cells] = kl.clamp_min(0).cpu().numpy().reshape(shape)
        for i, pin in enumerate(pins):
            log_p = sums.shifted[:, pin] - sums.log_total
            self.pin_probs[i][cells] = log_p.exp().cpu().numpy().reshape(shape)
            self.pin_log_probs[i][cells] = log_p.cpu().numpy().reshape(shape)
            self.pin_ranks[i][cells] = 1 + (scores > scores[:, pin : pin + 1]).sum(-1).cpu().numpy().reshape(shape)


@dataclass(frozen=True)
class FinalDistribution:
    """The distribution that all steps are compared with."""

    p: Tensor
    """(P, vocab)"""
    entropy: Tensor
    """(P,) [nats]"""

    @classmethod
    def of(cls, scores: Tensor, buffer: Tensor) -> FinalDistribution:
        """From (P, vocab) logits; `buffer` as of `logit_sums`, for so many rows at once."""
        p, entropy = torch.empty_like(scores), torch.empty_like(scores[:, 0])
        for start in range(0, len(scores), buffer.shape[1]):
            part = slice(start, start + buffer.shape[1])
            sums = logit_sums(scores[part], buffer)
            torch.exp(sums.shifted - sums.log_total[:, None], out=p[part])
            entropy[part] = sums.entropy
        return cls(p, entropy)

    def part(self, start: int, stop: int) -> FinalDistribution:
        """Positions [start, stop)."""
        return FinalDistribution(self.p[start:stop], self.entropy[start:stop])


def lens(
    request: LensRequest, rows: Sequence[Tensor], tail: FinalModules, logits: Tensor, control: CallControl
) -> Lens:
    """What the model would say next if it ended at each step.

    Args:
        request: positions (ascending), half steps, pinned tokens.
        rows: (P, d) of every step, in order; the last is the model's own end.
        tail: final modules and head, from a residual to logits.
        logits: (vocab,) the model's own at the last of the positions, which the last step must equal.
        control: cancel and progress, at every block of cells.

    Raises:
        Cancelled: ``control.cancel`` was set.
    """
    count = len(request.positions)
    cells = _Cells.empty((len(rows), count), len(request.pins))
    buffer = logits.new_empty((2, at_once := SLICE if logits.device.type == "cpu" else BLOCK, len(logits)))
    error, done = 0.0, 0
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        width = stop - start
        steps_at_once = max(1, BLOCK // width)
        final = None
        # backwards: the distribution that all are compared with is the last step's
        for end in range(len(rows), 0, -steps_at_once):
            if control.cancel.is_set():
                raise Cancelled
            first = max(0, end - steps_at_once)
            scores = tail.logits(torch.cat([row[start:stop] for row in rows[first:end]]))
            if final is None:
                final = FinalDistribution.of(scores[-width:], buffer)
                error = float((scores[-1] - logits).abs().max())
            if width == 1:
                cells.fill((slice(first, end), slice(start, stop)), scores, final, request.pins)
            else:
                for row in range(first, end):
                    for offset in range(0, width, at_once):
                        end_offset = min(offset + at_once, width)
                        part = scores[(row - first) * width :][offset:end_offset]
                        place = (slice(row, row + 1), slice(start + offset, start + end_offset))
                        cells.fill(place, part, final.part(offset, end_offset), request.pins, buffer)
            del scores  # before the next are allocated: they are the largest tensor here
            done += (end - first) * width
            control.progress(done / (count * len(rows)))
    step_names = steps_of(request, len(rows))
    whole = [i for i, (_, name) in enumerate(step_names) if name != "attention"]
    return Lens(
        steps=step_names,
        positions=request.positions,
        top_ids=read_only(cells.ids),
        top_probs=read_only(cells.probs),
        entropy_nats=read_only(cells.entropy),
        kl_nats=read_only(cells.kl),
        pin_probs=read_only(cells.pin_probs),
        pin_log_probs=read_only(cells.pin_log_probs),
        pin_ranks=read_only(cells.pin_ranks),
        settled=read_only(np.array(whole)[settled(cells.ids[whole, :, 0])]),
        error=error,
    )


def steps_of(request: LensRequest, rows: int) -> tuple[tuple[int, str], ...]:
    """`steps` of so many rows."""
    return steps((rows - 1) // 2 if request.half_steps else rows - 1, half=request.half_steps)


def settled(top: np.ndarray) -> np.ndarray:
    """(pos,) first row of (row, pos) top tokens from which on they equal the last row's."""
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
