"""Capture: one forward pass with the model's own fast kernel, recording what each layer's kernel was given.

transformers' attention interface takes a function that records references to query and key and then calls the ordinary
kernel. A context variable says whether, and into what, a thread records: there is no global state, and a shared model
is set up once, before it is shared.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from dashboard.engine import prefix
from dashboard.engine.base import Job
from dashboard.engine.layers import KernelInputs, Layer, first_tensor
from dashboard.engine.limits import SWITCH, find_limits
from dashboard.engine.replay import Replay, find_attention_modules
from dashboard.errors import Cancelled, ModelBroken

SDPA, EAGER = "logitscope_sdpa", "logitscope_eager"
ROWS = 256
"""Query rows that the eager kernel computes at once: never T x T of all heads."""
CHECK_TOKENS = 12
CHECK_ERROR = 1e-4
"""A layer whose remade weights differ more from the model's own is not shown (float32)."""
HALF = 400
"""So much more may they differ in float16 and bfloat16, whose own eager weights are rounded."""


@dataclass
class _Record:
    """What one forward pass of one thread writes to."""

    job: Job
    keep: bool = True
    """Whether kernel inputs and the residual stream are kept; otherwise the job is followed, and `values` alone are."""
    inputs: dict[int, KernelInputs] = field(default_factory=dict)
    """id of the attention module -> what its kernel was given."""
    stream: list[Tensor] = field(default_factory=list)
    """(T, d) before the first block and after each."""
    values: list[Tensor] | None = None
    """(T, width) heads' values of each layer, side by side; ``None``: not wanted."""


_record: ContextVar[_Record | None] = ContextVar("capture", default=None)


@dataclass(frozen=True)
class Recording:
    """What one forward pass left behind."""

    layers: tuple[Layer | None, ...]
    """One a decoder layer; ``None`` where there is no attention map."""
    stream: tuple[Tensor, ...]
    """(T, d) the residual stream before the first block and after each."""
    nbytes: int
    """Memory that the layers keep alive, shared storages counted once [bytes]."""


class Capturer:
    """A model that is ready to be captured; see `install`."""

    def __init__(self, model: Any, blocks: list[nn.Module], kernel: str, replay: Replay | None) -> None:
        """Keep the model and how its layers are reached."""
        self.model = model
        self.kernel = kernel
        self.without_attention: tuple[tuple[int, str], ...] = ()
        self.weight_formula = "softmax(q·k)"
        self.plain = False
        """Whether the family's attention is our kernel and nothing but softmax(scaling · q·k), at any length."""
        self.reach = 0
        """Up to so many tokens it is, and computes the same whatever the text's length."""
        self._blocks = len(blocks)
        self._replay = replay
        self._layer_of = {id(module): i for i, block in enumerate(blocks) for module in block.modules()}
        self._takes_logits_to_keep = "logits_to_keep" in inspect.signature(model.forward).parameters
        for i, block in enumerate(blocks):
            block.register_forward_pre_hook(_announce(i, len(blocks)), with_kwargs=True)
            block.register_forward_hook(_passed)

    def forward(self, ids: tuple[int, ...], job: Job, **model_kwargs: Any) -> tuple[Any, Recording]:
        """One forward pass over `ids`, recording; the logits of the last position only where the model can.

        Args:
            ids: token ids.
            job: its cancel is checked and its progress told at every layer.
            model_kwargs: passed on to the model.

        Raises:
            Cancelled: ``job.cancel`` was set.
        """
        with _recording(job) as record, self._replayed() as inputs:
            output = self._pass(ids, **model_kwargs)
        layers: list[Layer | None] = [None] * self._blocks
        found: Mapping[int, Any] = record.inputs if self._replay is None else inputs
        for module, layer in found.items():
            layers[self._layer_of[module]] = layer
        shown = self.without_attention
        for i, _ in shown:
            layers[i] = None
        storages = {k: v for layer in layers if layer is not None for k, v in layer.storages().items()}
        return output, Recording(tuple(layers), tuple(record.stream), sum(storages.values()))

    def head_values(self, ids: tuple[int, ...], job: Job) -> tuple[Tensor, ...]:
        """(T, width) of each layer: the heads' values side by side, by one more forward pass.

        Raises:
            Cancelled: ``job.cancel`` was set.
        """
        with _recording(job, keep=False) as record:
            record.values = []
            self._pass(ids)
            return tuple(record.values)

    def _pass(self, ids: tuple[int, ...], **model_kwargs: Any) -> Any:
        if self._takes_logits_to_keep:
            model_kwargs.setdefault("logits_to_keep", 1)
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            return self.model(input_ids=torch.tensor([ids], device=device), use_cache=False, **model_kwargs)

    def _replayed(self) -> contextlib.AbstractContextManager[dict[int, Any]]:
        return contextlib.nullcontext({}) if self._replay is None else self._replay.recording()


