"""Capture: one forward pass with the model's own fast kernel, recording what each layer's kernel was given.

How a family can be captured is tried out on a few tokens when a model is loaded: the first way whose pass is the
model's own, and whose weights are those that the model itself returns, is taken. A shared model is set up once, before
it is shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine.api.model import Job
from dashboard.engine.capture import kernels
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer
from dashboard.engine.capture.kernels import EAGER, SDPA, NotUnderstood
from dashboard.engine.capture.limits import PROOF_TOKENS, SWITCH, WINDOWS, Proof
from dashboard.engine.capture.replay import OwnPass, own_pass, record_inputs
from dashboard.engine.models.anatomy import (
    FAMILY_ERRORS,
    check_ids,
    decoder_blocks,
    largest,
    layer_types,
    residual,
    run,
)
from dashboard.errors import Cancelled, ModelBroken

CHECK_TOKENS = 12
CHECK_ERROR = 1e-4
"""A layer whose remade weights differ more from the model's own is not shown, and a way whose logits differ more,
relative to the largest, is not taken (float32)."""
HALF = 400
"""So much more may they differ in float16 and bfloat16, whose own eager weights are rounded."""
SINK = ", learned sink"


@dataclass(frozen=True)
class Recording:
    """What one forward pass left behind."""

    layers: tuple[Layer | None, ...]
    """One a decoder layer; ``None`` where there is no attention map."""
    stream: tuple[Tensor, ...]
    """(T, d) the residual stream before the first block and after each; shorter where it is no such tensor."""
    nbytes: int
    """Memory that the layers keep alive, shared storages counted once [bytes]."""


class Capturer:
    """A model that is ready to be captured; see `install`."""

    def __init__(self, model: Any, blocks: Sequence[nn.Module], kernel: str) -> None:
        """Keep the model and how its layers are reached."""
        self.model = model
        self.blocks = tuple(blocks)
        self.layers = len(blocks) or largest(model.config.get_text_config(), "num_hidden_layers", default=1)
        self.kernel = kernel
        self.heads: tuple[int, ...] = ()
        """(layer,) query heads of each layer, 0 where it has none."""
        self.without_attention: tuple[tuple[int, str], ...] = ()
        self.weight_formula = "softmax(q·k)"
        self.gated = False
        """Whether learned sinks scale what a head gives and are no part of the weights."""
        self.plain = False
        """Whether the family's attention is our kernel and nothing but softmax(scaling · q·k), at any length."""
        self.reach = 0
        """Up to so many tokens it is, and computes the same whatever the text's length."""
        self._takes_logits_to_keep = "logits_to_keep" in inspect.signature(model.forward).parameters

    def forward(self, ids: tuple[int, ...], job: Job, **model_kwargs: Any) -> tuple[Any, Recording]:
        """One forward pass over `ids`, recording; the logits of the last position only where the model can.

        Args:
            ids: token ids.
            job: its cancel is checked and its progress told at every layer.
            model_kwargs: passed on to the model.

        Raises:
            Cancelled: ``job.cancel`` was set.
        """
        with kernels.recording(job, len(ids)) as record:
            output = self._pass(ids, **model_kwargs)
        hidden = {i for i, _ in self.without_attention}
        layers = [self._layer(record.inputs, i) if i not in hidden else None for i in range(self.layers)]
        storages = {k: v for layer in layers if layer is not None for k, v in layer.storages().items()}
        return output, Recording(tuple(layers), tuple(record.stream), sum(storages.values()))

    def _layer(self, inputs: Mapping[int, Sequence[Layer]], layer: int) -> Layer | None:
        """What the decoder layer's one attention was given."""
        attentions = inputs.get(layer, ())
        if len(attentions) != 1:
            return None
        only = attentions[0]
        return replace(only, sinks=None) if self.gated and isinstance(only, KernelInputs) else only

    def head_values(self, ids: tuple[int, ...], job: Job) -> tuple[Tensor, ...]:
        """(T, width) of each layer: the heads' values side by side, by one more forward pass.

        Raises:
            Cancelled: ``job.cancel`` was set.
        """
        with kernels.recording(job, keep=False) as record:
            record.values = []
            self._pass(ids)
            return tuple(record.values)

    def _pass(self, ids: tuple[int, ...], **model_kwargs: Any) -> Any:
        if self._takes_logits_to_keep:
            model_kwargs.setdefault("logits_to_keep", 1)
        return run(self.model, ids, **model_kwargs)


@contextmanager
def following(job: Job) -> Iterator[None]:
    """Forward passes of this thread tell `job` their progress and end when it is cancelled."""
    with kernels.recording(job, keep=False):
        yield


