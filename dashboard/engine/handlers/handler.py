"""Handler: how one type of request is answered, and what its answer needs; Call: what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torch import Tensor

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.generation import OnStep
from dashboard.engine.api.model import CallControl, ModelCard
from dashboard.engine.api.request import Cost, Request
from dashboard.engine.capture.runs import Run
from dashboard.engine.device.pace import Work
from dashboard.engine.generation.text_generator import DeviceTurn
from dashboard.engine.ready import ReadyModel
from dashboard.run_key import ModelVersion
from dashboard.settings import Settings

NOISE, SECOND_MODEL = "noise", "second model"
ALONE = (NOISE, SECOND_MODEL)
"""What only one answer at a time may use: torch's one source of noise, the memory for a model's second copy."""

R = TypeVar("R", bound=Request[Any])
A = TypeVar("A")


@dataclass
class Call:
    """One call of `Engine.answer`: what the engine has in hand for the handler, as far as that needs it."""

    engine: Engine
    """Asked for what an answer is made of."""
    settings: Settings
    turn: DeviceTurn
    """With the caller's control; the device is held where the handler needs it."""
    on_step: OnStep
    known_run: Run | None = None
    known_model: ReadyModel | None = None
    head_values: tuple[Tensor, ...] = ()
    """(layer,) of (T, width) heads' values."""

    @property
    def control(self) -> CallControl:
        """The caller's."""
        return self.turn.control

    @property
    def run(self) -> Run:
        """The run that is asked about."""
        assert self.known_run is not None, "the handler does not say that it needs a run"
        return self.known_run

    @property
    def ready(self) -> ReadyModel:
        """The model, leased."""
        assert self.known_model is not None, "the handler does not say that it needs the model"
        return self.known_model


@dataclass(frozen=True)
class Handler(Generic[R, A]):
    """How a type of request is answered; the engine takes, in this order: run, model, `alone`, device."""

    answer: Callable[[R, Call], A]
    cost: Callable[[R, ReadyModel, Settings], Cost]
    nbytes: Callable[[R, A], int] | None = None
    """Memory of the answer [bytes], which is kept: with its run, where it needs one; ``None``: it is not kept."""
    work: Callable[[R, A | None, ModelCard], Work] | None = None
    """What was done for an answer, of which the time is told to the model's `Pace`; ``None``: nothing is learned."""
    check: Callable[[R, ReadyModel, Settings], object] = lambda *_: None
    """Raises what can be known before anything is waited for."""
    run: bool = True
    """It needs the run of ``request.run``."""
    model: bool = True
    """It needs the model, not only what its run left."""
    head_values: Callable[[R], bool] = lambda _: False
    """It needs the heads' values of the run: one more forward pass."""
    device: Callable[[R], bool] = lambda _: False
    """It waits for the device: all but small looks do."""
    alone: Callable[[R], str] = lambda _: ""
    """Of ALONE, what it uses; empty: nothing of that."""
    whole: Callable[[A], bool] = lambda _: True
    """Whether the answer is all that was asked for: others are not kept."""


Handlers = Mapping[type[Request[Any]], Handler[Any, Any]]


def always(_: Request[Any]) -> bool:
    """For `Handler.device`: a sweep, whatever is asked for."""
    return True


def same_model(version: ModelVersion, card: ModelCard) -> None:
    """A request of other weights would be kept with numbers that are not its own. Raises ValueError."""
    wanted, there = (version.revision, version.dtype, version.device), (card.revision, card.dtype, card.device)
    if wanted != there:
        raise ValueError(f"the request is of {wanted}, the model here is {there}")