@contextlib.contextmanager
def following(job: Job) -> Iterator[None]:
    """Forward passes of this thread tell `job` their progress and end when it is cancelled."""
    with _recording(job, keep=False):
        yield


@contextlib.contextmanager
def _recording(job: Job, *, keep: bool = True) -> Iterator[_Record]:
    record = _Record(job, keep)
    token = _record.set(record)
    try:
        yield record
    finally:
        _record.reset(token)


def _announce(layer: int, layers: int) -> Callable[..., None]:
    """A permanent hook before a decoder layer: cancel and progress of the thread that runs it, if it records."""

    def hook(_module: nn.Module, args: Any, kwargs: Any) -> None:
        record = _record.get()
        if record is not None:
            if record.job.cancel.is_set():
                raise Cancelled
            record.job.progress(layer / layers)
            if layer == 0 and record.keep:
                record.stream.append(_whole((*args, *kwargs.values())))

    return hook


def _passed(_module: nn.Module, _args: Any, output: Any) -> None:
    """A permanent hook after a decoder layer: the residual stream as it leaves it."""
    record = _record.get()
    if record is not None and record.keep:
        record.stream.append(_whole(output))


def keep_values(_module: nn.Module, args: Any) -> None:
    """A permanent hook before the projection of a layer's heads: their values, for a thread that wants them."""
    record = _record.get()
    if record is not None and record.values is not None:
        record.values.append(_whole(args))


def _whole(values: Any) -> Tensor:
    """(T, d) of the first tensor, which is (1, T, d)."""
    found = first_tensor(values)
    assert found is not None
    return found[0].detach()


# -- the attention functions --------------------------------------------------------------------------------------
def _remember(module: nn.Module, query: Tensor, key: Tensor, mask: Tensor | None, kwargs: dict[str, Any]) -> None:
    record = _record.get()
    if record is None or not record.keep:
        return
    scaling = kwargs.get("scaling")
    bias = kwargs.get("position_bias")
    record.inputs[id(module)] = KernelInputs(
        query=query[0].detach(),
        key=key[0].detach(),
        mask=None if mask is None else mask[0].detach(),
        scaling=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        softcap=kwargs.get("softcap"),
        sinks=None if kwargs.get("s_aux") is None else kwargs["s_aux"].detach(),
        bias=None if bias is None else bias[0].detach(),
    )


def _sdpa(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> Any:
    rows = prefix.current()
    if rows is not None:
        return rows.attend(module, query, key, value, kwargs.get("scaling")), None
    _remember(module, query, key, attention_mask, kwargs)
    return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)


def _eager(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> Any:
    """The family's own eager attention, in blocks of query rows, for families that SDPA cannot serve."""
    _remember(module, query, key, attention_mask, kwargs)
    own = own_eager(module)
    outputs = []
    for start in range(0, query.shape[2], ROWS):
        stop = min(start + ROWS, query.shape[2])
        mask = _additive(attention_mask, query, key, start, stop)
        outputs.append(own(module, query[:, :, start:stop], key, value, mask, **kwargs)[0])
    return torch.cat(outputs, 1), None


def _additive(mask: Tensor | None, query: Tensor, key: Tensor, start: int, stop: int) -> Tensor:
    """(1, 1 or head, R, T) additive mask of query rows [start, stop)."""
    if mask is not None and mask.dtype != torch.bool:
        return mask[:, :, start:stop]
    if mask is not None:
        allowed = mask[:, :, start:stop]
    else:
        first = key.shape[2] - query.shape[2]  # keys of a cache come before the queries
        rows = torch.arange(first + start, first + stop, device=query.device)[:, None]
        allowed = (torch.arange(key.shape[2], device=query.device) <= rows)[None, None]
    zeros = torch.zeros(allowed.shape, dtype=query.dtype, device=query.device)
    return zeros.masked_fill_(~allowed, torch.finfo(query.dtype).min)


def own_eager(module: nn.Module) -> Callable[..., Any]:
    """The family's own eager attention: the very function that transformers itself would call."""
    for cls in type(module).__mro__:
        function = getattr(sys.modules.get(cls.__module__), "eager_attention_forward", None)
        if function is not None:
            return function  # type: ignore[no-any-return]
    raise LookupError(f"{type(module).__name__} has no eager attention of its own")


AttentionInterface.register(SDPA, _sdpa)
AttentionInterface.register(EAGER, _eager)
# without a mask function of the same name the mask arrives in another form
AttentionMaskInterface.register(SDPA, sdpa_mask)
AttentionMaskInterface.register(EAGER, sdpa_mask)


# -- setting a model up -------------------------------------------------------------------------------------------
def install(model: Any) -> Capturer:
    """Make `model` ready to be captured; once, after loading with ``attn_implementation="eager"``, before sharing it.

    Raises:
        ModelBroken: the decoder layers cannot be found, or no layer's weights can be remade exactly.
    """
    name = type(model).__name__
    blocks = decoder_blocks(model)
    if not blocks:
        raise ModelBroken(model=name, reason="its decoder layers were not found")
    # ids the tokenizer knows to be harmless are not known here; any do for a check of attention
    vocab = model.get_input_embeddings().weight.shape[0]
    ids = tuple(3 + (7 * i) % min(vocab - 3, 97) for i in range(CHECK_TOKENS)) if vocab > 4 else (0,) * CHECK_TOKENS
    own, modules = find_attention_modules(model, ids)
    kernel = SDPA if getattr(model, "_supports_sdpa", False) else EAGER
    capturer = _through_interface(model, blocks, kernel, ids)
    if capturer is None and modules:
        model.set_attn_implementation("eager")
        capturer = Capturer(model, blocks, "replay", Replay(modules))
    if capturer is None:
        capturer = Capturer(model, blocks, "none", None)
    _check(capturer, model, ids, own)
    return capturer


def decoder_blocks(model: Any) -> list[nn.Module]:
    """The decoder layers: the first list of modules that has as many entries as the model has layers."""
    layers = model.config.get_text_config().num_hidden_layers
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == layers)
    return list(next(lists, []))


