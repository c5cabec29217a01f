"""A LoRA adapter's folder, as PEFT saves it: what it asks for, its tensors, and what is not merged here."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.engine.model_files import model_folder
from dashboard.errors import AdapterUnsupported, ModelBroken, ModelUnsafe

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_OTHER_FORMULAS = (
    *("use_dora", "use_qalora", "use_bdlora", "layer_replication", "alora_invocation_tokens", "arrow_config"),
    *("trainable_token_indices", "target_parameters", "monteclora_config"),
)
"""Of PEFT's configuration: with these a weight is not W + s·B·A."""
_INITIAL = ("true", "false", "none", "gaussian", "orthogonal", "eva")
"""Ways of beginning a training that leave the base's weights as they are."""
_PREFIX = "base_model.model."
_LORA = re.compile(r"(.+)\.lora_(embedding_)?([AB])(?:\.weight)?")


@dataclass(frozen=True)
class Adapter:
    """What an adapter does to its base."""

    base: str
    """As its configuration names it: an id on the hub or a path."""
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """The base for people: of a path, its last part alone, as folders of a server are nobody's business."""
        is_path = re.match(r"[/\\~.]|[A-Za-z]:", self.base)
        return (re.split(r"[/\\]", self.base.rstrip("/\\"))[-1] if is_path else self.base)[:100]

    def scale(self, module: str, rank: int) -> float:
        """What B·A of that module is multiplied by: alpha / r, or alpha / √r."""
        patterns = self.config.get("alpha_pattern") or {}
        matching = (alpha for name, alpha in patterns.items() if re.match(rf"(.*\.)?({name})$", module))
        alpha = next(matching, self.config["lora_alpha"])
        return float(alpha) / (math.sqrt(rank) if self.config.get("use_rslora") else rank)


def is_adapter(path: Path) -> bool:
    """Whether a folder holds an adapter alone, without a model."""
    return (path / ADAPTER_CONFIG).is_file() and not (path / model_folder.CONFIG).exists()


def read_adapter(folder: Path, model: str) -> Adapter:
    """The adapter's configuration.

    Raises:
        ModelBroken: it is damaged or names no base.
    """
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        base = config["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelBroken(model=model, reason=f"{ADAPTER_CONFIG}: {type(error).__name__}: {error}") from error
    if not isinstance(base, str) or not base:
        raise ModelBroken(model=model, reason=f"{ADAPTER_CONFIG}: base_model_name_or_path is {base!r}")
    revision = config.get("revision")
    return Adapter(f"{base}@{revision}" if revision and not Path(base).is_dir() else base, config)


def check_adapter(folder: Path, adapter: Adapter, model: str) -> dict[str, model_folder.StoredTensor]:
    """The tensors of an adapter that can be merged into its base by W + s·B·A.

    Raises:
        AdapterUnsupported: it is of another kind.
        ModelUnsafe: its weights are a pickle.
        ModelBroken: they are missing or damaged.
    """
    config = adapter.config
    kind = str(config.get("peft_type"))[:100]
    other = [name for name in _OTHER_FORMULAS if config.get(name)]
    initial = config.get("init_lora_weights", True)
    if kind != "LORA":
        reason = f"{kind} (peft_type)"
    elif other:
        reason = ", ".join(other)
    elif str(initial).lower() not in _INITIAL:
        reason = f"init_lora_weights = {initial}"
    else:
        reason = ""
    if reason:
        raise AdapterUnsupported(model=model, base=adapter.name, reason=reason)
    if not isinstance(config.get("lora_alpha"), int | float):
        raise ModelBroken(model=model, reason=f"{ADAPTER_CONFIG}: lora_alpha is {config.get('lora_alpha')!r}")
    if not (folder / ADAPTER_WEIGHTS).is_file() and (folder / "adapter_model.bin").is_file():
        raise ModelUnsafe(model=model, reason="it has no weights as safetensors")
    return model_folder.stored_tensors(folder, [ADAPTER_WEIGHTS], model)


def lora_part(name: str) -> tuple[str, str] | None:
    """Module and factor (``A`` or ``B``) that a tensor of an adapter is of; ``None``: it is no factor."""
    match = _LORA.fullmatch(name.removeprefix(_PREFIX))
    return (match[1], match[3]) if match else None


def replaced_weight(name: str) -> str:
    """The base's weight that a tensor of an adapter stands for, where it was trained as a whole."""
    return re.sub(r"\.(base_layer|modules_to_save(\.default)?)(?=\.)", "", name.removeprefix(_PREFIX))
