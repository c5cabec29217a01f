"""A model's parts and sizes: measured on the model where possible, else read from its configuration."""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import CausalLMOutputWithPast

FAMILY_ERRORS = (AttributeError, TypeError, RuntimeError, LookupError, ValueError, AssertionError)
"""Errors of a family that is called in a way it does not support: there is no single one for that."""
CACHE = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ else "past_key_values"
"""Name of the keys and values in calls and outputs: since transformers 5.24 ``cache``."""
PROBE_TOKENS = 6
"""Tokens of the passes that show which modules run one after the other."""


def config_values(config: Any, name: str) -> list[Any]:
    """The values of a configuration under `name`: one, one a layer where layers differ, or none."""
    try:
        values = [getattr(config, name, None)]
    except RuntimeError:  # transformers' AmbiguousGlobalPerLayerAttributeError is no AttributeError
        values = [getattr(layer, name, None) for layer in config.per_layer_config]
    return [value for value in values if value is not None]


def largest_config_value(config: Any, *names: str, default: int) -> int:
    """The largest number over layers under the first of `names` that the configuration has."""
    return next((int(max(values)) for name in names if (values := config_values(config, name))), default)


def has_heads(config: Any) -> bool:
    """Whether a configuration, or one of its parts, has attention heads."""
    parts = [config, *(part for name in config.sub_configs if (part := getattr(config, name, None)) is not None)]
    return any(config_values(part.get_text_config(), "num_attention_heads") for part in parts)


def layer_types(config: Any) -> list[str]:
    """(layer,) the kind of each layer; empty where the family has only one."""
    return next(iter(config_values(config, "layer_types")), [])


def check_ids(model: Any, count: int) -> tuple[int, ...]:
    """At most `count` token ids to try a model on, for vocabularies and contexts of any size.

    None of them is a special token of the configuration (end of text, image).
    """
    vocab = model.get_input_embeddings().weight.shape[0]
    special = {
        value
        for config in (model.config, model.config.get_text_config())
        for name, value in vars(config).items()
        if name.endswith(("_token_id", "_token_index")) and isinstance(value, int)
    }
    most = largest_config_value(model.config.get_text_config(), "max_position_embeddings", default=0)
    if most > 0:  # some families begin to count positions behind their padding's row of the table
        tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and m.num_embeddings == most]
        count = max(
            1, min(count, most - max((1 + m.padding_idx for m in tables if m.padding_idx is not None), default=0))
        )
    ordinary = [i for i in range(3, min(vocab, 100)) if i not in special] or list(range(vocab))
    return tuple(ordinary[7 * i % len(ordinary)] for i in range(count))


def context_length(model: Any) -> int | None:
    """Most tokens that the model reads; ``None`` where nothing limits them.

    The limit of a table of learned positions is measured: some families do not begin to count at its first row. A
    family that switches to sparse attention, which is not causal, reads up to that length.
    """
    config = model.config.get_text_config()
    configured = largest_config_value(config, "max_position_embeddings", "max_seq_len", default=0)
    limits = [configured] if configured > 0 else []
    ids = check_ids(model, PROBE_TOKENS)

    def record_rows(table: nn.Embedding, args: Any) -> None:
        indices = first_tensor(args)
        rows = [] if indices is None or indices.is_floating_point() else indices.flatten().tolist()
        if len(rows) == len(ids) and rows == list(range(rows[0], rows[0] + len(rows))):
            limits.append(table.num_embeddings - rows[0])

    token_table = model.get_input_embeddings()
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding) and module is not token_table]
    handles = [table.register_forward_pre_hook(record_rows) for table in tables]
    try:
        if tables:
            run(model, ids)
    finally:
        for handle in handles:
            handle.remove()
    if any(hasattr(module, "set_attention_type") for module in model.modules()):
        limits.append((5 + 2 * config.num_random_blocks) * config.block_size)
    return min(limits, default=None)


def base_name(model: Any) -> str:
    """Name of the base model: the child of `model` that turns tokens into the input of the head."""
    embeddings = model.get_input_embeddings()
    return next(name for name, child in model.named_children() if any(m is embeddings for m in child.modules()))


def decoder_blocks(model: Any) -> list[nn.Module]:
    """The decoder layers: the list of modules that run once each in a pass, one after the other; empty without one.

    Some may not run at all (cross attention to a picture). Of several such lists, none inside another, it is the one as
    long as the configuration says, else the longest.
    """
    configured = largest_config_value(model.config.get_text_config(), "num_hidden_layers", default=0)
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    if len(lists) == 1 and len(lists[0]) == configured:  # there is no other candidate
        return list(lists[0])
    order: dict[int, list[int]] = defaultdict(list)

    def recorder(members: nn.ModuleList, index: int) -> Any:
        return lambda *_: order[id(members)].append(index)

    handles = [m.register_forward_pre_hook(recorder(members, i)) for members in lists for i, m in enumerate(members)]
    try:
        run(model, check_ids(model, PROBE_TOKENS))
    finally:
        for handle in handles:
            handle.remove()
    inside: set[int] = set()
    candidates: list[nn.ModuleList] = []
    for members in lists:  # outer ones come first
        ran = order[id(members)]
        if id(members) not in inside and ran and ran == sorted(set(ran)):
            candidates.append(members)
            inside.update(id(module) for module in members.modules())
    return list(max(candidates, key=lambda members: (len(members) == configured, len(members)), default=[]))


def run(model: Any, ids: tuple[int, ...], **model_kwargs: Any) -> Any:
    """One plain pass over `ids`, without a cache."""
    input_ids = torch.tensor([ids], device=model.get_input_embeddings().weight.device)
    with torch.inference_mode():
        return model(input_ids=input_ids, use_cache=False, **model_kwargs)


def first_tensor(values: Any) -> Tensor | None:
    """The first tensor among a module's arguments or outputs."""
    several = values if isinstance(values, tuple | list) else (values,)
    return next((value for value in several if torch.is_tensor(value)), None)


def residual(values: Any) -> Tensor | None:
    """(T, d) the residual among a block's arguments or outputs; ``None`` where the first tensor is not (1, T, d)."""
    tensor = first_tensor(values)
    return tensor[0].detach() if tensor is not None and tensor.ndim == 3 and tensor.shape[0] == 1 else None


def last_only(model: Any, count: int = 1) -> dict[str, int]:
    """Keyword arguments for the logits of the last `count` tokens only, where the model supports that."""
    return {"logits_to_keep": count} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
