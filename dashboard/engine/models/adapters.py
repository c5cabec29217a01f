"""LoRA adapters: the base that one belongs to, and both loaded as one model, W + s·B·A."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from dashboard.engine.api.model import split_revision
from dashboard.engine.hub import source
from dashboard.engine.model_files import adapter_folder, model_folder, quantization
from dashboard.engine.model_files.adapter_folder import Adapter
from dashboard.engine.model_files.model_folder import StoredTensor
from dashboard.engine.models.loaders import FolderLoader, Loader
from dashboard.errors import AdapterUnsupported, ModelAdapter
from dashboard.settings import Settings


def find_base(folder: Path, adapter: Adapter, settings: Settings) -> Path | None:
    """The folder of an adapter's base on this machine; ``None``: it is not here.

    A path that the adapter names, else a local model of the same name, else a model in the Hugging Face cache.
    """
    named = Path(adapter.base).expanduser()
    near = [path for path in (named, folder / named) if (path / model_folder.CONFIG).is_file()]
    local = (Path(path).expanduser().absolute() for path in settings.local_models)
    near += [path for path in local if path.name == named.name and (path / model_folder.CONFIG).is_file()]
    if near:
        return near[0]
    try:
        snapshot = source.on_this_machine(adapter.base, settings)
    except ValueError:  # no id that the hub could have
        return None
    return snapshot.folder if snapshot else None


def base_name(adapter: Adapter, base: Path | None) -> str:
    """The base as the adapter names it; one in Hugging Face's cache, whose folders are commits, at its commit."""
    if base is None or base.parent.name != "snapshots":
        return adapter.name
    return f"{split_revision(adapter.name)[0]}@{base.name}"


class AdapterLoader(Loader):
    """An adapter's folder and that of its base."""

    def __init__(self, path: Path, model: str, settings: Settings) -> None:
        super().__init__(path, model)
        self._adapter = adapter_folder.read_adapter(path, model)
        base = find_base(path, self._adapter, settings)
        if base is None:
            raise ModelAdapter(model=model, base=self._adapter.name)
        self._base = FolderLoader(base, model)

    def revision(self) -> str:  # noqa: D102
        adapter_folder.check_adapter(self.path, self._adapter, self.model)
        own = model_folder.revision(self.path, [adapter_folder.ADAPTER_WEIGHTS])
        return hashlib.sha256(f"{self._base.revision()} {own}".encode()).hexdigest()[:12]

    def check(self, settings: Settings, device: str) -> dict[str, StoredTensor]:  # noqa: D102
        model_folder.check_links(self.path, self.model)
        adapter_folder.check_adapter(self.path, self._adapter, self.model)
        return self._base.check(settings, device)

    def load(self, settings: Settings) -> tuple[Any, Any, dict[str, Any]]:  # noqa: D102
        config, model, info = self._base.load(settings)
        if quantization.is_packed(model):
            raise self._refusal("its base stays quantised")
        self._merge(model)
        return config, model, info

    def tokenizer(self) -> Any:  # noqa: D102
        own = model_folder.vocabulary_files(self.path)
        return FolderLoader(self.path, self.model).tokenizer() if own else self._base.tokenizer()

    def quantized(self) -> str:  # noqa: D102
        return self._base.quantized()

    def _refusal(self, reason: str) -> AdapterUnsupported:
        return AdapterUnsupported(model=self.model, base=self._adapter.name, reason=reason)

    def _merge(self, model: Any) -> None:
        """Put weights that were trained whole in the place of the base's, then add every module's s·B·A to its weight.

        Raises:
            AdapterUnsupported: a tensor has no place in the base, or a weight that it changes is used twice.
        """
        import torch
        from safetensors.torch import load_file

        factors: dict[str, dict[str, Any]] = {}
        whole: dict[str, Any] = {}
        for name, tensor in load_file(self.path / adapter_folder.ADAPTER_WEIGHTS).items():
            part = adapter_folder.lora_part(name)
            if part is None:
                whole[adapter_folder.replaced_weight(name)] = tensor
            else:
                factors.setdefault(part[0], {})[part[1]] = tensor
        weights = dict(model.named_parameters(remove_duplicate=False))
        with torch.no_grad():
            for name, tensor in whole.items():
                weight = self._weight(weights, name)
                if weight.shape != tensor.shape:
                    raise self._refusal(f"{name}: {tuple(tensor.shape)}, of the base {tuple(weight.shape)}")
                weight.copy_(tensor)
            for module, pair in factors.items():
                weight = self._weight(weights, f"{module}.weight")
                weight.add_(self._product(model, module, pair, weight))

    def _weight(self, weights: dict[str, Any], name: str) -> Any:
        weight = weights.get(name)
        if weight is None:
            raise self._refusal(f"the base has no {name}")
        if sum(other is weight for other in weights.values()) > 1:
            raise self._refusal(f"{name} is used twice in the base (tied)")
        return weight

    def _product(self, model: Any, module: str, pair: dict[str, Any], weight: Any) -> Any:
        """s·B·A as it is added to the weight, which some classes keep transposed."""
        import torch

        if pair.keys() != {"A", "B"}:
            raise self._refusal(f"{module}: one of its two factors is missing")
        a, b = (pair[name].to(weight.device, torch.float32) for name in "AB")
        turned = (
            isinstance(model.get_submodule(module), torch.nn.Embedding)
            or type(model.get_submodule(module)).__name__ == "Conv1D"
        )
        product = (b @ a) * self._adapter.scale(module, a.shape[0]) if b.shape[-1] == a.shape[0] else None
        if product is not None and turned:
            product = product.T
        if product is None or product.shape != weight.shape:
            raise self._refusal(f"{module}: {tuple(b.shape)} · {tuple(a.shape)} does not fit {tuple(weight.shape)}")
        return product.to(weight.dtype)
