"""Model registry: the bundled model, hub ids that the operator allows and local folders; and loading them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.engine.api.model import ModelSpec
from dashboard.engine.device.devices import pick_dtype
from dashboard.engine.device.memory import first_line, is_memory
from dashboard.engine.models import bundled, hub, model_checks, model_folder
from dashboard.engine.models.failures import explain_file_errors
from dashboard.errors import (
    ModelEncoderDecoder,
    ModelNotAllowed,
    ModelUnsafe,
    ModelWithoutAttention,
    TokenizerMissing,
    TokenizerUnreadable,
)
from dashboard.settings import BUNDLED, Settings

_LOG = logging.getLogger(__name__)
HUB_ID = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,95})?")
LOCAL = "local/"
_SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
Progress = Callable[[float], None]


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to be set up."""

    spec: ModelSpec
    revision: str
    folder: Path
    model: Any
    tokenizer: Any


def available_models(settings: Settings) -> tuple[ModelSpec, ...]:
    """The models that a person can choose, in the operator's order."""
    return tuple(_spec(name) for name in settings.models if name != "*") + _local(settings.local_models)


def _local(folders: tuple[str, ...]) -> tuple[ModelSpec, ...]:
    """Local folders by their names; where names are equal, later ones by a longer end of their paths."""
    paths = list(dict.fromkeys(Path(os.path.normpath(Path(folder).expanduser().absolute())) for folder in folders))
    specs: dict[str, ModelSpec] = {}
    for path in paths:
        label = _distinct_end(path, [other for other in paths if other != path])
        model = LOCAL + (label if LOCAL + path.name in specs else path.name)
        specs[model] = ModelSpec(model, label, "local", "", path)
    return tuple(specs.values())


def _distinct_end(path: Path, others: list[Path]) -> str:
    for length in range(1, len(path.parts)):
        end = path.parts[-length:]
        if not any(other.parts[-length:] == end for other in others):
            return "/".join(end)
    return path.as_posix().lstrip("/")


def _spec(name: str) -> ModelSpec:
    if name == BUNDLED:
        return ModelSpec(BUNDLED, bundled.LABEL, "bundled", bundled.LICENCE)
    return ModelSpec(name, name, "hub")


def find(model: str, settings: Settings) -> ModelSpec:
    """The model of that id.

    Raises:
        ModelNotAllowed: it is not in the operator's list, or no valid id.
    """
    available = {spec.id: spec for spec in available_models(settings)}
    if model in available:
        return available[model]
    if "*" in settings.models and HUB_ID.fullmatch(model) and not model.startswith(LOCAL):
        return ModelSpec(model, model, "hub")
    raise ModelNotAllowed(model=model[:100], allowed=", ".join(available))


def fetch(spec: ModelSpec, settings: Settings, progress: Progress) -> tuple[Path, str]:
    """Folder with the model's files, and its revision.

    Raises:
        ModelUnreachable, ModelUnknown, ModelUnsafe, ModelBroken, ModelAdapter: see `dashboard.errors`.
    """
    if spec.source == "bundled":
        return bundled.prepare(settings, progress)
    if spec.source == "hub":
        return hub.fetch(spec.id, settings)
    assert spec.folder is not None
    with explain_file_errors(spec.id):
        config = model_folder.read_config(spec.folder, spec.id)
        model_folder.check_links(spec.folder, spec.id)
        return spec.folder, model_folder.revision(spec.folder, model_folder.weight_names(spec.folder, config, spec.id))


def check(folder: Path, spec: ModelSpec, settings: Settings, device: str) -> dict[str, model_folder.StoredTensor]:
    """The tensors in a model's weight files; raises where it cannot be loaded here.

    Raises:
        ModelBroken, ModelUnsafe, ModelAdapter, ModelEncoderDecoder, ModelTypeUnknown, ModelWithoutHead,
            ModelQuantized, ModelTooLarge: see `dashboard.errors`.
    """
    with explain_file_errors(spec.id):
        config = model_folder.read_config(folder, spec.id)
        model_folder.check_links(folder, spec.id)
        names = model_folder.weight_names(folder, config, spec.id)
        model_checks.check_kind(config, spec.id)
        tensors = model_folder.stored_tensors(folder, names, spec.id)
        model_checks.check_quantization(config, spec.id)
        model_checks.check_size(tensors, config, spec.id, settings.dtype, device)
    return tensors


def load(spec: ModelSpec, settings: Settings, device: str, progress: Progress) -> LoadedModel:
    """Load a model, with eager attention, in evaluation mode; the caller sets the kernel before sharing it.

    It is checked by `dashboard.engine.models.loaded_model`.

    Raises:
        DashboardError: ModelUnreachable, ModelUnsafe, ModelTooLarge and the others of `dashboard.errors` for a model.
    """
    from dashboard.engine.models import loaded_model

    folder, revision = fetch(spec, settings, progress)
    stored = check(folder, spec, settings, device)
    with explain_file_errors(spec.id):
        config, model, info = _from_files(folder, stored, spec, settings)
        tokenizer = _tokenizer(folder, spec.id)
    loaded_model.check_weights(model, config, info, stored, spec.id)
    model.eval()
    model.requires_grad_(False)
    model = model.to(device)
    loaded_model.check_finite(model, spec.id)
    loaded_model.check_passes(model, spec.id)
    return LoadedModel(spec, revision, folder, model, tokenizer)


def _from_files(
    folder: Path, stored: dict[str, model_folder.StoredTensor], spec: ModelSpec, settings: Settings
) -> tuple[Any, Any, dict[str, Any]]:
    """Configuration, model and transformers' loading info."""
    from transformers import AutoConfig, AutoModelForCausalLM

    from dashboard.engine.models.anatomy import has_heads

    config = AutoConfig.from_pretrained(folder, **_SAFE)
    if getattr(config, "is_encoder_decoder", False):
        raise ModelEncoderDecoder(model=spec.id, kind=config.model_type)
    if not has_heads(config):
        raise ModelWithoutAttention(model=spec.id, kind=config.model_type)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=pick_dtype(settings.dtype, config),
        attn_implementation="eager",
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused later, with their names
        key_mapping=dict(model_folder.UNWRAP) if model_folder.has_wrapper_names(stored) else None,
        **_SAFE,
    )
    return config, *loaded


def _tokenizer(folder: Path, model: str) -> Any:
    """The folder's tokenizer.

    Raises:
        TokenizerMissing: there is no vocabulary.
        TokenizerUnreadable: it cannot be read here.
        ModelUnsafe: it needs remote code.
    """
    from transformers import AutoTokenizer

    files = model_folder.vocabulary_files(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **_SAFE)
    except Exception as error:
        if is_memory(error):
            raise
        _LOG.warning("tokenizer of %s", model, exc_info=True)
        if "trust_remote_code" in str(error):
            raise ModelUnsafe(model=model, reason="its tokenizer brings code of its own (auto_map)") from error
        if not files:
            raise TokenizerMissing(model=model) from error
        raise TokenizerUnreadable(model=model, files=", ".join(files[:3]), reason=first_line(error)) from error
    if tokenizer.is_fast and not files:  # an empty one, of its class alone
        raise TokenizerMissing(model=model)
    return tokenizer
