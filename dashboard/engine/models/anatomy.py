"""Where a model's parts are and how large: measured on the model where that can be, else asked of its configuration."""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

FAMILY_ERRORS = (AttributeError, TypeError, RuntimeError, LookupError, ValueError, AssertionError)
"""What a family may raise when it is called in a way that it does not know: there is no one error for that."""
PROBE_TOKENS = 6
"""So many tokens tell which modules run one after the other."""


def config_values(config: Any, name: str) -> list[Any]:
    """What a configuration says under `name`: one value, one a layer where layers differ, none where it has none."""
    try:
        values = [getattr(config, name, None)]
    except RuntimeError:  # transformers' AmbiguousGlobalPerLayerAttributeError is no AttributeError
        values = [getattr(layer, name, None) for layer in config.per_layer_config]
    return [value for value in values if value is not None]


def largest_config_value(config: Any, *names: str, default: int) -> int:
    """The largest number over layers under the first of `names` that the configuration has."""
    return next((int(max(values)) for name in names if (values := config_values(config, name))), default)


def has_heads(config: Any) -> bool:
    """Whether a configuration, or one of its parts, speaks of attention heads."""
    parts = [config, *(part for name in config.sub_configs if (part := getattr(config, name, None)) is not None)]
    return any(config_values(part.get_text_config(), "num_attention_heads") for part in parts)


def layer_types(config: Any) -> list[str]:
    """(layer,) what kind each layer is; empty where the family has but one."""
    return next(iter(config_values(config, "layer_types")), [])


def check_ids(model: Any, count: int) -> tuple[int, ...]:
    """At most so many token ids to try a model with, for vocabularies and contexts of any size.

    None of them stands for an ending, an image or the like.
    """
    vocab = model.get_input_embeddings().weight.shape[0]
    special = {
        value
        for config in (model.config, model.config.get_text_config())
        for name, value in vars(config).items()
        if name.endswith(("_token_id", "_token_index")) and isinstance(value, int)
    }
    most = largest_config_value(model.config.get_text_config(), "max_position_embeddings", default=0)
    if most > 0:  # some families count positions from behind their padding's row of the table
        tables = [m for m in model.modules() if isinstance(m, nn.Embedding) and m.num_embeddings == most]
        count = max(
            1, min(count, most - max((1 + m.padding_idx for m in tables if m.padding_idx is not None), default=0))
        )
    ordinary = [i for i in range(3, min(vocab, 100)) if i not in special] or list(range(vocab))
    return tuple(ordinary[7 * i % len(ordinary)] for i in range(count))


def context_length(model: Any) -> int | None:
    """Most tokens that the model reads; ``None`` where nothing says so.

    A table of learned positions is looked at itself: some families begin to count later than at its first row. A
    family that goes over to sparse attention, which looks ahead, reads up to there.
    """
    config = model.config.get_text_config()
    said = largest_config_value(config, "max_position_embeddings", "max_seq_len", default=0)
    limits = [said] if said > 0 else []
    ids = check_ids(model, PROBE_TOKENS)

    def noted(table: nn.Embedding, args: Any) -> None:
        given = first_tensor(args)
        rows = [] if given is None or given.is_floating_point() else given.flatten().tolist()
        if len(rows) == len(ids) and rows == list(range(rows[0], rows[0] + len(rows))):
            limits.append(table.num_embeddings - rows[0])

    words = model.get_input_embeddings()
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding) and module is not words]
    handles = [table.register_forward_pre_hook(noted) for table in tables]
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
    """Name of the model's child that turns tokens into the residual which its head is given."""
    embeddings = model.get_input_embeddings()
    return next(name for name, child in model.named_children() if any(m is embeddings for m in child.modules()))


def decoder_blocks(model: Any) -> list[nn.Module]:
    """The decoder layers: the list of modules that run once each in a pass, one after the other; empty if none does.

    Some may not run at all (cross attention to a picture). Of several such lists that do not lie inside one another,
    the one that is as long as the configuration says; else the longest.
    """
    said = largest_config_value(model.config.get_text_config(), "num_hidden_layers", default=0)
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    if len(lists) == 1 and len(lists[0]) == said:  # nothing else that it could be
        return list(lists[0])
    order: dict[int, list[int]] = defaultdict(list)

    def noted(members: nn.ModuleList, place: int) -> Any:
        return lambda *_: order[id(members)].append(place)

    handles = [m.register_forward_pre_hook(noted(members, i)) for members in lists for i, m in enumerate(members)]
    try:
        run(model, check_ids(model, PROBE_TOKENS))
    finally:
        for handle in handles:
            handle.remove()
    inside: set[int] = set()
    found: list[nn.ModuleList] = []
    for members in lists:  # outer ones come first
        ran = order[id(members)]
        if id(members) not in inside and ran and ran == sorted(set(ran)):
            found.append(members)
            inside.update(id(module) for module in members.modules())
    return list(max(found, key=lambda members: (len(members) == said, len(members)), default=[]))


def run(model: Any, ids: tuple[int, ...], **model_kwargs: Any) -> Any:
    """One plain pass over `ids`, without a cache."""
    given = torch.tensor([ids], device=model.get_input_embeddings().weight.device)
    with torch.inference_mode():
        return model(input_ids=given, use_cache=False, **model_kwargs)


def first_tensor(values: Any) -> Tensor | None:
    """The first tensor of what a module was given or gave."""
    found = values if isinstance(values, tuple | list) else (values,)
    return next((value for value in found if torch.is_tensor(value)), None)


def residual(values: Any) -> Tensor | None:
    """(T, d) the residual among what a block was given or gave; ``None`` where that is not one (1, T, d) tensor."""
    found = first_tensor(values)
    return found[0].detach() if found is not None and found.ndim == 3 and found.shape[0] == 1 else None


def last_only(model: Any, count: int = 1) -> dict[str, int]:
    """Have the model make the logits of the last `count` tokens only, where it can."""
    return {"logits_to_keep": count} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
