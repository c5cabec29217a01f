"""Which models there are: bundled, hub ids that the operator allows, local folders; and how one is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.engine import bundled, hub
from dashboard.engine.devices import pick_dtype
from dashboard.errors import (
    ModelBroken,
    ModelNotAllowed,
    ModelNotCausal,
    ModelTooLarge,
    ModelUnknown,
    ModelUnsafe,
    ModelWithoutAttention,
)
from dashboard.settings import BUNDLED, Settings

HUB_ID = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})?")
HEADROOM = 1.3
"""A model needs so much more memory than its weights: activations and the first run."""
LOCAL = "local/"
Progress = Callable[[float], None]


@dataclass(frozen=True)
class ModelSpec:
    """One model that may be chosen."""

    id: str
    """As in the link."""
    label: str
    source: str
    """``bundled``, ``hub`` or ``local``."""
    licence: str = ""
    folder: Path | None = None
    """Of a local model."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to be set up."""

    spec: ModelSpec
    revision: str
    folder: Path
    model: Any
    tokenizer: Any


def listed(settings: Settings) -> tuple[ModelSpec, ...]:
    """The models that a person can choose from, in the operator's order."""
    local = [
        ModelSpec(LOCAL + Path(f).name, Path(f).name, "local", "", Path(f).expanduser()) for f in settings.local_models
    ]
    return tuple(_spec(name) for name in settings.models if name != "*") + tuple(local)


def _spec(name: str) -> ModelSpec:
    if name == BUNDLED:
        return ModelSpec(BUNDLED, bundled.LABEL, "bundled", bundled.LICENCE)
    return ModelSpec(name, name, "hub")


def find(model: str, settings: Settings) -> ModelSpec:
    """The model of that id.

    Raises:
        ModelNotAllowed: the operator's list does not have it, or it is not an id at all.
    """
    there = {spec.id: spec for spec in listed(settings)}
    if model in there:
        return there[model]
    if "*" in settings.models and HUB_ID.fullmatch(model) and not model.startswith(LOCAL):
        return ModelSpec(model, model, "hub")
    raise ModelNotAllowed(model=model[:100], allowed=", ".join(there))


def fetch(spec: ModelSpec, settings: Settings, progress: Progress) -> tuple[Path, str]:
    """Folder with the model's files, and its revision.

    Raises:
        ModelUnreachable, ModelUnknown, ModelUnsafe: see `dashboard.errors`.
    """
    if spec.source == "bundled":
        return bundled.prepare(settings, progress)
    if spec.source == "hub":
        return hub.fetch(spec.id, settings)
    assert spec.folder is not None
    if not (spec.folder / "config.json").is_file():
        raise ModelUnknown(model=spec.id)
    return spec.folder, _folder_revision(spec.folder)


def _folder_revision(folder: Path) -> str:
    """Twelve hex digits over the names, sizes and beginnings of a folder's model files."""
    import hashlib

    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in {".json", ".safetensors", ".txt", ".model", ".jinja"}:
            digest.update(f"{path.name} {path.stat().st_size}".encode())
            with path.open("rb") as file:
                digest.update(file.read(1 << 20))
    return digest.hexdigest()[:12]


def check(folder: Path, spec: ModelSpec, settings: Settings, device: str) -> dict[str, Any]:
    """The configuration of a model that can be loaded here.

    Raises:
        ModelBroken, ModelUnsafe, ModelNotCausal, ModelTooLarge: see `dashboard.errors`.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelBroken(model=spec.id, reason=f"config.json: {error}") from error
    if "auto_map" in config:
        raise ModelUnsafe(model=spec.id, reason="it brings code of its own (auto_map)")
    if not list(folder.glob("*.safetensors")):
        raise ModelUnsafe(model=spec.id, reason="it has no weights as safetensors")
    check_causal(config, spec.id)
    _check_size(folder, spec, settings, device)
    return config


def check_causal(config: dict[str, Any], model: str) -> None:
    """Raise ModelNotCausal unless the configuration is that of a decoder that predicts the next token."""
    architectures = config.get("architectures") or []
    kind = str(architectures[0] if architectures else config.get("model_type", "?"))
    if config.get("is_encoder_decoder"):
        raise ModelNotCausal(model=model, kind=kind)
    if architectures and not any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in architectures):
        raise ModelNotCausal(model=model, kind=kind)
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL

    if config.get("model_type") not in CAUSAL or (kind.startswith("Bert") and not config.get("is_decoder")):
        raise ModelNotCausal(model=model, kind=kind)


def _check_size(folder: Path, spec: ModelSpec, settings: Settings, device: str) -> None:
    """Raise ModelTooLarge when the weights in the chosen dtype do not fit into the device's free memory."""
    import psutil
    import torch

    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    widths = {"float32": 4, "bfloat16": 2, "float16": 2}
    half = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored_width = widths.get(str(half.get("dtype") or half.get("torch_dtype") or "float32"), 4)
    needed = HEADROOM * stored * widths.get(settings.dtype, stored_width) / stored_width
    free = torch.cuda.mem_get_info(device)[0] if device.startswith("cuda") else psutil.virtual_memory().available
    if needed > free:
        raise ModelTooLarge(model=spec.id, needed=f"{needed / 1e9:.1f} GB", available=f"{free / 1e9:.1f} GB")


def load(spec: ModelSpec, settings: Settings, device: str, progress: Progress) -> LoadedModel:
    """The model in memory, with eager attention, in evaluation mode; the caller sets the kernel before sharing it.

    Raises:
        ModelUnreachable, ModelUnknown, ModelUnsafe, ModelNotCausal, ModelWithoutAttention, ModelTooLarge, ModelBroken:
            see `dashboard.errors`.
    """
    folder, revision = fetch(spec, settings, progress)
    check(folder, spec, settings, device)
    import safetensors
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from dashboard.engine.anatomy import has_heads

    safe: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(folder, **safe)
        if not has_heads(config):
            raise ModelWithoutAttention(model=spec.id, kind=config.model_type)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=pick_dtype(settings.dtype, config),
            attn_implementation="eager",
            use_safetensors=True,
            **safe,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, safetensors.SafetensorError) as error:
        raise ModelBroken(model=spec.id, reason=str(error).splitlines()[0][:200] if str(error) else "?") from error
    model.eval()
    model.requires_grad_(False)
    return LoadedModel(spec, revision, folder, model.to(device), tokenizer)
