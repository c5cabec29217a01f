"""Limits: the lengths at which a family begins to compute something else, and a copy of a model with small ones.

A sliding window, a chunk, the most keys that sparse attention selects, the length at which rotary factors change: what
is exact on a dozen tokens need not be exact beyond them, and real limits lie at thousands. So each check at load runs
on a copy too, which shares the model's weights and has these lengths set to `SHORT`.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine.models.anatomy import FAMILY_ERRORS, check_ids, decoder_blocks, last_only, run

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
        "local_attention_window_len",
        "local_attn_chunk_length",
        "attention_chunk_size",
    }
)
"""Settings that limit how far back a layer attends."""
SELECTIONS = frozenset({"index_topk", "keep_window_size", "index_block_size"})
"""Settings that limit how many keys a layer attends to."""
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
    """The limits among some settings; one entry a layer where they differ by layer."""
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
    short = _copy(model)
    for owner in (*_mappings(short.config), *(vars(module) for module in short.modules())):
        _shorten(owner, names)
    for module in short.modules():
        _shorten_bands(module, set(long.values()))
    return short


def shallow_copy(model: Any) -> Any:
    """A copy of the first layers, sharing their weights: enough of them to have one of every kind.

    Checks on it take a few layers' time. The kinds are those of the configuration's lists with an entry a layer. A
    family that cannot run with fewer layers keeps all of them.
    """
    blocks, shallow = decoder_blocks(model), _copy(model)
    config = shallow.config.get_text_config()
    lists = [value for value in vars(config).values() if isinstance(value, list | tuple) and len(value) == len(blocks)]
    count = max((_first_of_each(kinds) for kinds in lists), default=1) + 1
    path = next((name for name, module in model.named_modules() if blocks and module is blocks[0]), "")
    stack = shallow.get_submodule(path.rpartition(".")[0])
    if not isinstance(stack, nn.ModuleList) or 2 * count > len(blocks):
        return shallow
    try:
        del stack[count:]
        for name, value in list(vars(config).items()):
            if isinstance(value, list | tuple) and len(value) == len(blocks):
                vars(config)[name] = value[:count]
        config.num_hidden_layers = count
        run(shallow, check_ids(model, SHORT))
    except FAMILY_ERRORS:
        return _copy(model)
    return shallow


def _first_of_each(kinds: Sequence[Any]) -> int:
    """How many entries from the start hold one of every kind."""
    names = [str(kind) for kind in kinds]
    return 1 + max(names.index(name) for name in set(names))


def _copy(model: Any) -> Any:
    shared = [*model.parameters(), *(b for b in model.buffers() if b.nbytes >= SHARED_BYTES)]
    return copy.deepcopy(model, {id(tensor): tensor for tensor in shared})


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
    """Shorten masks made when the model was built (GPT-Neo): causal, and as wide as a window."""
    for name, mask in module.named_buffers(recurse=False):
        if mask.dtype == torch.bool and mask.ndim == 4 and int(mask[0, 0, -1].sum()) in lengths - {mask.shape[-1]}:
            setattr(module, name, mask & ~torch.ones_like(mask).tril(-SHORT))


def last_logits(model: Any, ids: Sequence[int], count: int = 1) -> Tensor:
    """(count, vocab) float32 logits after the last tokens of `ids`, by one whole pass without a cache."""
    logits: Tensor = run(model, tuple(ids), **last_only(model, count)).logits[0, -count:].float()
    return logits


# -- the proof ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Proof:
    """A loaded model's limits, and the copy on which checks run beyond them."""

    limits: tuple[Limit, ...] = ()
    """Of the model, ascending."""
    short: Any = None
    """A copy of its first layers with small limits; ``None`` where there are none, or where the copy cannot be run."""
    unproven: tuple[Limit, ...] = ()
    """Limits whose effect the copy cannot show: with or without them its last logits are the same."""

    @classmethod
    def of(cls, model: Any, context: int = sys.maxsize) -> Proof:
        """Of a model that reads `context` tokens, before hooks are registered on it."""
        limits = find_limits(model, context)
        if not limits:
            return cls()
        names, ids = [limit.name for limit in limits], check_ids(model, PROOF_TOKENS)
        try:
            shallow = shallow_copy(model)
            short = short_copy(shallow, names)
            unproven = tuple(
                limit for limit in limits if limit.length > SHORT and not _acts(limit, shallow, short, ids)
            )
        except FAMILY_ERRORS:
            return cls(limits, None, limits)
        return cls(limits, short, unproven)

    @property
    def first_limit(self) -> int:
        """Most tokens up to which the family computes the same whatever the text's length."""
        return min((limit.length for limit in self.limits), default=sys.maxsize)


def _acts(limit: Limit, model: Any, short: Any, ids: Sequence[int]) -> bool:
    """Whether the copy shows the effect of a limit: on a text within the real limit, its last logits differ."""
    text = ids[: limit.length]
    others = [name for name in NAMES if name != limit.name]
    return not torch.equal(last_logits(short, text), last_logits(short_copy(model, others), text))
