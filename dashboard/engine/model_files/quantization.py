"""Quantised checkpoints: by which method, what reading them needs, which are dequantised, and their memory."""

from __future__ import annotations

import importlib.metadata
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.engine.device.memory import first_line
from dashboard.engine.model_files.model_folder import StoredTensor
from dashboard.errors import ModelQuantized, QuantizationNeedsGpu, QuantizationPackageMissing

_LOG = logging.getLogger(__name__)
_FLOATS = {"F64", "F32", "F16", "BF16"}
_SMALL_FLOATS = {"F8_E4M3", "F8_E5M2"}
_BITS_NAMES = ("bits", "w_bit", "nbits", "num_bits", "weight_bits")
"""What quantisation libraries call the bits of a weight."""
_ACCELERATORS = ("cuda", "xpu")


@dataclass(frozen=True)
class Method:
    """What reading weights of one quantisation method takes."""

    packages: tuple[str, ...] = ()
    """On the package index, beside what transformers itself needs."""
    gpu: bool = False
    """Its kernels are there for graphics cards alone."""
    dequantizes: bool = False
    """Its weights become plain numbers of the operator's dtype while they are loaded."""


METHODS = {
    "aqlm": Method(("aqlm",)),
    "auto-round": Method(("auto-round",)),
    "awq": Method(("gptqmodel",)),
    "bitnet": Method(),
    "bitsandbytes": Method(("bitsandbytes",)),
    "compressed-tensors": Method(("compressed-tensors",), dequantizes=True),
    "eetq": Method(("kernels",), gpu=True),
    "fbgemm_fp8": Method(("fbgemm-gpu",), gpu=True),
    "fouroversix": Method(("fouroversix",)),
    "fp8": Method(dequantizes=True),
    "fp_quant": Method(("fp_quant",), gpu=True),
    "gptq": Method(("optimum", "gptqmodel")),
    "higgs": Method(("flute-kernel", "fast_hadamard_transform"), gpu=True),
    "hqq": Method(("hqq",)),
    "metal": Method(dequantizes=True),
    "mxfp4": Method(dequantizes=True),
    "mxfp8": Method(dequantizes=True),
    "quanto": Method(("optimum-quanto",)),
    "quark": Method(("amd-quark",)),
    "sinq": Method(("sinq",)),
    "spqr": Method(("spqr_quant",), gpu=True),
    "torchao": Method(("torchao",)),
    "vptq": Method(("vptq",), gpu=True),
}
"""transformers' names; of others, transformers' own answer is asked for."""


def quantization_of(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The quantisation part of a configuration."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for name in ("quantization_config", "compression_config"):
            if isinstance(part.get(name), dict):
                return dict(part[name])
    return None


def method_of(quantization: Mapping[str, Any]) -> str:
    """The method by transformers' name; ``None`` as a word where the configuration names none."""
    named = quantization.get("quant_method")
    bitsandbytes = quantization.get("load_in_4bit") or quantization.get("load_in_8bit")
    return str(named or ("bitsandbytes" if bitsandbytes else None))[:100]


def _of(quantization: Mapping[str, Any]) -> Method:
    return METHODS.get(method_of(quantization), Method())


def check_quantization(config: Mapping[str, Any], model: str, device: str) -> None:
    """Raise unless transformers can read weights that are quantised like this, here and on `device`.

    Raises:
        QuantizationPackageMissing: a package is not installed.
        QuantizationNeedsGpu: there is a graphics card's code for it alone.
        ModelQuantized: transformers does not know the method, or refuses it for another reason.
    """
    from transformers import quantizers
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    quantization = quantization_of(config)
    if quantization is None:
        return
    method = method_of(quantization)
    if not any(key in (method, f"{method}_4bit", f"{method}_8bit") for key in AUTO_QUANTIZER_MAPPING):
        raise ModelQuantized(model=model, method=method, reason="transformers does not know this method")
    needs = _of(quantization)
    missing = [package for package in needs.packages if not _installed(package)]
    if needs.gpu and not device.startswith(_ACCELERATORS):
        raise QuantizationNeedsGpu(model=model, method=method, device=device)
    if missing:
        raise QuantizationPackageMissing(model=model, method=method, packages=" ".join(missing))
    try:
        quantizers.AutoHfQuantizer.from_config(dict(quantization), pre_quantized=True).validate_environment()
    except Exception as error:
        _LOG.warning("model %s", model, exc_info=True)
        raise ModelQuantized(model=model, method=method, reason=first_line(error)) from error


def _installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def dequantizing(config: Mapping[str, Any]) -> Any | None:
    """What tells transformers to dequantise such a model on every device; ``None``: nothing is to be told.

    Without it, one checkpoint is computed in 8 or 4 bits on one graphics card and in the operator's dtype on another.
    """
    from transformers.quantizers.auto import AutoQuantizationConfig

    quantization = config.get("quantization_config")
    if not isinstance(quantization, dict) or not _of(quantization).dequantizes:
        return None
    told = AutoQuantizationConfig.from_dict(dict(quantization))
    told.dequantize = True
    return told


def is_packed(model: Any) -> bool:
    """Whether a loaded model computes with quantised weights: some are no plain floating-point numbers of 16 bits."""
    import torch

    tables = (buffer for buffer in model.buffers() if buffer.dim() > 1 and buffer.dtype != torch.bool)
    plain, index = (torch.Tensor, torch.nn.Parameter), (torch.int64,)
    return any(
        type(weight) not in plain
        or weight.dtype.itemsize == 1
        or not (weight.is_floating_point() or weight.is_complex() or weight.dtype in index)
        for weight in (*model.parameters(), *tables)
    )


def needed_bytes(tensors: Mapping[str, StoredTensor], width: int, quantization: Mapping[str, Any] | None) -> int:
    """Memory of the weights with floating-point numbers of `width` bytes each [bytes].

    Quantised weights count as they are stored, or as plain numbers where they are dequantised.
    """
    kept = quantization is not None and not _of(quantization).dequantizes
    bits = bits_of(quantization) if quantization and not kept else 0

    def nbytes(tensor: StoredTensor) -> int:
        if tensor.dtype in _FLOATS or (tensor.dtype in _SMALL_FLOATS and not kept):
            return math.prod(tensor.shape) * width
        return tensor.nbytes * 8 // bits * width if bits else tensor.nbytes

    return sum(nbytes(tensor) for tensor in tensors.values())


def estimated_bytes(nbytes: int, stored: int, width: int, quantization: Mapping[str, Any] | None) -> float:
    """The same from the size of the files alone, whose plain numbers take `stored` bytes each [bytes]."""
    if quantization is None:
        return nbytes * width / stored
    return nbytes * width / (bits_of(quantization) / 8) if _of(quantization).dequantizes else nbytes


def bits_of(quantization: Mapping[str, Any]) -> int:
    """Bits of a stored quantised weight; 8 where the configuration does not say."""
    method = str(quantization.get("quant_method", ""))
    said = [value for value in _values(quantization, _BITS_NAMES) if isinstance(value, int) and 0 < value <= 8]
    if said:
        return min(said)
    names = " ".join([method, *map(str, _values(quantization, ("quant_type", "weights_dtype", "weights")))])
    return 4 if quantization.get("load_in_4bit") or re.search(r"4\b|int4|nf4|fp4", names) else 8


def _values(config: Any, names: tuple[str, ...]) -> list[Any]:
    """What entries of those names hold, at any depth."""
    if not isinstance(config, Mapping):
        return []
    below = [value for entry in config.values() for value in _values(entry, names)]
    return [config[name] for name in names if name in config] + below
