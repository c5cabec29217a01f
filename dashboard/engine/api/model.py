"""A loaded model, a prompt as it reads it, a forward pass, and how a caller follows a long call."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.request import RunQuestion
from dashboard.run_key import ModelVersion, RunKey
from dashboard.tokens import Token


@dataclass(frozen=True)
class CallControl:
    """How a caller follows and stops a long call."""

    cancel: Event = field(default_factory=Event)
    """Set it and the call raises ``Cancelled`` at the next layer or block."""
    progress: Callable[[float], None] = lambda _share: None
    """Called with the share done in [0, 1]; from the thread that computes."""
    on_queue: Callable[[int], None] = lambda _before: None
    """Called with how many others are before it while it waits for the device, and with 0 when it has it."""
    on_download: Callable[[int, int], None] = lambda _done, _total: None
    """Called with the bytes of a model that are fetched and those to be fetched in all, while it is downloaded."""


@dataclass(frozen=True)
class ResidualStreamMap:
    """Where the residual stream is read in this model, as names of modules for ``get_submodule``."""

    blocks: str
    """The list of decoder layers."""
    final_modules: tuple[str, ...]
    """What runs between the last of them and the head."""
    output_projection: tuple[str, ...]
    """(layer,) below its block: the projection of the heads' values to the residual's width."""
    after_projection: tuple[tuple[str, ...], ...]
    """(layer,) below its block: what runs on that before it is added."""
    scale: tuple[float, ...]
    """(layer,) what it is multiplied by."""
    softcap: float | None
    """Of the final logits."""
    why_no_lens: str
    """Why there is no lens; empty when there is. These three are ids below ``lens.refused.``."""
    why_no_half_steps: str
    why_no_attribution: str


def split_revision(model: str) -> tuple[str, str]:
    """Name on the hub and revision of an id: ``gpt2@v1`` is ``("gpt2", "v1")``; without one the second is empty."""
    name, _, revision = model.partition("@")
    return name, revision


def short_commit(model: str) -> str:
    """An id for people: of a commit the first twelve digits alone."""
    return re.sub(r"(@[0-9a-f]{12})[0-9a-f]{28}$", r"\1", model)


@dataclass(frozen=True)
class ModelSpec:
    """One model that may be chosen."""

    id: str
    """As in the link: of the hub ``name`` or ``name@revision``, a branch, tag or commit."""
    label: str
    source: str
    """``bundled``, ``hub``, ``local``, ``gguf`` or ``adapter``."""
    licence: str = ""
    folder: Path | None = None
    """Of a local model; of one that is a GGUF file, this file."""
    base: str = ""
    """Of an adapter: the model that it belongs to, as it names it; at its commit where Hugging Face's cache has it."""
    ask_hub: bool = False
    """Allowed because any id is: the hub has to show it to everybody, whatever this machine's cache holds."""
    here: bool = True
    """On this machine: nothing has to be downloaded."""
    nbytes: int | None = None
    """Of the weights as they are stored; ``None`` where that is not known."""
    fits: bool | None = None
    """Whether its weights, in the operator's dtype, fit into the device's memory; ``None`` where that is not known."""


@dataclass(frozen=True)
class PinnedCommit:
    """The commit that a server keeps to for an id, beside what the hub has now."""

    model: str
    """Id."""
    pinned: str
    """Empty where the model was never opened."""
    newest: str
    """Of `branch` on the hub."""
    branch: str
    """Or tag; of an id that names a commit, the default branch."""


@dataclass(frozen=True)
class ModelCard:
    """What is loaded, as far as a person wants to know."""

    model: str
    """Registry id."""
    label: str
    revision: str
    source: str
    """As `ModelSpec.source`."""
    licence: str
    """As the model's own card says; empty when unknown."""
    architecture: str
    """Class in transformers, e.g. ``LlamaForCausalLM``."""
    layers: int
    heads: int
    """Query heads of a layer; where layers differ, here and in the next two, the most."""
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    """Most tokens that one prompt may have here: what the model reads, or the operator's limit."""
    parameters: int
    dtype: str
    device: str
    device_name: str
    kernel: str
    """``sdpa``, ``eager`` (the family's own, in blocks) or ``replay`` (old style: one layer run again on demand)."""
    weight_formula: str
    """How this family makes a weight, e.g. ``softmax(q·k/√64)``; plain text."""
    chat: bool
    """Whether the tokenizer has a chat template."""
    without_attention: tuple[tuple[int, str], ...]
    """Layers that have no map to show, with the reason (``linear_attention`` …)."""
    stream: ResidualStreamMap
    transformers: str
    torch: str
    heads_by_layer: tuple[int, ...] = ()
    """(layer,) query heads of each layer, 0 where it has none; empty where all have `heads`."""
    uneven: bool = False
    """Layers differ in their heads, or in the width of these."""
    chat_reads: tuple[str, ...] = ()
    """What the chat template reads beside messages: ``thinking``, ``tools``, ``date`` (that of the day)."""
    rules: ModelRules = field(default_factory=ModelRules)
    """What the model's own generation config does to texts."""
    hub_name: str = ""
    """Its name on the hub, where it was renamed since."""
    quantized: str = ""
    """How its weights are stored (``fp8``, ``gptq``, ``GGUF Q8_0``); empty for plain numbers."""
    dequantized: bool = False
    """Such weights were made plain numbers of `dtype` when it was loaded; else it computes with them as stored."""
    base: str = ""
    """Of an adapter merged into its base: that base, as in `ModelSpec`."""

    @property
    def version(self) -> ModelVersion:
        """What of it changes numbers."""
        return ModelVersion(self.model, self.revision, self.dtype, self.device, self.transformers, self.torch)

    def run_key(self, prompt: TokenizedPrompt) -> RunKey:
        """The key of the run that would answer for this prompt here."""
        return RunKey(self.version, prompt.template, prompt.ids)

    def heads_of(self, layer: int) -> int:
        """Query heads of one layer."""
        return self.heads_by_layer[layer] if self.heads_by_layer else self.heads

    @property
    def all_heads(self) -> int:
        """Query heads of all layers."""
        return sum(map(self.heads_of, range(self.layers)))


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as the model reads it."""

    tokens: tuple[Token, ...]
    template: str
    """``raw`` or ``chat``."""
    left_out: tuple[Token, ...] = ()
    """What the tokenizer appends to every text (``</s>``, ``[SEP]``): not part of the prompt."""
    chat_template: str = ""
    """Which of the tokenizer's several chat templates it stands in; empty where there is one, or a default."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Token ids in order."""
        return tuple(token.id for token in self.tokens)


@dataclass(frozen=True)
class RunRequest(RunQuestion["RunSummary"]):
    """One forward pass with capture. Raises PromptTooLong, TokenBeyondModel, RunTooLarge."""


@dataclass(frozen=True)
class RunSummary:
    """A finished forward pass, as far as it is shown."""

    key: RunKey
    tokens: int
    seconds: float
    """Of the forward pass when it was made [s]."""
    nbytes: int
    """Memory that the run holds [bytes]."""
    logits_error: float
    """Largest |Δ| between the model's own logits of the last position and those remade from the kept residual."""
