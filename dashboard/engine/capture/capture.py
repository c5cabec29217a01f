"""Capture: one forward pass with the model's own fast kernel, recording the inputs of each layer's kernel.

`dashboard.engine.capture.capture_choice` sets a model up for it once, before the model is shared.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import kernels
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer
from dashboard.engine.models.anatomy import largest_config_value, residual, run
from dashboard.errors import Cancelled

SINK = ", learned sink"


@dataclass(frozen=True)
class Recording:
    """The record of one forward pass."""

    layers: tuple[Layer | None, ...]
    """One a decoder layer; ``None`` where there is no attention map."""
    stream: tuple[Tensor, ...]
    """(T, d) the residual stream before the first block and after each; shorter where it is no such tensor."""
    nbytes: int
    """Memory that the layers keep alive, shared storages counted once [bytes]."""


class Capturer:
    """A model that was set up for capture; see `pick_capturer`."""

    def __init__(self, model: Any, blocks: Sequence[nn.Module], kernel: str) -> None:
        """Store the model, its decoder layers and the capture method: ``sdpa``, ``eager``, ``replay`` or ``none``."""
        self.model = model
        self.blocks = tuple(blocks)
        self.layers = len(blocks) or largest_config_value(
            model.config.get_text_config(), "num_hidden_layers", default=1
        )
        self.kernel = kernel
        self.heads: tuple[int, ...] = ()
        """(layer,) query heads of each layer, 0 where it has none."""
        self.without_attention: tuple[tuple[int, str], ...] = ()
        self.weight_formula = "softmax(q·k)"
        self.gated = False
        """Whether learned sinks scale the output of a head and are no part of the weights."""
        self.plain_softmax = False
        """Whether the family's attention is our SDPA kernel and only softmax(scaling · q·k), at any length."""
        self.plain_softmax_up_to = 0
        """Most tokens up to which it is, and computes the same whatever the text's length; 0: it is not."""
        self._takes_logits_to_keep = "logits_to_keep" in inspect.signature(model.forward).parameters

    def forward(self, ids: tuple[int, ...], control: CallControl, **model_kwargs: Any) -> tuple[Any, Recording]:
        """One forward pass over `ids`, recording; the logits of the last position only where the model can.

        Args:
            ids: token ids.
            control: cancel and progress, at every layer.
            model_kwargs: passed on to the model.

        Raises:
            Cancelled: ``control.cancel`` was set.
        """
        with kernels.recording(control, len(ids)) as record:
            output = self._pass(ids, **model_kwargs)
        hidden = {i for i, _ in self.without_attention}
        layers = [self.layer_of(record.inputs, i) if i not in hidden else None for i in range(self.layers)]
        storages = {k: v for layer in layers if layer is not None for k, v in layer.storages().items()}
        return output, Recording(tuple(layers), tuple(record.stream), sum(storages.values()))

    def layer_of(self, inputs: Mapping[int, Sequence[Layer]], layer: int) -> Layer | None:
        """The recorded attention of a decoder layer; ``None`` unless it has exactly one."""
        attentions = inputs.get(layer, ())
        if len(attentions) != 1:
            return None
        (attention,) = attentions
        return replace(attention, sinks=None) if self.gated and isinstance(attention, KernelInputs) else attention

    def head_values(self, ids: tuple[int, ...], control: CallControl) -> tuple[Tensor, ...]:
        """(T, width) of each layer: the heads' values side by side, by one more forward pass.

        Raises:
            Cancelled: ``control.cancel`` was set.
        """
        with kernels.recording(control, keep=False) as record:
            record.values = []
            self._pass(ids)
            return tuple(record.values)

    def _pass(self, ids: tuple[int, ...], **model_kwargs: Any) -> Any:
        if self._takes_logits_to_keep:
            model_kwargs.setdefault("logits_to_keep", 1)
        return run(self.model, ids, **model_kwargs)


@contextmanager
def controlled_by(control: CallControl) -> Iterator[None]:
    """Forward passes of this thread report progress to `control` and end when it is cancelled."""
    with kernels.recording(control, keep=False):
        yield


def record_block_input(layer: int, layers: int) -> Callable[..., None]:
    """A permanent hook before a decoder layer: cancel, progress and residual of a thread that records."""

    def hook(_module: nn.Module, args: Any, kwargs: Any) -> None:
        record = kernels.current()
        if record is not None:
            if record.control.cancel.is_set():
                raise Cancelled
            record.control.progress(layer / layers)
            record.layer = layer
            record.inputs[layer] = []
            before = residual((*args, *kwargs.values()))
            if layer == 0 and record.keep and before is not None:
                record.stream.append(before)

    return hook


def record_block_output(_module: nn.Module, _args: Any, output: Any) -> None:
    """A permanent hook after a decoder layer: records the residual that it returns."""
    record = kernels.current()
    if record is not None:
        record.layer = None
        after = residual(output)
        if record.keep and after is not None:
            record.stream.append(after)


def record_head_values(_module: nn.Module, args: Any) -> None:
    """A permanent hook before the output projection of a layer's heads: records their values where they are wanted."""
    record = kernels.current()
    if record is not None and record.values is not None:
        record.values.append(args[0].flatten(0, -2).detach())
