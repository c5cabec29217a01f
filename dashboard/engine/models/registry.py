"""Model registry: the bundled model, models of the hub and its caches, local folders and files; and loading them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dashboard.engine.api.model import CallControl, ModelSpec, PinnedCommit, short_commit, split_revision
from dashboard.engine.device.devices import known_memory, pick_device
from dashboard.engine.hub import source
from dashboard.engine.hub.listing import CachedModel, cached_models
from dashboard.engine.hub.pins import public_name
from dashboard.engine.model_files import model_checks, model_folder, quantization
from dashboard.engine.model_files.adapter_folder import is_adapter, read_adapter
from dashboard.engine.model_files.gguf_file import is_gguf
from dashboard.engine.model_files.inventory import FolderFacts, folder_facts
from dashboard.engine.models import bundled
from dashboard.engine.models.adapters import AdapterLoader, base_name, find_base
from dashboard.engine.models.failures import explain_file_errors
from dashboard.engine.models.loaders import FolderLoader, GgufLoader, Loader
from dashboard.errors import DashboardError, ModelNotAllowed
from dashboard.settings import BUNDLED, CACHED, Settings

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
HUB_ID = re.compile(rf"(?!.*(\.\.|--|//|/$|/@|\.lock$)){_PART}(/{_PART})?(@[A-Za-z0-9_][A-Za-z0-9._/+-]{{0,127}})?")
"""``name`` or ``owner/name``, and after ``@`` a branch, tag or commit."""
ANY, ANY_REVISION = "*", "@*"
"""In the operator's list: any id of the hub; after a name, any revision of it; all that is in the machine's caches."""
NAMED_MODELS = 12
"""Most models that a message names."""
LOCAL = "local/"


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to be set up."""

    spec: ModelSpec
    revision: str
    model: Any
    tokenizer: Any
    quantized: str = ""
    """How its weights are stored: a quantisation method; empty for plain numbers."""


def available_models(settings: Settings) -> tuple[ModelSpec, ...]:
    """The models that a person can choose: bundled, on this machine, on the hub; within each in the operator's order.

    ``cache/*`` in the operator's list stands for all that are in this machine's Hugging Face caches.
    """
    cached = cached_models(settings)
    names = [name.removesuffix(ANY_REVISION) for name in settings.models if name not in (ANY, CACHED)]
    specs = [_spec(name, cached, settings) for name in dict.fromkeys(names)]
    specs += _local(settings)
    if CACHED in settings.models:
        specs += [_spec(name, cached, settings) for name in cached if name not in names]
    return tuple(sorted(specs, key=lambda spec: (spec.source != "bundled", not spec.here)))


def _local(settings: Settings) -> list[ModelSpec]:
    """Local folders and files by their names; where names are equal, later ones by a longer end of their paths."""
    folders = settings.local_models
    paths = list(dict.fromkeys(Path(os.path.normpath(Path(folder).expanduser().absolute())) for folder in folders))
    specs: dict[str, ModelSpec] = {}
    for path in paths:
        label = _distinct_end(path, [other for other in paths if other != path])
        model = LOCAL + (label if LOCAL + path.name in specs else path.name)
        specs[model] = _local_spec(ModelSpec(model, label, "local", folder=path), path, settings)
    return list(specs.values())


def _local_spec(spec: ModelSpec, path: Path, settings: Settings) -> ModelSpec:
    """The same with what kind of files they are, and what they take."""
    facts = folder_facts(path, settings.dtype)
    if is_gguf(path):
        spec = replace(spec, source="gguf")
    elif is_adapter(path):
        spec = replace(spec, source="adapter")
        with contextlib.suppress(DashboardError):  # said when it is opened
            adapter = read_adapter(path, spec.id)
            base = find_base(path, adapter, settings)
            spec = replace(spec, base=base_name(adapter, base))
            facts = folder_facts(base, settings.dtype) if base else None
    return _with_facts(spec, facts, settings)


def _loader(path: Path, spec: ModelSpec, settings: Settings) -> Loader:
    """What reads the files at `path`."""
    if is_gguf(path):
        return GgufLoader(path, spec.id)
    return AdapterLoader(path, spec.id, settings) if is_adapter(path) else FolderLoader(path, spec.id)


def _distinct_end(path: Path, others: list[Path]) -> str:
    for length in range(1, len(path.parts)):
        end = path.parts[-length:]
        if not any(other.parts[-length:] == end for other in others):
            return "/".join(end)
    return path.as_posix().lstrip("/")


def _spec(name: str, cached: Mapping[str, CachedModel], settings: Settings) -> ModelSpec:
    if name == BUNDLED:
        converted = bundled.converted_model(settings)
        spec = ModelSpec(BUNDLED, bundled.LABEL, "bundled", bundled.LICENCE)
        return _with_facts(spec, folder_facts(converted[0], settings.dtype) if converted else None, settings)
    spec = ModelSpec(name, short_commit(name), "hub", here=name in cached)
    return _with_facts(spec, cached[name].facts if name in cached else None, settings)


