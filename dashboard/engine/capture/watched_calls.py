"""Watched calls: the input and output tensor of every module during one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine.models.anatomy import base_name, first_tensor, residual, run


@dataclass(frozen=True)
class Call:
    """One call of a module."""

    module: nn.Module
    input: Tensor
    """(T, width) the first tensor among its arguments."""
    output: Tensor
    """(T, width) the first tensor that it returned."""
    output_copy: Tensor
    """A copy of `output`: some families add to it in place afterwards."""

    @property
    def leaf(self) -> bool:
        """Whether the module holds no others."""
        return next(self.module.children(), None) is None


@dataclass(frozen=True)
class WatchedPass:
    """One forward pass with every module watched."""

    before: list[Tensor]
    """(T, d) each block's input; fewer than blocks where the residual is no such tensor."""
    after: list[Tensor]
    """(T, d) each block's output."""
    inside: list[list[Call]]
    """Each block's calls, in the order in which they ended."""
    tail: list[nn.Module]
    """Modules of the base model that ran after the last block."""
    logits: Tensor
    """(T, vocab) the model's own."""


def watch(model: Any, blocks: Sequence[nn.Module], ids: Sequence[int]) -> WatchedPass:
    """Run `model` once; only before it is shared, as the hooks see every thread."""
    base = getattr(model, base_name(model))
    number = {id(block): i for i, block in enumerate(blocks)}
    block_of = {id(part): i for i, block in enumerate(blocks) for part in block.modules() if part is not block}
    seen = WatchedPass([], [], [[] for _ in blocks], [], torch.empty(0))

    def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if id(module) in number:
            ends = residual((*args, *kwargs.values())), residual(output)
            if ends[0] is not None and ends[1] is not None:
                seen.before.append(ends[0].clone())
                seen.after.append(ends[1].clone())
            return
        tensors = first_tensor((*args, *kwargs.values())), first_tensor(output)
        if tensors[0] is None or tensors[1] is None:
            return
        # some families drop the batch axis inside a block
        before, after = (value.flatten(0, -2) if value.ndim > 1 else value for value in tensors if value is not None)
        if id(module) in block_of:
            seen.inside[block_of[id(module)]].append(Call(module, before, after, after.clone()))
        elif len(seen.after) == len(blocks) and next(module.children(), None) is None:
            seen.tail.append(module)

    handles = [module.register_forward_hook(hook, with_kwargs=True) for module in base.modules()]
    try:
        output = run(model, tuple(ids))
    finally:
        for handle in handles:
            handle.remove()
    return WatchedPass(seen.before, seen.after, seen.inside, seen.tail, output.logits[0].float())
