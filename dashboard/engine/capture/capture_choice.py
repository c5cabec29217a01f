"""Choice of the capture method: the kernel, or replay, whose logits and weights are those of the family's own code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import kernels
from dashboard.engine.capture.capture import SINK, Capturer, record_block_input, record_block_output
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer
from dashboard.engine.capture.kernels import EAGER, SDPA, NotUnderstood
from dashboard.engine.capture.limits import PROOF_TOKENS, SWITCH, WINDOWS, Proof
from dashboard.engine.capture.replay import ReferencePass, record_inputs, reference_pass
from dashboard.engine.models.anatomy import FAMILY_ERRORS, check_ids, decoder_blocks, layer_types, run
from dashboard.engine.models.precision import tolerance_of
from dashboard.errors import ModelBroken

CHECK_TOKENS = 12


@dataclass(frozen=True)
class _TrialModel:
    """A model that a capture method is tried on: the loaded one, or its copy with small limits."""

    model: Any
    blocks: tuple[nn.Module, ...]
    ids: tuple[int, ...]
    reference: ReferencePass
    """Over `ids`."""

    @classmethod
    def of(cls, model: Any, tokens: int) -> _TrialModel:
        """Register the permanent hooks, and run the model once."""
        ids, blocks = check_ids(model, tokens), decoder_blocks(model)
        for i, block in enumerate(blocks):
            block.register_forward_pre_hook(record_block_input(i, len(blocks)), with_kwargs=True)
            block.register_forward_hook(record_block_output)
        return cls(model, tuple(blocks), ids, reference_pass(model, ids, len(blocks)))


def pick_capturer(model: Any, proof: Proof | None = None) -> Capturer:
    """Set a model up for capture; once, after loading with ``attn_implementation="eager"`` and before it is shared.

    Args:
        model: as loaded.
        proof: the copy on which a method is tried beyond the lengths at which the family changes.

    Raises:
        ModelBroken: the model cannot be run on a text alone.
    """
    try:
        proof = proof or Proof.of(model)
        targets = [_TrialModel.of(model, CHECK_TOKENS)]
        if proof.short is not None:
            targets.append(_TrialModel.of(proof.short, PROOF_TOKENS))
    except Exception as error:
        words = str(error).strip().partition("\n")[0][:200]
        reason = f"transformers cannot run it on a text alone ({type(error).__name__}: {words})"
        raise ModelBroken(model=type(model).__name__, reason=reason) from error
    return _best_capturer(targets, proof)


def _best_capturer(targets: Sequence[_TrialModel], proof: Proof) -> Capturer:
    """The first exact method; where none shows every map that the model returns, the one that shows the most.

    With a limit that cannot be proven only the family's own eager code is tried: it is right at any length.
    """
    model, reference, best = targets[0].model, targets[0].reference, None
    kernels_to_try = (SDPA, EAGER) if getattr(model, "_supports_sdpa", False) else (EAGER,)
    for kernel in () if proof.unproven else kernels_to_try:
        capturer = _kernel_capturer(targets[0], kernel, proof)
        if capturer is not None and _is_exact(capturer, targets):
            if _mapped_layers(capturer) == len(reference.weights):
                return capturer
            best = max(capturer, best or capturer, key=_mapped_layers)
    model.set_attn_implementation("eager")
    if reference.modules:
        capturer = Capturer(model, targets[0].blocks, "replay")
        capturer.weight_formula = "softmax of the family's own eager attention, one layer run again"
        handles = [handle for target in targets for handle in record_inputs(target.reference.modules)]
        if _is_exact(capturer, targets) and _mapped_layers(capturer) > (_mapped_layers(best) if best else 0):
            return capturer
        for handle in handles:
            handle.remove()
    if best is None:
        best = Capturer(model, targets[0].blocks, "none")
        _is_exact(best, targets[:1])
    else:
        model.set_attn_implementation(f"logitscope_{best.kernel}")
    return best


def _is_exact(capturer: Capturer, targets: Sequence[_TrialModel]) -> bool:
    """Whether the capturer's pass is the model's own on every target; stores which layers have no map.

    The copy has only the first layers: where beyond a limit one of them has no exact map, the method is not exact.
    """
    if not _compare(capturer, targets[0]):
        return False
    for target in targets[1:]:
        twin = Capturer(target.model, target.blocks, capturer.kernel)
        try:
            target.model.set_attn_implementation(capturer.model.config._attn_implementation)
            if not _compare(twin, target):
                return False
        except (*FAMILY_ERRORS, NotUnderstood):
            return False
        if dict(twin.without_attention).keys() - dict(capturer.without_attention).keys():
            return False
    return True


def _mapped_layers(capturer: Capturer) -> int:
    """How many layers have a map."""
    return capturer.layers - len(capturer.without_attention)


def _kernel_capturer(target: _TrialModel, kernel: str, proof: Proof) -> Capturer | None:
    """A capturer by one of our kernels; ``None`` when the family does not call the attention interface as expected."""
    model, ids = target.model, target.ids
    try:
        model.set_attn_implementation(kernel)
        with kernels.recording(CallControl(), len(ids)) as record:
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
        capturer.plain_softmax_up_to = proof.first_limit
        capturer.plain_softmax = names <= {SWITCH}
    return capturer


def _compare(capturer: Capturer, target: _TrialModel) -> bool:
    """Whether the capturer's logits are the reference's; stores its heads and the layers without a map."""
    model, ids, reference = target.model, target.ids, target.reference
    with kernels.recording(CallControl(), len(ids)) as record:
        logits = run(model, ids).logits[0].float()
    tolerance = tolerance_of(model.dtype)
    if not float((logits - reference.logits).abs().max()) <= tolerance * max(1.0, float(reference.logits.abs().max())):
        return False
    # in some families the sink takes its share of the softmax, in others it scales the output of a head
    reasons: dict[bool, dict[int, str]] = {}
    for gated in (False, True):
        capturer.gated = gated
        reasons[gated] = _reasons(capturer, record.inputs, reference, layer_types(model.config.get_text_config()))
    capturer.gated = len(reasons[True]) < len(reasons[False])
    if capturer.gated:
        words = capturer.weight_formula.replace(SINK, "")
        capturer.weight_formula = f"{words}; what a head gives is then scaled by a learned sink"
    capturer.without_attention = tuple(sorted(reasons[capturer.gated].items()))
    capturer.heads = tuple(_heads(record.inputs.get(i, ()), reference.weights.get(i)) for i in range(capturer.layers))
    return True


def _heads(attentions: Sequence[Layer], weights: Tensor | None) -> int:
    """Query heads of one decoder layer."""
    if len(attentions) == 1:
        return attentions[0].heads
    return 0 if weights is None else weights.shape[0]


def _reasons(
    capturer: Capturer, inputs: Mapping[int, Sequence[Layer]], reference: ReferencePass, types: Sequence[str]
) -> dict[int, str]:
    """Layer -> why there is no map of it."""
    reasons = {}
    for i in range(capturer.layers):
        layer, weights = capturer.layer_of(inputs, i), reference.weights.get(i)
        if not capturer.blocks:
            reasons[i] = "no list of layers runs once in a pass"
        elif i not in inputs:
            reasons[i] = "not used for text alone"
        elif len(inputs[i]) > 1:
            reasons[i] = "several attentions in one layer"
        elif weights is not None and weights.shape[1:] != (reference.tokens, reference.tokens):
            reasons[i] = "its keys are not the tokens"
        elif layer is None and weights is not None:
            reasons[i] = "cannot be captured"
        elif layer is None:
            nothing = "cannot be captured" if reference.unplaced else "no attention"
            reasons[i] = types[i] if i < len(types) and "full" not in types[i] else nothing
        elif weights is None:
            reasons[i] = "cannot be checked against the model's own weights"
        elif not _error(layer, weights) <= tolerance_of(weights.dtype):
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
    """The formula of a weight, as plain text: ``softmax(q·k/√64)`` with the family's own terms."""
    scores = " or ".join(dict.fromkeys(map(_score_formula, layers)))
    extra = SINK if any(layer.sinks is not None for layer in layers) else ""
    if any(layer.mask is not None for layer in layers):
        extra += ", within a window" if windowed else ", of the keys that the layer chooses"
    return f"softmax({scores}{extra})"


def _score_formula(layer: KernelInputs) -> str:
    root = 1 / layer.scaling**2
    text = f"q·k/√{round(root)}" if abs(root - round(root)) < 1e-3 * root else f"{layer.scaling:.4g}·q·k"
    if layer.softcap is not None:
        text = f"{layer.softcap:g}·tanh({text}/{layer.softcap:g})"
    return text + " + position bias" if layer.bias is not None else text