def _with_facts(spec: ModelSpec, facts: FolderFacts | None, settings: Settings) -> ModelSpec:
    if facts is None or not facts.opens:
        return spec
    memory = known_memory(settings.device)
    return replace(spec, nbytes=facts.nbytes, fits=None if memory is None else facts.memory <= memory)


def find(model: str, settings: Settings) -> ModelSpec:
    """The model of that id.

    Raises:
        ModelNotAllowed: it is not in the operator's list, or no valid id.
    """
    available = {spec.id: spec for spec in available_models(settings)}
    if model in available:
        return available[model]
    if HUB_ID.fullmatch(model) and not model.startswith(LOCAL):
        name, revision = split_revision(model)
        snapshot = source.on_this_machine(model, settings)
        spec = ModelSpec(model, short_commit(model), "hub", here=snapshot is not None)
        spec = _with_facts(spec, folder_facts(snapshot.folder, settings.dtype) if snapshot else None, settings)
        if (CACHED in settings.models and spec.here) or (revision and name + ANY_REVISION in settings.models):
            return spec
        if ANY in settings.models:
            return replace(spec, ask_hub=True)
    names = [name for name in available if name in settings.models] or list(available)
    more = ", …" if len(names) > NAMED_MODELS else ""
    raise ModelNotAllowed(model=model[:100], allowed=", ".join(names[:NAMED_MODELS]) + more)


def fetch(spec: ModelSpec, settings: Settings, control: CallControl) -> tuple[Path, str]:
    """Folder with the model's files, and its revision.

    Raises:
        DashboardError: what `dashboard.engine.hub.source.fetch` and `dashboard.engine.models.bundled.prepare` raise,
            and of a folder ModelBroken, ModelAdapter, FolderMissing and the like.
    """
    if spec.source == "bundled":
        return bundled.prepare(settings, control.progress)
    if spec.source == "hub":
        check = partial(_check_before_weights, spec.id, settings)
        return source.fetch(spec.id, settings, control, check, ask_hub=spec.ask_hub)
    assert spec.folder is not None
    with explain_file_errors(spec.id):
        return spec.folder, _loader(spec.folder, spec, settings).revision()


def hub_name(spec: ModelSpec, settings: Settings) -> str:
    """The model's name on the hub, where that is another than it is asked for by; else empty."""
    name = public_name(spec.id, settings) if spec.source == "hub" else None
    return name if name and name != split_revision(spec.id)[0] else ""


def newest_commit(model: str, settings: Settings) -> PinnedCommit:
    """The commit that this server keeps to for `model`, and the hub's. Raises as `fetch`."""
    find(model, settings)
    return source.commits(model, settings)


def _check_before_weights(
    model: str, settings: Settings, config: dict[str, Any], tensors: Mapping[str, model_folder.StoredTensor]
) -> None:
    model_checks.check_kind(config, model)
    device = pick_device(settings.device)
    quantization.check_quantization(config, model, device)
    model_checks.check_size(tensors, config, model, settings.dtype, device)


def check(folder: Path, spec: ModelSpec, settings: Settings, device: str) -> dict[str, model_folder.StoredTensor]:
    """The tensors in a model's weight files; raises where it cannot be loaded here.

    Raises:
        ModelBroken, ModelUnsafe, ModelAdapter, ModelEncoderDecoder, ModelTypeUnknown, ModelWithoutHead,
            ModelQuantized, QuantizationPackageMissing, QuantizationNeedsGpu, ModelTooLarge: see `dashboard.errors`.
    """
    with explain_file_errors(spec.id):
        return _loader(folder, spec, settings).check(settings, device)


def load(spec: ModelSpec, settings: Settings, device: str, control: CallControl) -> LoadedModel:
    """Load a model, with eager attention, in evaluation mode; the caller sets the kernel before sharing it.

    It is checked by `dashboard.engine.models.loaded_model`.

    Raises:
        DashboardError: ModelUnreachable, ModelUnsafe, ModelTooLarge and the others of `dashboard.errors` for a model.
    """
    from dashboard.engine.models import loaded_model

    folder, revision = fetch(spec, settings, control)
    with explain_file_errors(spec.id):
        loader = _loader(folder, spec, settings)
        stored = loader.check(settings, device)
        config, model, info = loader.load(settings)
        tokenizer = loader.tokenizer()
    loaded_model.check_weights(model, config, info, stored, spec.id)
    model.eval()
    model.requires_grad_(False)
    model = model.to(device)
    loaded_model.check_finite(model, spec.id)
    loaded_model.check_passes(model, spec.id)
    return LoadedModel(spec, revision, model, tokenizer, loader.quantized())
