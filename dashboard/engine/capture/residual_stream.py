"""The residual stream of a family: where it is read, what attention writes to it, and how logits follow from it.

Nothing is guessed from names: the model runs once on a few tokens with hooks on every module, and the recorded tensors
show how they are connected. What does not reproduce the model's own numbers is refused with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine.api.model import ResidualStreamMap
from dashboard.engine.capture.head import Head, equal_logits
from dashboard.engine.capture.watched_calls import Call, WatchedPass, watch
from dashboard.engine.models.anatomy import FAMILY_ERRORS, config_values
from dashboard.engine.models.precision import tolerance_of


# -- what attention writes ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class AttentionWrite:
    """How one block's heads reach the residual stream."""

    output_projection: nn.Module
    """Takes the heads' values, side by side."""
    after_projection: tuple[nn.Module, ...]
    """Modules that its output passes before it is added (a norm, in some families)."""
    scale: float
    """The output is multiplied by this."""
    sequential: bool
    """Whether the MLP reads the sum: there is a residual between attention and MLP."""

    def attention(self, values: Tensor) -> Tensor:
        """(P, d) what attention adds, of (P, width) heads' values side by side."""
        added: Tensor = self.output_projection(values)
        for module in self.after_projection:
            added = module(added)
        return added * self.scale


def find_attention_write(calls: Sequence[Call], before: Tensor, after: Tensor) -> AttentionWrite | None:
    """The projection whose output, together with that of one other module, is all that a block adds; or ``None``."""
    tolerance = tolerance_of(after.dtype)
    x, added = before.float(), (after - before).float()
    for index, call in enumerate(calls):
        weight = getattr(call.module, "weight", None)
        if not (call.leaf and weight is not None and weight.ndim == 2 and call.output_copy.shape == after.shape):
            continue
        chain, y = _chain_behind(call, calls[index + 1 :])
        for other in calls if y.shape == after.shape else ():
            if other.output_copy.shape != after.shape or other is call:
                continue
            scales = _fit(added, y.float(), other.output_copy.float(), tolerance)
            if scales is not None:
                middle = x + scales[0] * y.float()
                allowed = tolerance * float((scales[0] * y).norm()) + 1e-6 * float(x.norm())
                inputs = [c.input.float() for c in calls if c.input.shape == after.shape]
                # families that add in place overwrite some inputs, but never that of the MLP's norm
                sequential = any(float((tensor - middle).norm()) <= allowed for tensor in inputs)
                return AttentionWrite(call.module, chain, scales[0], sequential)
    return None


def _chain_behind(call: Call, later: Sequence[Call]) -> tuple[tuple[nn.Module, ...], Tensor]:
    """The modules that the output of `call` passes unchanged, in order, and the output of the last."""
    chain, output, y = [], call.output, call.output_copy
    for next_call in later:
        same = next_call.input.data_ptr() == output.data_ptr() and next_call.input.shape == output.shape
        if same and next_call.leaf and not isinstance(next_call.module, nn.Dropout):
            chain.append(next_call.module)
            output, y = next_call.output, next_call.output_copy
    return tuple(chain), y


def _fit(added: Tensor, y: Tensor, other: Tensor, tolerance: float) -> tuple[float, float] | None:
    """``a, b`` with ``added = a y + b other``, by least squares; ``None`` unless that is exact and neither is 0."""
    columns = torch.stack([y.flatten(), other.flatten()], -1).cpu().double()
    target = added.flatten().cpu().double()
    gram = columns.T @ columns
    if float(torch.linalg.det(gram)) <= 1e-12 * float(gram[0, 0] * gram[1, 1]):
        return None
    # families scale by round numbers (1, 0.22); float noise would show in every figure
    a, b = (round(float(value), 6) for value in torch.linalg.solve(gram, columns.T @ target))
    error = float((target - columns @ torch.tensor([a, b], dtype=torch.double)).norm())
    return (a, b) if a and b and error <= tolerance * float(target.norm()) else None


# -- from the residual to logits ----------------------------------------------------------------------------------
class FinalModules:
    """What a model does after its last block, applied to any residual: its final modules, then its head."""

    def __init__(self, modules: Sequence[nn.Module], head: Head) -> None:
        """Store the base model's modules after the blocks, and its head."""
        self.modules, self.head = tuple(modules), head

    def normed(self, residual: Tensor) -> Tensor:
        """(P, d') input of the head, of (P, d) residuals."""
        for module in self.modules:
            residual = module(residual)
        return residual

    def logits(self, residual: Tensor) -> Tensor:
        """(P, vocab) float32 logits of (P, d) residuals."""
        return self.head.logits(self.normed(residual))


Linear = Callable[[Tensor], Tensor]


