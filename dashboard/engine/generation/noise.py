"""Common random numbers: Gumbel noise that depends on (seed, row, step, token) alone, computed by counter."""

from __future__ import annotations

import torch
from torch import Tensor

# SplitMix64 (Steele, Lea and Flood 2014), in signed 64 bit
_GOLDEN, _MIX1, _MIX2 = (c - (1 << 64) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def row_keys(seed: int, first: int, rows: int) -> Tensor:
    """(R,) where the noise of rows [first, first + rows) begins to count.

    Args:
        seed: [0, 2^64).
        first: number of the first row.
        rows: how many.
    """
    signed = seed - (1 << 64) if seed >= 1 << 63 else seed
    return _mixed(_mixed(torch.tensor(signed)) + torch.arange(first + 1, first + rows + 1) * _GOLDEN)


def gumbel(keys: Tensor, step: int, ids: Tensor, buffer: Tensor | None = None) -> Tensor:
    """(R, K) standard Gumbel noise, float64.

    Args:
        keys: (R,) of `row_keys`.
        step: which token of the text is drawn.
        ids: (K,) or (R, K) tokens.
        buffer: (2, R, K) int64, overwritten; the noise lies in it until the next call.
    """
    start = _mixed(keys + torch.tensor(step) * _GOLDEN)[:, None]  # a product of tensors wraps around
    x, scratch = torch.empty((2, len(keys), ids.shape[-1]), dtype=torch.int64) if buffer is None else buffer
    expanded = ids.dim() == 2 and ids.stride(0) == 0  # the same row again and again
    torch.add(start, (ids[:1] if expanded else ids) * _MIX2, out=x)
    bits = _shifted(_mixed(x, scratch), 11, scratch)
    uniform = x.view(torch.float64).copy_(bits).add_(0.5).mul_(2.0**-53)
    return uniform.log_().neg_().log_().neg_()


def _mixed(x: Tensor, scratch: Tensor | None = None) -> Tensor:
    """SplitMix64's finalizer, in place; `scratch` is overwritten."""
    scratch = torch.empty_like(x) if scratch is None else scratch
    x.bitwise_xor_(_shifted(x, 30, scratch)).mul_(_MIX1)
    x.bitwise_xor_(_shifted(x, 27, scratch)).mul_(_MIX2)
    return x.bitwise_xor_(_shifted(x, 31, scratch))


def _shifted(x: Tensor, bits: int, out: Tensor) -> Tensor:
    """Logical shift to the right."""
    return torch.bitwise_right_shift(x, bits, out=out).bitwise_and_((1 << (64 - bits)) - 1)
