"""Limits: the lengths at which a family begins to compute something else, and a copy of a model that has small ones.

A sliding window, a chunk, the most keys that sparse attention selects, the length at which rotary factors change: what
holds on a dozen tokens need not hold beyond them, and real limits lie at thousands. So whatever is proven at load is
proven on a copy too, which shares the model's weights and has these lengths set to `SHORT`.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SHORT = 12
"""Every limit of the copy [tokens]."""
PROOF_TOKENS = 3 * SHORT + 4
"""Tokens of a text that goes beyond all limits of the copy, more than one chunk beyond them."""
WINDOWS = frozenset(
    {
        "sliding_window",
        "sliding_window_size",
        "window_size",
        "attention_window_size",
        "local_attention",
        "local_attention_window_len",
        "local_attn_chunk_length",
        "attention_chunk_size",
    }
)
"""Settings that bound how far back a layer looks."""
SELECTIONS = frozenset({"index_topk", "keep_window_size", "index_block_size"})
"""Settings that bound how many keys a layer looks at."""
SWITCH = "original_max_position_embeddings"
"""Setting at which rotary factors change (longrope)."""
NAMES = WINDOWS | SELECTIONS | {SWITCH}
SHARED_BYTES = 1 << 20
"""Buffers from this size on are shared with the copy unless they hold a limit."""


@dataclass(frozen=True)
class Limit:
    """One length beyond which the family computes something else."""

    name: str
    """The setting, as in the model's configuration."""
    length: int
    """[tokens]"""


def find_limits(model: Any, context: int = sys.maxsize) -> tuple[Limit, ...]:
    """The limits below `context` tokens, ascending: read from the configuration and from the modules themselves."""
    config = model.config.get_text_config()
    types = vars(config).get("layer_types") or []
    everywhere = bool(types) and set(types) == {"full_attention"}
    lengths: dict[str, int] = {}
    for owner in (*_mappings(config), *(vars(module) for module in model.modules())):
        for name, length in _numbers(owner):
            if not (everywhere and name in WINDOWS) and 0 < length < context:
                lengths[name] = min(length, lengths.get(name, length))
    if SWITCH in lengths and not _switches(config):
        del lengths[SWITCH]
    return tuple(sorted((Limit(*limit) for limit in lengths.items()), key=lambda limit: (limit.length, limit.name)))


def _switches(config: Any) -> bool:
    """Whether rotary factors depend on a text's length; yarn and linear scaling have the setting and do not."""
    return any("longrope" in str(owner.get("rope_type", owner.get("type", ""))) for owner in _mappings(config))


def _mappings(config: Any) -> Iterator[Mapping[str, Any]]:
    """The configuration's settings, and those of every mapping or configuration inside it."""
    settings = config if isinstance(config, Mapping) else vars(config)
    yield settings
    for value in settings.values():
        if isinstance(value, Mapping) or hasattr(value, "to_dict"):
            yield from _mappings(value)


def _numbers(owner: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The limits among some settings; a layer's own count where they differ by layer."""
    for name in NAMES & owner.keys():
        value = owner[name]
        values = value if isinstance(value, list | tuple) else [value]
        yield from ((name, int(v)) for v in values if isinstance(v, int | float) and not isinstance(v, bool))


# -- the copy -----------------------------------------------------------------------------------------------------
def short_copy(model: Any, names: Sequence[str]) -> Any:
    """A copy that shares the weights of `model` and has the limits of these names set to `SHORT`.

    Take it before hooks are registered on `model`.
    """
    long = {limit.name: limit.length for limit in find_limits(model) if limit.name in names}
    shared = [*model.parameters(), *(b for b in model.buffers() if b.nbytes >= SHARED_BYTES)]
    short = copy.deepcopy(model, {id(tensor): tensor for tensor in shared})
    for owner in (*_mappings(short.config), *(vars(module) for module in short.modules())):
        _shorten(owner, names)
    for module in short.modules():
        _shorten_bands(module, set(long.values()))
    return short


def _shorten(owner: Any, names: Sequence[str]) -> None:
    for name in set(names) & owner.keys():
        value = owner[name]
        if isinstance(value, list | tuple):
            owner[name] = type(value)(_shorter(v) for v in value)
        else:
            owner[name] = _shorter(value)


def _shorter(value: Any) -> Any:
    return SHORT if isinstance(value, int | float) and not isinstance(value, bool) and value > SHORT else value


def _shorten_bands(module: nn.Module, lengths: set[int]) -> None:
    """Masks made when the model was built (GPT-Neo): causal, and as wide as a window."""
    for name, mask in module.named_buffers(recurse=False):
        if mask.dtype == torch.bool and mask.ndim == 4 and int(mask[0, 0, -1].sum()) in lengths - {mask.shape[-1]}:
            setattr(module, name, mask & ~torch.ones_like(mask).tril(-SHORT))


def proof_ids(vocab: int, count: int = PROOF_TOKENS) -> tuple[int, ...]:
    """A text of `count` ids below `vocab`, the same every time, with few repetitions."""
    return tuple((3 + 7 * i + i * i // 5) % vocab for i in range(count))


def last_logits(model: Any, ids: Sequence[int], count: int = 1) -> Tensor:
    """(count, vocab) float32 logits after the last tokens of `ids`, by one whole pass without a cache."""
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([list(ids)], device=model.device), use_cache=False)
    logits: Tensor = output.logits[0, -count:].float()
    return logits


def unproven(model: Any, limits: Sequence[Limit], short: Any) -> tuple[Limit, ...]:
    """Limits whose effect the copy does not show: with or without them its last logits are the same."""
    ids = proof_ids(model.get_input_embeddings().weight.shape[0])
    names = [limit.name for limit in limits]
    own = last_logits(short, ids)
    without = {name: short_copy(model, [other for other in names if other != name]) for name in names}
    return tuple(
        limit for limit in limits if limit.length > SHORT and torch.equal(last_logits(without[limit.name], ids), own)
    )


def learned_positions(model: Any) -> int | None:
    """Tokens that the model has position embeddings for; ``None``: it learned none.

    Some families number positions from 2 on (RoBERTa), so that fewer can be used than their configuration says: which
    rows of the table a short text takes tells how many are left.
    """
    rows: list[tuple[int, Tensor]] = []
    words = model.get_input_embeddings()
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding) and module is not words]

    def note(table: nn.Module, args: Any, _kwargs: Any) -> None:
        if args and torch.is_tensor(args[0]) and args[0].dtype in (torch.int32, torch.int64):
            rows.append((table.num_embeddings, args[0].flatten()))  # type: ignore[arg-type]

    handles = [table.register_forward_pre_hook(note, with_kwargs=True) for table in tables]
    try:
        last_logits(model, proof_ids(words.weight.shape[0], SHORT // 2))
    finally:
        for handle in handles:
            handle.remove()
    lengths = [count - int(taken[0]) for count, taken in rows if len(taken) > 1 and bool((taken.diff() == 1).all())]
    return min(lengths, default=None)
