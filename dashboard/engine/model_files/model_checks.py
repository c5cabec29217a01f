"""Checks before loading: from a model's configuration and the headers of its weight files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dashboard.engine.model_files import quantization
from dashboard.engine.model_files.model_folder import StoredTensor
from dashboard.errors import (
    ModelEncoderDecoder,
    ModelTooLarge,
    ModelTypeUnknown,
    ModelUnsafe,
    ModelWithoutHead,
)

HEADROOM = 1.3
"""Memory that a model needs relative to its weights: activations and the first run [1]."""
_CAUSAL_CLASSES = re.compile(r"CausalLM|LMHead|Decoder$|ForConditionalGeneration$")


def check_kind(config: dict[str, Any], model: str) -> None:
    """Raise unless transformers has a causal language model for such a configuration, without remote code.

    Raises:
        ModelUnsafe: only the code that the model brings along could load it.
        ModelTypeUnknown, ModelEncoderDecoder, ModelWithoutHead: see `dashboard.errors`.
    """
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    model_type = str(config.get("model_type"))[:100]
    architectures = config.get("architectures")
    kind = str(architectures[0])[:100] if isinstance(architectures, list) and architectures else model_type
    if model_type not in CONFIG_MAPPING_NAMES:
        if config.get("auto_map"):
            raise ModelUnsafe(model=model, reason="it brings code of its own (auto_map)")
        raise ModelTypeUnknown(model=model, kind=model_type, version=transformers.__version__)
    if config.get("is_encoder_decoder"):
        raise ModelEncoderDecoder(model=model, kind=kind)
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelWithoutHead(model=model, kind=kind)


def check_size(
    tensors: Mapping[str, StoredTensor], config: dict[str, Any], model: str, dtype: str, device: str
) -> None:
    """Raise ModelTooLarge when the weights in the chosen dtype do not fit into the device's free memory.

    Args:
        tensors: of the files.
        config: of the model.
        model: for the message.
        dtype: the operator's setting.
        device: where they will be.
    """
    import psutil
    import torch

    needed = needed_memory(tensors, config, dtype)
    free = torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else psutil.virtual_memory().available
    if needed > free:
        raise ModelTooLarge(model=model, needed=round(needed / 1e9, 1), available=round(free / 1e9, 1))


def needed_memory(tensors: Mapping[str, StoredTensor], config: dict[str, Any], dtype: str) -> float:
    """Memory that a model needs in the operator's `dtype`: its weights, and room to compute in [bytes]."""
    width = _width(dtype, stored_dtype(config) or _usual_dtype(tensors))
    return HEADROOM * quantization.needed_bytes(tensors, width, quantization.quantization_of(config))


def estimated_memory(nbytes: int, stored: str, config: dict[str, Any], dtype: str) -> float:
    """The same from the size of the weight files alone, all of it numbers of the dtype `stored` [bytes]."""
    quantized = quantization.quantization_of(config)
    return HEADROOM * quantization.estimated_bytes(nbytes, _width(stored, stored), _width(dtype, stored), quantized)


def stored_dtype(config: dict[str, Any]) -> str | None:
    """The dtype that a configuration names, of the text model where it has parts."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        if named := part.get("dtype") or part.get("torch_dtype"):
            return str(named).removeprefix("torch.")
    return None


def _width(dtype: str, stored: str) -> int:
    """Bytes of a number in `dtype`; ``auto``: as stored."""
    widths = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
    return widths.get(dtype) or widths.get(stored, 4)


def _usual_dtype(tensors: Mapping[str, StoredTensor]) -> str:
    """The dtype of the first weight of floating-point numbers, as transformers' ``auto`` has it."""
    names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    return next((names[tensor.dtype] for tensor in tensors.values() if tensor.dtype in names), "float32")


def may_be_causal(config: dict[str, Any]) -> bool:
    """Whether the names in a configuration are those of a causal language model: for lists, before anything is loaded.

    `check_kind` decides; it needs transformers.
    """
    architectures = config.get("architectures")
    if config.get("is_encoder_decoder") or not isinstance(config.get("model_type"), str):
        return False
    if not isinstance(architectures, list) or not architectures:
        return True
    return any(_CAUSAL_CLASSES.search(str(name)) for name in architectures)