def _through_interface(model: Any, blocks: list[nn.Module], kernel: str, ids: tuple[int, ...]) -> Capturer | None:
    """A capturer through the attention interface; ``None`` when the family does not call it."""
    try:
        model.set_attn_implementation(kernel)
    except ValueError:
        return None
    with _recording(Job()) as record, torch.inference_mode():
        model(input_ids=torch.tensor([ids], device=next(model.parameters()).device), use_cache=False)
    if not record.inputs:
        return None
    capturer = Capturer(model, blocks, kernel.removeprefix("logitscope_"), None)
    capturer.weight_formula = formula(next(iter(record.inputs.values())), record.inputs.values())
    terms = [(layer.softcap, layer.sinks, layer.bias, layer.mask) for layer in record.inputs.values()]
    if kernel == SDPA and all(x is None for some in terms for x in some):
        limits = find_limits(model)
        capturer.reach = min((limit.length for limit in limits), default=sys.maxsize)
        capturer.plain = all(limit.name == SWITCH for limit in limits)
    return capturer


def _check(capturer: Capturer, model: Any, ids: tuple[int, ...], own: list[Tensor]) -> None:
    """Compare what is remade with the model's own eager weights; note the layers that have none or differ."""
    _, recording = capturer.forward(ids, Job())
    types = getattr(model.config.get_text_config(), "layer_types", None) or []
    there = [(i, layer) for i, layer in enumerate(recording.layers) if layer is not None]
    without = {
        i: types[i] if i < len(types) and "full" not in types[i] else "no attention"
        for i, layer in enumerate(recording.layers)
        if layer is None
    }
    # a hybrid model returns weights of its attention layers only, in order
    for (i, layer), weights in zip(there, own if len(own) == len(there) else [], strict=False):
        with torch.inference_mode():
            error = (layer.weights(None, (0, len(ids))) - weights.float()).abs().max().item()
        if not error <= CHECK_ERROR * (1 if weights.dtype == torch.float32 else HALF):
            without[i] = "cannot be remade exactly"
    if there and len(own) != len(there):
        without |= dict.fromkeys((i for i, _ in there), "cannot be checked against the model's own weights")
    capturer.without_attention = tuple(sorted(without.items()))
    if capturer.kernel == "replay":
        capturer.weight_formula = "softmax of the family's own eager attention, one layer run again"


def formula(first: KernelInputs, inputs: Any) -> str:
    """How a weight is made, as plain text: ``softmax(q·k/√64)`` with the family's own terms."""
    root = 1 / first.scaling**2
    text = f"q·k/√{round(root)}" if abs(root - round(root)) < 1e-3 * root else f"{first.scaling:.4g}·q·k"
    if first.softcap is not None:
        text = f"{first.softcap:g}·tanh({text}/{first.softcap:g})"
    if first.bias is not None:
        text += " + position bias"
    extra = ", learned sink" if first.sinks is not None else ""
    if any(layer.mask is not None for layer in inputs):
        extra += ", within a window"
    return f"softmax({text}{extra})"
