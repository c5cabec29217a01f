"""What was loaded, looked at: every weight from the files, every number a number, and no token that sees the next."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.models.anatomy import FAMILY_ERRORS
from dashboard.engine.models.model_folder import StoredTensor
from dashboard.errors import ModelIncomplete, ModelNotCausal, ModelNotFinite, ModelWithoutHead

SHOWN = 3
"""Names of weights in a message."""
CHECK_TOKENS = 8
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4, torch.float16: 0.004, torch.bfloat16: 0.012}
"""Earlier logits may move by so much of the largest when the last token changes: what a mixture of experts is given
together changes how its kernels round. Measured: families that see the future move them by 0.01 and more."""
_MASKS = re.compile(r"(^|\.)(bias|masked_bias|causal_mask)$")
_TABLES = re.compile(
    r"(^|\.)(position_ids|embed_positions\.weights|(rotary_emb|rotary_pos_emb|rotary)\.(\w*inv_freq|\w+_cached))$"
)
_FURTHER = re.compile(r"(^|\.)mtp\w*\.")
"""Parts that predict more than the next token."""
_SCALES = re.compile(r"\.(k|v|q|kv|input|output|prob)_scale$")
"""What a quantised checkpoint holds for a quantised cache or input; transformers does not use it."""


def check_weights(
    model: Any, config: Any, info: Mapping[str, Any], stored: Mapping[str, StoredTensor], name: str
) -> None:
    """Raise unless every weight came from the files and every tensor of the files has its place.

    Args:
        model: as loaded.
        config: of the folder; the model's own is a part of it where transformers takes the text model alone.
        info: transformers' loading info.
        stored: what is in the files.
        name: of the model, for messages.

    Raises:
        ModelWithoutHead: what is missing is the language-model head, of a class that has none.
        ModelIncomplete: weights are missing, have another shape, or have no place.
    """
    missing, mismatched = sorted(info["missing_keys"]), sorted(key for key, *_ in info["mismatched_keys"])
    expected = model.state_dict().keys()
    several = bool(getattr(config, "sub_configs", None))
    quantised = any(getattr(part, "quantization_config", None) for part in (config, config.get_text_config()))
    unexpected = sorted(
        key
        for key in info["unexpected_keys"]
        if not (
            _may_be_left(key, model.config.get_text_config(), stored)
            or (quantised and _SCALES.search(key))
            or (several and _is_another_part(key, expected))
        )
    )
    if not (missing or mismatched or unexpected):
        return
    named = getattr(config, "architectures", None)
    kind = str(named[0]) if isinstance(named, list) and named else type(model).__name__
    if missing and set(missing) <= _head_names(model) and kind != type(model).__name__:
        raise ModelWithoutHead(model=name, kind=kind)
    raise ModelIncomplete(
        model=name, missing=_listed(missing), mismatched=_listed(mismatched), unexpected=_listed(unexpected)
    )


def _listed(names: list[str]) -> str:
    """A few names and how many there are: ``3: a, b, c``; ``0`` for none."""
    more = ", …" if len(names) > SHOWN else ""
    return f"{len(names)}: {', '.join(names[:SHOWN])}{more}" if names else "0"


def _head_names(model: Any) -> set[str]:
    """Names of the weights outside the base model: the head's, and what leads to it."""
    prefix = f"{model.base_model_prefix}."
    return {key for key in model.state_dict() if not key.startswith(prefix)}


def _may_be_left(key: str, config: Any, stored: Mapping[str, StoredTensor]) -> bool:
    """Whether every family computes the same with and without that tensor of the files."""
    return bool(_TABLES.search(key) or _FURTHER.search(key)) or _predicts_further(key, config) or _is_mask(key, stored)


def _is_mask(key: str, stored: Mapping[str, StoredTensor]) -> bool:
    """Whether the tensor is a causal mask or its number, by name and by shape; a real bias has one axis."""
    shapes = [tensor.shape for name, tensor in stored.items() if name.endswith(key) or key.endswith(name)]
    alike = all(not shape or (len(shape) == 4 and shape[:2] == (1, 1)) for shape in shapes)
    return bool(_MASKS.search(key)) and bool(shapes) and alike


def _predicts_further(key: str, config: Any) -> bool:
    """Whether the tensor is of a layer beyond the last, of those that predict several tokens ahead."""
    found = re.search(r"(?:^|\.)layers\.(\d+)\.", key)
    layers, more = getattr(config, "num_hidden_layers", 0), getattr(config, "num_nextn_predict_layers", 0)
    return found is not None and layers <= int(found[1]) < layers + (more or 0)


def _is_another_part(key: str, expected: Collection[str]) -> bool:
    """Whether nothing of the loaded model lies beside the tensor: a tower for pictures, a projector."""
    parts = key.split(".")
    beginnings = {".".join(parts[:depth]) + "." for depth in (1, 2) if depth < len(parts)}
    # a module with weights of its own (a head) has no parts that could be others
    if any(name.startswith(f"{parts[0]}.") and name.count(".") == 1 for name in expected):
        return False
    return any(not any(name.startswith(beginning) for name in expected) for beginning in beginnings)


def check_finite(model: Any, name: str) -> None:
    """Raise ModelNotFinite where a weight is not a number or infinite."""
    broken = [key for key, weight in model.named_parameters() if not _finite(weight)]
    if broken:
        raise ModelNotFinite(model=name, where=_listed(broken))


def _finite(weight: Tensor) -> bool:
    if not weight.is_floating_point() or weight.element_size() == 1 or weight.is_meta:
        return True
    # one sum is quick and finds them all; it may overflow by itself
    return bool(weight.sum(dtype=torch.float32).isfinite()) or bool(weight.isfinite().all())


def check_passes(model: Any, name: str) -> None:
    """Raise unless a pass gives numbers, and earlier logits stay when the last token is another.

    Raises:
        ModelNotFinite: the logits of a pass are not numbers: the weights overflow in it.
        ModelNotCausal: tokens see those that follow them.
    """
    vocab = model.get_input_embeddings().weight.shape[0]
    ids = [i % vocab for i in range(1, CHECK_TOKENS + 1)]
    other = [*ids[:-1], (ids[-1] + 1) % vocab]
    logits, changed = _logits(model, [ids, other])
    if not (all_finite(logits) and all_finite(changed)):
        raise ModelNotFinite(model=name, where="logits")
    scale = max(1e-3, float(logits[logits.isfinite()].abs().max()))
    moved = float((logits[:-1] - changed[:-1]).nan_to_num().abs().max())
    if moved > TOLERANCE.get(model.dtype, 0.012) * scale:
        raise ModelNotCausal(model=name, kind=type(model).__name__, moved=f"{moved:.2g}")


def _logits(model: Any, texts: list[list[int]]) -> Tensor:
    """(text, T, vocab) of one plain pass over texts of one length; of a pass each where a family takes but one."""
    with torch.inference_mode():
        try:
            logits: Tensor = model(input_ids=torch.tensor(texts, device=model.device), use_cache=False).logits
        except FAMILY_ERRORS:
            passes = (model(input_ids=torch.tensor([text], device=model.device), use_cache=False) for text in texts)
            logits = torch.cat([output.logits for output in passes])
    return logits.float()


def all_finite(logits: Tensor) -> bool:
    """Whether each row of logits is a distribution: no NaN, nothing above all bounds (−∞ is what a mask leaves)."""
    return bool(logits.amax(-1).isfinite().all())
