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

from torch import Tensor, nn

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import kernels
from dashboard.engine.capture.kernel_inputs import KernelInputs, Layer
from dashboard.engine.models.anatomy import largest_config_value, residual, run
from dashboard.errors import Cancelled

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
        self.layers = len(blocks) or largest_config_value(
            model.config.get_text_config(), "num_hidden_layers", default=1
        )
        self.kernel = kernel
        self.heads: tuple[int, ...] = ()
        """(layer,) query heads of each layer, 0 where it has none."""
        self.without_attention: tuple[tuple[int, str], ...] = ()
        self.weight_formula = "softmax(q·k)"
        self.gated = False
        """Whether learned sinks scale what a head gives and are no part of the weights."""
        self.plain_softmax = False
        """Whether the family's attention is our kernel and nothing but softmax(scaling · q·k), at any length."""
        self.plain_softmax_up_to = 0
        """Up to so many tokens it is, and computes the same whatever the text's length."""
        self._takes_logits_to_keep = "logits_to_keep" in inspect.signature(model.forward).parameters

    def forward(self, ids: tuple[int, ...], control: CallControl, **model_kwargs: Any) -> tuple[Any, Recording]:
        """One forward pass over `ids`, recording; the logits of the last position only where the model can.

        Args:
            ids: token ids.
            control: its cancel is checked and its progress told at every layer.
            model_kwargs: passed on to the model.

        Raises:
            Cancelled: ``control.cancel`` was set.
        """
        with kernels.recording(control, len(ids)) as record:
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
    """Forward passes of this thread tell `control` their progress and end when it is cancelled."""
    with kernels.recording(control, keep=False):
        yield


def record_block_input(layer: int, layers: int) -> Callable[..., None]:
    """A permanent hook before a decoder layer: cancel and progress of the thread that runs it, if it records."""

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
    """A permanent hook after a decoder layer: the residual stream as it leaves it."""
    record = kernels.current()
    if record is not None:
        record.layer = None
        after = residual(output)
        if record.keep and after is not None:
            record.stream.append(after)


def record_head_values(_module: nn.Module, args: Any) -> None:
    """A permanent hook before the projection of a layer's heads: their values, for a thread that wants them."""
    record = kernels.current()
    if record is not None and record.values is not None:
        record.values.append(args[0].flatten(0, -2).detach())
