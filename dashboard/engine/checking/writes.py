"""What each layer of a plain model writes to the residual stream, by hooks on its own modules: half steps and parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.lens import Attribution, AttributionRequest, Lens, LensRequest
from dashboard.engine.api.verification import Deviation
from dashboard.engine.capture.residual_stream import linearized_chain
from dashboard.engine.checking.plain_model import PlainModel
from dashboard.engine.models.anatomy import first_tensor


@dataclass
class Writes:
    """Of one pass; copies, since some families add in place."""

    stream: list[Tensor] = field(default_factory=list)
    """(T, d) before the first layer and after each."""
    values: list[Tensor] = field(default_factory=list)
    """(T, width) of each layer: its heads' values side by side, as its output projection takes them."""
    attention: list[Tensor] = field(default_factory=list)
    """(T, d) what attention adds, one a layer."""


def writes(ids: tuple[int, ...], plain: PlainModel) -> Writes | None:
    """Of one pass over `ids`; ``None`` where not every layer shows all of it."""
    where, seen = plain.card.stream, Writes()

    def keep(tensors: list[Tensor], values: Any, scale: float = 1.0) -> None:
        tensor = first_tensor(values)
        if tensor is not None and tensor.numel() % len(ids) == 0:
            tensors.append(tensor.reshape(len(ids), -1).clone() * scale)

    before = {f"{where.blocks}.0": lambda _, args, kwargs: keep(seen.stream, (*args, *kwargs.values()))}
    after: list[tuple[str, Any]] = []
    for layer, (projection, chain, scale) in enumerate(
        zip(where.output_projection, where.after_projection, where.scale, strict=True)
    ):
        block = f"{where.blocks}.{layer}"
        added = f"{block}.{chain[-1] if chain else projection}"
        after += [
            (f"{block}.{projection}", lambda _, args, kwargs, __: keep(seen.values, (*args, *kwargs.values()))),
            (added, lambda _, __, ___, output, scale=scale: keep(seen.attention, output, scale)),
            (block, lambda _, __, ___, output: keep(seen.stream, output)),
        ]
    plain.watched(ids, before, after)
    layers = len(where.output_projection)
    found = (len(seen.stream), len(seen.values), len(seen.attention))
    return seen if layers and found == (layers + 1, layers, layers) else None


def check_half_steps(request: LensRequest, answer: Lens, plain: PlainModel) -> Iterator[Deviation]:
    """P of the tokens shown between attention and MLP: final norm and head on what the layer's own modules gave."""
    tail, seen = plain.ready.stream.final_modules, writes(request.token_ids, plain)
    if tail is None or seen is None:
        return
    at = list(request.positions)
    places = [place for place, (_, part) in enumerate(answer.steps) if part == "attention"]
    own = []
    with torch.inference_mode():
        for before, attention in zip(seen.stream, seen.attention, strict=False):
            own.append(tail.logits((before + attention)[at]).double().cpu().softmax(-1).numpy())
    plain_probs = np.take_along_axis(np.stack(own), answer.top_ids[places], -1)
    yield plain.deviation("half_steps", len(request.token_ids), answer.top_probs[places], plain_probs)


def check_parts(request: AttributionRequest, answer: Attribution, plain: PlainModel) -> Iterator[Deviation]:
    """Embedding, attention, MLP and heads of every layer, each through the final norm at its scale, and the head."""
    stream, seen = plain.ready.stream, writes(request.token_ids[: request.pos + 1], plain)
    head = stream.uncapped_head
    if stream.final_modules is None or head is None or seen is None:
        return
    at = [layer[-1] for layer in seen.stream]
    attention = torch.stack([layer[-1] for layer in seen.attention])
    with torch.inference_mode():
        affine = linearized_chain(stream.final_modules.modules, at[-1], stream.tolerance)
        if affine is None:
            return

        def logits(parts: Tensor) -> np.ndarray:
            """(...) what (..., d) parts of the residual add to the token's logit."""
            normed = affine[0](parts.flatten(0, -2))
            zero = head.logits(torch.zeros_like(normed[:1]))
            added = (head.logits(normed) - zero)[:, request.token]
            return added.double().cpu().numpy().reshape(parts.shape[:-1])

        mlp = torch.stack([after - before for before, after in pairwise(at)]) - attention
        own = [logits(at[0][None]), logits(attention), logits(mlp)]
        ours = [np.array([answer.embedding]), answer.attention, answer.mlp]
        for layer, by_head in enumerate(answer.heads):
            parts = _heads(layer, int(np.isfinite(by_head).sum()), seen.values[layer][-1], plain)
            if parts is not None:
                own.append(logits(parts))
                ours.append(by_head[: len(parts)])
    yield plain.deviation("parts", request.pos + 1, np.concatenate(ours), np.concatenate(own), relative=True)


def _heads(layer: int, heads: int, values: Tensor, plain: PlainModel) -> Tensor | None:
    """(head, d) what each head adds by itself; ``None`` where a module behind the projection sees all of them at once.

    Args:
        layer: of the model.
        heads: how many it has.
        values: (width,) the heads' values side by side.
        plain: the model.
    """
    where = plain.card.stream
    if not heads or where.after_projection[layer]:
        return None
    projection = plain.model.get_submodule(f"{where.blocks}.{layer}.{where.output_projection[layer]}")
    alone = torch.zeros(heads, len(values), dtype=values.dtype, device=values.device)
    for head, part in enumerate(values.chunk(heads)):
        alone[head, head * len(part) : (head + 1) * len(part)] = part
    added: Tensor = projection(alone) - projection(torch.zeros_like(alone))
    return added * where.scale[layer]