def _announce(layer: int, layers: int) -> Callable[..., None]:
    """A permanent hook before a decoder layer: cancel and progress of the thread that runs it, if it records."""

    def hook(_module: nn.Module, args: Any, kwargs: Any) -> None:
        record = kernels.current()
        if record is not None:
            if record.job.cancel.is_set():
                raise Cancelled
            record.job.progress(layer / layers)
            record.layer = layer
            record.inputs[layer] = []
            before = residual((*args, *kwargs.values()))
            if layer == 0 and record.keep and before is not None:
                record.stream.append(before)

    return hook


def _passed(_module: nn.Module, _args: Any, output: Any) -> None:
    """A permanent hook after a decoder layer: the residual stream as it leaves it."""
    record = kernels.current()
    if record is not None:
        record.layer = None
        after = residual(output)
        if record.keep and after is not None:
            record.stream.append(after)


def keep_values(_module: nn.Module, args: Any) -> None:
    """A permanent hook before the projection of a layer's heads: their values, for a thread that wants them."""
    record = kernels.current()
    if record is not None and record.values is not None:
        record.values.append(args[0].flatten(0, -2).detach())


# -- setting a model up -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Target:
    """A model that a way of capturing must be exact for: the loaded one, and its copy with small limits."""

    model: Any
    blocks: tuple[nn.Module, ...]
    ids: tuple[int, ...]
    own: OwnPass
    """Over `ids`."""

    @classmethod
    def of(cls, model: Any, tokens: int) -> _Target:
        """Register the permanent hooks, and run the model once."""
        ids, blocks = check_ids(model, tokens), decoder_blocks(model)
        for i, block in enumerate(blocks):
            block.register_forward_pre_hook(_announce(i, len(blocks)), with_kwargs=True)
            block.register_forward_hook(_passed)
        return cls(model, tuple(blocks), ids, own_pass(model, ids, len(blocks)))


def install(model: Any, proof: Proof | None = None) -> Capturer:
    """Make `model` ready to be captured; once, after loading with ``attn_implementation="eager"``, before sharing it.

    Args:
        model: as loaded.
        proof: on what a way is tried beyond the lengths at which the family changes.

    Raises:
        ModelBroken: the model cannot be run on a text alone.
    """
    try:
        proof = proof or Proof.of(model)
        targets = [_Target.of(model, CHECK_TOKENS)]
        if proof.short is not None:
            targets.append(_Target.of(proof.short, PROOF_TOKENS))
    except Exception as error:
        words = str(error).strip().partition("\n")[0][:200]
        reason = f"transformers cannot run it on a text alone ({type(error).__name__}: {words})"
        raise ModelBroken(model=type(model).__name__, reason=reason) from error
    return _best_way(targets, proof)


def _best_way(targets: Sequence[_Target], proof: Proof) -> Capturer:
    """The first exact way; where none shows every map that the model returns, the one that shows the most.

    Beyond a limit that cannot be proven only the family's own eager code will do: it is right at any length.
    """
    model, own, best = targets[0].model, targets[0].own, None
    kernels_to_try = (SDPA, EAGER) if getattr(model, "_supports_sdpa", False) else (EAGER,)
    for kernel in () if proof.unproven else kernels_to_try:
        capturer = _through_interface(targets[0], kernel, proof)
        if capturer is not None and _exact(capturer, targets):
            if _shown(capturer) == len(own.weights):
                return capturer
            best = max(capturer, best or capturer, key=_shown)
    model.set_attn_implementation("eager")
    if own.modules:
        capturer = Capturer(model, targets[0].blocks, "replay")
        capturer.weight_formula = "softmax of the family's own eager attention, one layer run again"
        handles = [handle for target in targets for handle in record_inputs(target.own.modules)]
        if _exact(capturer, targets) and _shown(capturer) > (_shown(best) if best else 0):
            return capturer
        for handle in handles:
            handle.remove()
    if best is None:
        best = Capturer(model, targets[0].blocks, "none")
        _exact(best, targets[:1])
    else:
        model.set_attn_implementation(f"logitscope_{best.kernel}")
    return best


def _exact(capturer: Capturer, targets: Sequence[_Target]) -> bool:
    """Note the layers whose map is not the model's own; gives whether the pass is, on every target.

    The copy has the first layers alone; where a map of theirs is not its own beyond a limit, the way is not exact.
    """
    if not _check(capturer, targets[0]):
        return False
    for target in targets[1:]:
        twin = Capturer(target.model, target.blocks, capturer.kernel)
        try:
            target.model.set_attn_implementation(capturer.model.config._attn_implementation)
            if not _check(twin, target):
                return False
        except (*FAMILY_ERRORS, NotUnderstood):
            return False
        if dict(twin.without_attention).keys() - dict(capturer.without_attention).keys():
            return False
    return True


def _shown(capturer: Capturer) -> int:
    """Layers whose map can be shown."""
    return capturer.layers - len(capturer.without_attention)


