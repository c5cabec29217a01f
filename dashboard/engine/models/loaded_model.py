"""Checks of a loaded model: every weight came from the files, numbers are finite, and attention is causal."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.model_files.model_folder import StoredTensor
from dashboard.engine.models.anatomy import FAMILY_ERRORS
from dashboard.errors import ModelIncomplete, ModelNotCausal, ModelNotFinite, ModelWithoutHead

LISTED_NAMES = 3
"""Most names of weights in a message."""
CHECK_TOKENS = 8
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4, torch.float16: 0.004, torch.bfloat16: 0.012}
"""Earlier logits may change by so much of the largest when the last token changes: the tokens that a mixture of experts
gets together change its rounding. Measured: families that see the future change them by 0.01 and more."""
_MASKS = re.compile(r"(^|\.)(bias|masked_bias|causal_mask)$")
_TABLES = re.compile(
    r"(^|\.)(position_ids|embed_positions\.weights|(rotary_emb|rotary_pos_emb|rotary)\.(\w*inv_freq|\w+_cached))$"
)
_FURTHER_TOKENS = re.compile(r"(^|\.)mtp\w*\.")
"""Parts that predict more than the next token."""
_SCALES = re.compile(r"\.(k|v|q|kv|input|output|prob)_scale$")
"""Scales in a quantised checkpoint for a quantised cache or input; transformers does not use them."""


def check_weights(
    model: Any, config: Any, info: Mapping[str, Any], stored: Mapping[str, StoredTensor], name: str
) -> None:
    """Raise unless every weight came from the files and every tensor of the files was used.

    Args:
        model: as loaded.
        config: of the folder; that of the model is a part of it where transformers loads the text model alone.
        info: transformers' loading info.
        stored: tensors of the files.
        name: of the model, for messages.

    Raises:
        ModelWithoutHead: only the language-model head is missing, as the files are of a class without one.
        ModelIncomplete: weights are missing, have another shape, or were not used.
    """
    missing, mismatched = sorted(info["missing_keys"]), sorted(key for key, *_ in info["mismatched_keys"])
    expected = model.state_dict().keys()
    multimodal = bool(getattr(config, "sub_configs", None))
    quantised = any(getattr(part, "quantization_config", None) for part in (config, config.get_text_config()))
    unexpected = sorted(
        key
        for key in info["unexpected_keys"]
        if not (
            _has_no_effect(key, model.config.get_text_config(), stored)
            or (quantised and _SCALES.search(key))
            or (multimodal and _is_another_part(key, expected))
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
    """The count and the first names: ``3: a, b, c``; ``0`` for none."""
    more = ", …" if len(names) > LISTED_NAMES else ""
    return f"{len(names)}: {', '.join(names[:LISTED_NAMES])}{more}" if names else "0"


def _head_names(model: Any) -> set[str]:
    """Names of the weights outside the base model: the head's and those of modules before it."""
    prefix = f"{model.base_model_prefix}."
    return {key for key in model.state_dict() if not key.startswith(prefix)}


def _has_no_effect(key: str, config: Any, stored: Mapping[str, StoredTensor]) -> bool:
    """Whether every family computes the same without that tensor of the files."""
    return (
        bool(_TABLES.search(key) or _FURTHER_TOKENS.search(key))
        or _predicts_further(key, config)
        or _is_mask(key, stored)
    )


def _is_mask(key: str, stored: Mapping[str, StoredTensor]) -> bool:
    """Whether the tensor is a causal mask or its number, by name and by shape; a real bias has one axis."""
    shapes = [tensor.shape for name, tensor in stored.items() if name.endswith(key) or key.endswith(name)]
    alike = all(not shape or (len(shape) == 4 and shape[:2] == (1, 1)) for shape in shapes)
    return bool(_MASKS.search(key)) and bool(shapes) and alike


def _predicts_further(key: str, config: Any) -> bool:
    """Whether the tensor is of a layer beyond the last, of those that predict several tokens ahead."""
    match = re.search(r"(?:^|\.)layers\.(\d+)\.", key)
    layers, more = getattr(config, "num_hidden_layers", 0), getattr(config, "num_nextn_predict_layers", 0)
    return match is not None and layers <= int(match[1]) < layers + (more or 0)


def _is_another_part(key: str, expected: Collection[str]) -> bool:
    """Whether the tensor is of a part that the loaded model lacks: a vision tower, a projector."""
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
    packed = type(weight) not in (Tensor, torch.nn.Parameter) or weight.element_size() == 1
    if packed or not weight.is_floating_point() or weight.is_meta:
        return True  # of packed weights the logits are looked at
    # one sum is fast and finds them all, but may itself overflow
    return bool(weight.sum(dtype=torch.float32).isfinite()) or bool(weight.isfinite().all())


def check_passes(model: Any, name: str) -> None:
    """Raise unless the logits of a pass are finite, and earlier ones do not depend on the last token.

    Raises:
        ModelNotFinite: the pass overflows.
        ModelNotCausal: tokens attend to later ones.
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
    """(text, T, vocab) of one plain pass over texts of one length; of one pass a text where a family takes only one."""
    with torch.inference_mode():
        try:
            logits: Tensor = model(input_ids=torch.tensor(texts, device=model.device), use_cache=False).logits
        except FAMILY_ERRORS:
            passes = (model(input_ids=torch.tensor([text], device=model.device), use_cache=False) for text in texts)
            logits = torch.cat([output.logits for output in passes])
    return logits.float()


def all_finite(logits: Tensor) -> bool:
    """Whether each row of logits is a distribution: no NaN and no +∞ (−∞ is a masked token)."""
    return bool(logits.amax(-1).isfinite().all())
