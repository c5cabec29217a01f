"""How models are read from their files, by kind of file: folders of safetensors, GGUF files."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dashboard.engine.device.devices import pick_dtype
from dashboard.engine.device.memory import first_line, is_memory
from dashboard.engine.model_files import gguf_file, model_checks, model_folder, quantization
from dashboard.engine.model_files.model_folder import StoredTensor
from dashboard.errors import (
    GgufArchitectureUnknown,
    ModelEncoderDecoder,
    ModelUnsafe,
    ModelWithoutAttention,
    TokenizerMissing,
    TokenizerUnreadable,
)
from dashboard.settings import Settings

_LOG = logging.getLogger(__name__)
_SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_NO_ADAPTER = "no adapter"
"""A folder that is not there: else an adapter beside a model changes it wherever PEFT happens to be installed."""


class Loader(ABC):
    """A model's files of one kind; `model` is its id, for messages."""

    def __init__(self, path: Path, model: str) -> None:
        self.path, self.model = path, model

    @abstractmethod
    def revision(self) -> str:
        """Twelve hex digits of a hash over the files. Raises where they are damaged, as `check`."""

    @abstractmethod
    def check(self, settings: Settings, device: str) -> dict[str, StoredTensor]:
        """The tensors of the files; raises the ``Model…`` errors where the model cannot be loaded on `device`."""

    @abstractmethod
    def load(self, settings: Settings) -> tuple[Any, Any, dict[str, Any]]:
        """Configuration, model with eager attention, and transformers' loading info; behind `check`."""

    @abstractmethod
    def tokenizer(self) -> Any:
        """The model's tokenizer.

        Raises:
            TokenizerMissing: there is no vocabulary.
            TokenizerUnreadable: it cannot be read here.
            ModelUnsafe: it needs remote code.
        """

    @abstractmethod
    def quantized(self) -> str:
        """How the weights are stored: a quantisation method; empty for plain numbers."""


class FolderLoader(Loader):
    """A folder as ``save_pretrained`` writes it."""

    _tensors: Mapping[str, StoredTensor] = MappingProxyType({})
    """Those that `check` saw."""

    def revision(self) -> str:  # noqa: D102
        config = model_folder.read_config(self.path, self.model)
        model_folder.check_links(self.path, self.model)
        return model_folder.revision(self.path, model_folder.weight_names(self.path, config, self.model))

    def check(self, settings: Settings, device: str) -> dict[str, StoredTensor]:  # noqa: D102
        config = model_folder.read_config(self.path, self.model)
        model_folder.check_links(self.path, self.model)
        names = model_folder.weight_names(self.path, config, self.model)
        model_checks.check_kind(config, self.model)
        tensors = self._tensors = model_folder.stored_tensors(self.path, names, self.model)
        quantization.check_quantization(config, self.model, device)
        model_checks.check_size(tensors, config, self.model, settings.dtype, device)
        return tensors

    def load(self, settings: Settings) -> tuple[Any, Any, dict[str, Any]]:  # noqa: D102
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(self.path, **_SAFE)
        told = quantization.dequantizing(model_folder.read_config(self.path, self.model))
        more = {"quantization_config": told} if told is not None else {}
        wrapped = model_folder.has_wrapper_names(self._tensors)
        names = {"key_mapping": dict(model_folder.UNWRAP)} if wrapped else {}
        return config, *_from_pretrained(self.path, config, self.model, settings, **more, **names)

    def tokenizer(self) -> Any:  # noqa: D102
        files = model_folder.vocabulary_files(self.path)
        tokenizer = _read_tokenizer(self.path, self.model, files)
        if tokenizer.is_fast and not files:  # an empty one, of its class alone
            raise TokenizerMissing(model=self.model)
        return tokenizer

    def quantized(self) -> str:  # noqa: D102
        quantized = quantization.quantization_of(model_folder.read_config(self.path, self.model))
        return quantization.method_of(quantized) if quantized else ""


class GgufLoader(Loader):
    """One GGUF file, which transformers dequantises while it reads it."""

    @cached_property
    def _header(self) -> gguf_file.GgufHeader:
        return gguf_file.read_header(self.path, self.model)

    def revision(self) -> str:  # noqa: D102
        return gguf_file.revision(self.path, self._header)

    def check(self, settings: Settings, device: str) -> dict[str, StoredTensor]:  # noqa: D102
        gguf_file.check_header(self._header, self.model)
        tensors = self._header.as_loaded()
        model_checks.check_size(tensors, {}, self.model, settings.dtype, device)
        return tensors

    def load(self, settings: Settings) -> tuple[Any, Any, dict[str, Any]]:  # noqa: D102
        from transformers import GgufConfig

        config = self._config()
        more = {"gguf_file": self.path.name, "quantization_config": GgufConfig(dequantize=True)}
        return config, *_from_pretrained(self.path.parent, config, self.model, settings, **more)

    def _config(self) -> Any:
        """Raises GgufArchitectureUnknown where transformers does not read such files."""
        import transformers

        try:
            return transformers.AutoConfig.from_pretrained(self.path.parent, gguf_file=self.path.name, **_SAFE)
        except ValueError as error:
            if "not supported" not in str(error):
                raise
            kind = self._header.metadata["general.architecture"][:100]
            version = transformers.__version__
            raise GgufArchitectureUnknown(model=self.model, kind=kind, version=version) from error

    def tokenizer(self) -> Any:  # noqa: D102
        if not self._header.metadata.get("tokenizer.ggml.tokens"):
            raise TokenizerMissing(model=self.model)
        return _read_tokenizer(self.path.parent, self.model, [self.path.name], gguf_file=self.path.name)

    def quantized(self) -> str:  # noqa: D102
        return self._header.quantized


def _from_pretrained(folder: Path, config: Any, model: str, settings: Settings, **more: Any) -> tuple[Any, Any]:
    """Model and transformers' loading info.

    Raises:
        ModelEncoderDecoder, ModelWithoutAttention: by the configuration.
    """
    from transformers import AutoModelForCausalLM

    from dashboard.engine.models.anatomy import has_heads

    if getattr(config, "is_encoder_decoder", False):
        raise ModelEncoderDecoder(model=model, kind=config.model_type)
    if not has_heads(config):
        raise ModelWithoutAttention(model=model, kind=config.model_type)
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=pick_dtype(settings.dtype, config),
        attn_implementation="eager",
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused later, with their names
        adapter_kwargs={"subfolder": _NO_ADAPTER},
        **more,
        **_SAFE,
    )
    return loaded[0], loaded[1]


def _read_tokenizer(folder: Path, model: str, files: list[str], **more: Any) -> Any:
    """As `Loader.tokenizer`; `files` have its vocabulary."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, **more, **_SAFE)
    except Exception as error:
        if is_memory(error):
            raise
        _LOG.warning("tokenizer of %s", model, exc_info=True)
        if "trust_remote_code" in str(error):
            raise ModelUnsafe(model=model, reason="its tokenizer brings code of its own (auto_map)") from error
        if not files:
            raise TokenizerMissing(model=model) from error
        raise TokenizerUnreadable(model=model, files=", ".join(files[:3]), reason=first_line(error)) from error
