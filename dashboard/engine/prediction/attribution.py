"""Direct logit attribution: what each part of the model adds to one logit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.lens import Attribution, AttributionRequest
from dashboard.engine.capture.head import Head
from dashboard.engine.capture.residual_stream import AttentionWrite, Linear, ResidualStream, linearized_chain
from dashboard.errors import StreamRefused


def attribution(
    request: AttributionRequest,
    stream: ResidualStream,
    residual: Sequence[Tensor],
    values: Sequence[Tensor],
    heads: Sequence[int],
) -> Attribution:
    """The logit of one token as a sum over the residual writes of embedding, and attention and MLP of every layer.

    The final norm's scale is held at its value for this position, which makes everything after the last block linear; a
    final soft-cap is left out.

    Args:
        request: position and token.
        stream: the model's residual stream and head.
        residual: (T, d) before the first block and after each.
        values: (T, width) heads' values of each layer.
        heads: (layer,) query heads of each layer; 0 where it has none.
    """
    tail, head = stream.final_modules, stream.uncapped_head
    assert tail is not None and head is not None
    with torch.inference_mode():
        at = [layer[request.pos] for layer in residual]
        to_normed, base = _linear(tail.modules, at[-1], stream.tolerance)
        normed = tail.normed(at[-1][None])[0]
    direction, bias, logit = _direction(head, normed, request.token)
    with torch.inference_mode():

        def contribution(parts: Tensor) -> Tensor:
            """(...) what (..., d) parts of the residual add to the logit."""
            return (to_normed(parts.flatten(0, -2)).cpu().double() @ direction).view(parts.shape[:-1])

        head_values = [layer[request.pos] for layer in values]
        writes = list(zip(stream.attention_writes, head_values, strict=True))
        attention = torch.stack([write.attention(layer[None])[0] for write, layer in writes])
        mlp = torch.stack([after - before for before, after in pairwise(at)]) - attention
        split = [_by_head(*write, count, stream.tolerance) for write, count in zip(writes, heads, strict=True)]
        rest = contribution(torch.stack([beside for _, beside in split])).cpu().numpy()
        by_head = np.full((len(split), max(heads)), np.nan)
        for row, (parts, _) in zip(by_head, split, strict=True):
            row[: len(parts)] = contribution(parts).cpu().numpy()
        embedding = float(contribution(at[0][None]))
        constant = float(base.cpu().double() @ direction) + bias
        by_attention, by_mlp = (contribution(parts).cpu().numpy() for parts in (attention, mlp))
    return Attribution(
        pos=request.pos,
        token=request.token,
        logit=logit,
        embedding=embedding,
        attention=read_only(by_attention.astype(np.float32)),
        mlp=read_only(by_mlp.astype(np.float32)),
        constant=constant,
        heads=read_only(by_head.astype(np.float32)),
        heads_rest=read_only(rest.astype(np.float32)),
        error=float(embedding + by_attention.sum() + by_mlp.sum() + constant - logit),
    )


def _direction(head: Head, normed: Tensor, token: int) -> tuple[Tensor, float, float]:
    """Gradient (float64) and offset of one token's logit in the affine head, and the logit at (d,) `normed`."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        given = normed.clone().requires_grad_()
        logit = head.logits(given[None])[0, token]
        (direction,) = torch.autograd.grad(logit, given)
    value = float(logit.detach())
    direction = direction.cpu().double()  # not every device has float64
    return direction, value - float(direction @ normed.cpu().double()), value


def _linear(modules: Sequence[nn.Module], at: Tensor, tolerance: float) -> tuple[Linear, Tensor]:
    affine = linearized_chain(modules, at, tolerance)
    if affine is None:
        raise StreamRefused(reason="not_linear")
    return affine


def _by_head(write: AttentionWrite, values: Tensor, heads: int, tolerance: float) -> tuple[Tensor, Tensor]:
    """(head, d) what each head adds, and (d,) what attention adds beside them (its output's bias)."""
    if not heads or values.shape[-1] % heads:  # a layer without heads: its write stays one part
        return values.new_empty(0, len(write.attention(values[None])[0])), write.attention(values[None])[0]
    zero = write.output_projection(torch.zeros_like(values)[None])
    by_head = torch.block_diag(*values.view(heads, 1, -1)).to(values.dtype)
    split = write.output_projection(by_head) - zero
    linear, constant = _linear(write.after_projection, write.output_projection(values[None])[0], tolerance)
    return linear(split) * write.scale, (linear(zero)[0] + constant) * write.scale