def linearized(module: Callable[[Tensor], Tensor], at: Tensor, tolerance: float) -> tuple[Linear, Tensor] | None:
    """`module` as a linear map plus a constant, with its divisor held at its value for `at`.

    An affine module is that already. A norm is recognised as ``s · gain · (x - c · mean x) + bias`` (c = 1: LayerNorm,
    0: RMSNorm) by its outputs for 0 and for alternating signs.

    Args:
        module: takes (P, d).
        at: (d,)
        tolerance: relative error allowed.

    Returns:
        The linear part for (P, d) and the constant (d',); ``None`` when the module is neither.
    """
    at = at[None]
    constant = module(torch.zeros_like(at))
    value, doubled = module(at) - constant, module(2 * at) - constant
    if float((doubled - 2 * value).norm()) <= tolerance * float(value.norm()):
        return (lambda x: module(x) - constant), constant[0]
    if value.shape != at.shape:
        return None
    signs = 1.0 - 2.0 * (torch.arange(at.shape[-1], device=at.device) % 2).to(at.dtype)[None]
    gain = (module(signs) - constant) * signs
    for centred in (0, 1):
        unscaled = gain * (at - centred * at.mean(-1, keepdim=True))
        scale = float((unscaled * value).sum() / (unscaled * unscaled).sum())
        if float((value - scale * unscaled).norm()) <= tolerance * float(value.norm()):
            return partial(_scaled, scale * gain, centred), constant[0]
    return None


def _scaled(weight: Tensor, centred: int, x: Tensor) -> Tensor:
    return weight * (x - centred * x.mean(-1, keepdim=True))


def linearized_chain(
    modules: Sequence[Callable[[Tensor], Tensor]], at: Tensor, tolerance: float
) -> tuple[Linear, Tensor] | None:
    """`linearized` of several modules, one after the other."""
    linears: list[Linear] = []
    constant = torch.zeros_like(at)
    for module in modules:
        affine = linearized(module, at, tolerance)
        if affine is None:
            return None
        linear, offset = affine
        constant = linear(constant[None])[0] + offset
        at = module(at[None])[0]
        linears.append(linear)

    def composed(x: Tensor) -> Tensor:
        for linear in linears:
            x = linear(x)
        return x

    return composed, constant


# -- setting a model up -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ResidualStream:
    """A model's residual stream as the lens and attribution use it."""

    final_modules: FinalModules | None
    """``None``: they do not give the model's own logits."""
    uncapped_head: Head | None
    """The head as an affine map: without the final soft-cap, where there is one."""
    attention_writes: tuple[AttentionWrite, ...]
    """One a block; empty unless all were recognised."""
    module_map: ResidualStreamMap
    """The same as names of modules, and why anything is refused."""
    tolerance: float
    """Relative error allowed, by the model's dtype."""


def find_residual_stream(
    model: Any, blocks: Sequence[nn.Module], ids: Sequence[int], head: Head | None
) -> ResidualStream:
    """Run `model` with hooks and work out its residual stream; before it is shared."""
    seen = watch(model, blocks, ids)
    tolerance = tolerance_of(model.dtype)
    names = {id(module): name for name, module in model.named_modules()}
    with torch.inference_mode():
        tail = _exact_final_modules(seen, blocks, head)
        facts = zip(seen.inside, seen.before, seen.after, strict=True) if tail else ()
        each = [find_attention_write(*block) for block in facts]
        writes = tuple(write for write in each if write is not None) if None not in each else ()
        uncapped = _affine_head(model, tail, seen.after[-1][-1], tolerance) if tail and writes else None
    why_no_lens = "" if tail else "tail"
    why_no_writes = why_no_lens or ("" if writes else "not_added")
    module_map = ResidualStreamMap(
        blocks=names[id(blocks[0])].rpartition(".")[0] if blocks else "",
        final_modules=tuple(names[id(module)] for module in seen.tail) if tail else (),
        output_projection=tuple(
            _below(names, block, write.output_projection) for block, write in zip(blocks, writes, strict=False)
        ),
        after_projection=tuple(
            tuple(_below(names, block, module) for module in write.after_projection)
            for block, write in zip(blocks, writes, strict=False)
        ),
        scale=tuple(write.scale for write in writes),
        softcap=next(iter(config_values(model.config.get_text_config(), "final_logit_softcapping")), None),
        why_no_lens=why_no_lens,
        why_no_half_steps=why_no_writes or ("" if all(write.sequential for write in writes) else "parallel"),
        why_no_attribution=why_no_writes or ("" if uncapped else "not_linear"),
    )
    return ResidualStream(tail, uncapped, writes, module_map, tolerance)


def _exact_final_modules(seen: WatchedPass, blocks: Sequence[nn.Module], head: Head | None) -> FinalModules | None:
    """The modules after the last block, if they give the model's own logits of that block's residual alone."""
    if head is None or not len(seen.after) == len(blocks) > 0:
        return None
    tail = FinalModules(seen.tail, head)
    try:
        return tail if equal_logits(tail.logits(seen.after[-1]), seen.logits) else None
    except FAMILY_ERRORS:
        return None


def _below(names: dict[int, str], block: nn.Module, module: nn.Module) -> str:
    return names[id(module)].removeprefix(names[id(block)] + ".")


def _affine_head(model: Any, tail: FinalModules, residual: Tensor, tolerance: float) -> Head | None:
    """The head without its soft-cap, if it is affine then and the final norm can be linearized; else ``None``."""
    if linearized_chain(tail.modules, residual, tolerance) is None:
        return None
    head = Head(model, softcap=False)
    at = tail.normed(residual[None])
    constant, once, twice = (head.logits(x) for x in (torch.zeros_like(at), at, 2 * at))
    error = float((twice - constant - 2 * (once - constant)).abs().max())
    return head if error <= tolerance * max(1.0, float(once.abs().max())) else None