def _through_interface(target: _Target, kernel: str, proof: Proof) -> Capturer | None:
    """A capturer through the attention interface; ``None`` when the family does not call it, or in another way."""
    model, ids = target.model, target.ids
    try:
        model.set_attn_implementation(kernel)
        with kernels.recording(Job(), len(ids)) as record:
            run(model, ids)
    except (*FAMILY_ERRORS, NotUnderstood):
        return None
    inputs = [layer for layers in record.inputs.values() for layer in layers if isinstance(layer, KernelInputs)]
    if not inputs:
        return None
    capturer = Capturer(model, target.blocks, kernel.removeprefix("logitscope_"))
    names = {limit.name for limit in proof.limits}
    capturer.weight_formula = formula(inputs, windowed=bool(names & WINDOWS))
    terms = [(layer.softcap, layer.sinks, layer.bias, layer.mask) for layer in inputs]
    if kernel == SDPA and all(x is None for some in terms for x in some):
        capturer.reach = proof.reach
        capturer.plain = names <= {SWITCH}
    return capturer


def _check(capturer: Capturer, target: _Target) -> bool:
    """Note the layers whose map is not the model's own; gives whether the pass is (else the way must not be taken)."""
    model, ids, own = target.model, target.ids, target.own
    with kernels.recording(Job(), len(ids)) as record:
        logits = run(model, ids).logits[0].float()
    loose = CHECK_ERROR * (1 if model.dtype == torch.float32 else HALF)
    if not float((logits - own.logits).abs().max()) <= loose * max(1.0, float(own.logits.abs().max())):
        return False
    # of some families the sink takes its share, of others it scales what a head gives
    reasons: dict[bool, dict[int, str]] = {}
    for gated in (False, True):
        capturer.gated = gated
        reasons[gated] = _reasons(capturer, record.inputs, own, layer_types(model.config.get_text_config()))
    capturer.gated = len(reasons[True]) < len(reasons[False])
    if capturer.gated:
        words = capturer.weight_formula.replace(SINK, "")
        capturer.weight_formula = f"{words}; what a head gives is then scaled by a learned sink"
    capturer.without_attention = tuple(sorted(reasons[capturer.gated].items()))
    capturer.heads = tuple(_heads(record.inputs.get(i, ()), own.weights.get(i)) for i in range(capturer.layers))
    return True


def _heads(attentions: Sequence[Layer], weights: Tensor | None) -> int:
    """Query heads of one decoder layer."""
    if len(attentions) == 1:
        return attentions[0].heads
    return 0 if weights is None else weights.shape[0]


def _reasons(
    capturer: Capturer, inputs: Mapping[int, Sequence[Layer]], own: OwnPass, types: Sequence[str]
) -> dict[int, str]:
    """Layer -> why there is no map of it."""
    reasons = {}
    for i in range(capturer.layers):
        layer, weights = capturer._layer(inputs, i), own.weights.get(i)
        if not capturer.blocks:
            reasons[i] = "no list of layers runs once in a pass"
        elif i not in inputs:
            reasons[i] = "not used for text alone"
        elif len(inputs[i]) > 1:
            reasons[i] = "several attentions in one layer"
        elif weights is not None and weights.shape[1:] != (own.tokens, own.tokens):
            reasons[i] = "its keys are not the tokens"
        elif layer is None and weights is not None:
            reasons[i] = "cannot be captured"
        elif layer is None:
            nothing = "cannot be captured" if own.unplaced else "no attention"
            reasons[i] = types[i] if i < len(types) and "full" not in types[i] else nothing
        elif weights is None:
            reasons[i] = "cannot be checked against the model's own weights"
        elif not _error(layer, weights) <= CHECK_ERROR * (1 if weights.dtype == torch.float32 else HALF):
            reasons[i] = "cannot be remade exactly"
    return reasons


def _error(layer: Layer, weights: Tensor) -> float:
    """Largest difference between a layer's weights and the model's own, (head, T, T); infinite for other heads."""
    if layer.heads != weights.shape[0]:
        return float("inf")
    try:
        with torch.inference_mode():
            return float((layer.weights(None, (0, layer.tokens)) - weights.float()).abs().max())
    except FAMILY_ERRORS:
        return float("inf")


def formula(layers: Sequence[KernelInputs], *, windowed: bool) -> str:
    """How a weight is made, as plain text: ``softmax(q·k/√64)`` with the family's own terms."""
    scores = " or ".join(dict.fromkeys(map(_score, layers)))
    extra = SINK if any(layer.sinks is not None for layer in layers) else ""
    if any(layer.mask is not None for layer in layers):
        extra += ", within a window" if windowed else ", of the keys that the layer chooses"
    return f"softmax({scores}{extra})"


def _score(layer: KernelInputs) -> str:
    root = 1 / layer.scaling**2
    text = f"q·k/√{round(root)}" if abs(root - round(root)) < 1e-3 * root else f"{layer.scaling:.4g}·q·k"
    if layer.softcap is not None:
        text = f"{layer.softcap:g}·tanh({text}/{layer.softcap:g})"
    return text + " + position bias" if layer.bias is not None else text
