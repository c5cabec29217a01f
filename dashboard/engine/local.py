"""The in-process engine: models in a pool, one lock around the device, runs and answers bounded in bytes.

What is asked is answered by the handler of its type (`dashboard.engine.handlers.table`); here is what is hard once:
leases, the order of locks, one cache, threads.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

from torch import Tensor

from dashboard.engine.api.engine import Tokenizer
from dashboard.engine.api.generation import OnStep
from dashboard.engine.api.model import CallControl, ModelCard, RunRequest
from dashboard.engine.api.request import Answer, Cost, Request, RunQuestion
from dashboard.engine.capture.runs import Run, tensor_bytes
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.device.devices import synchronize
from dashboard.engine.device.memory import explain_memory_errors
from dashboard.engine.device.pace import Pace, Work
from dashboard.engine.device.threads import Threads
from dashboard.engine.generation.text_generator import DeviceTurn
from dashboard.engine.handlers import runs
from dashboard.engine.handlers.handler import ALONE, Call, Handler, same_model
from dashboard.engine.handlers.table import HANDLERS
from dashboard.engine.leased_tokenizer import LeasedTokenizer
from dashboard.engine.models.pool import ModelPool
from dashboard.engine.ready import ReadyModel, check_model, load_model
from dashboard.engine.result_cache import ResultCache, RunStore
from dashboard.run_key import RunKey
from dashboard.settings import Settings

_HEAD_VALUES = "head values"


class LocalEngine:
    """See `dashboard.engine.api.engine.Engine`; any number of threads may call it."""

    def __init__(self, settings: Settings) -> None:
        """Loads nothing yet."""
        self._settings = settings
        self._threads = Threads(settings.threads)
        self._device = DeviceLock(settings.busy_seconds, self._threads.long_work)
        self._alone = {name: DeviceLock(settings.busy_seconds) for name in ALONE}
        self._runs = RunStore(settings.run_bytes)
        self._results = ResultCache(settings.result_bytes)
        self._passes = 0
        self._paces: WeakValueDictionary[str, Pace] = WeakValueDictionary()
        """Of the models in memory, which own them: a run outlives its model, and is then learned nothing from."""
        self._pool: ModelPool[ReadyModel] = ModelPool(
            self._load,
            settings.max_models,
            lambda model, control: check_model(model, settings, control),
        )

    # -- models ---------------------------------------------------------------------------------------------------
    def describe(self, model: str, control: CallControl | None = None) -> ModelCard:
        """See `Engine.describe`."""
        with self._leased(model, control) as ready:
            return ready.card

    def tokenizer(self, model: str) -> Tokenizer:
        """See `Engine.tokenizer`."""
        return LeasedTokenizer(lambda: self._leased(model))

    def _load(self, model: str, control: CallControl) -> ReadyModel:
        ready = load_model(model, self._settings, control, self._threads)
        self._paces[model] = ready.pace
        return ready

    @contextlib.contextmanager
    def _leased(self, model: str, control: CallControl | None = None) -> Iterator[ReadyModel]:
        with (
            explain_memory_errors(),
            self._pool.lease(model, timeout=self._settings.busy_seconds, control=control or CallControl()) as ready,
        ):
            yield ready

    # -- questions ------------------------------------------------------------------------------------------------
    def cost(self, request: Request[Any]) -> Cost:
        """See `Engine.cost`."""
        kept = self.kept(request) is not None
        with self._leased(request.version.model) as ready:
            cost = _handler(request).cost(request, ready, self._settings)
            return replace(cost, seconds=cost.seconds + self._head_values_seconds(request, ready), kept=kept)

    def _head_values_seconds(self, request: Request[Any], ready: ReadyModel) -> float:
        """Of the pass that gives the heads' values, where one is needed and they are not kept."""
        if not (isinstance(request, RunQuestion) and _handler(request).head_values(request)):
            return 0.0
        run = self._runs.find(request.run)
        there = run is not None and self._runs.cached_with(run, _HEAD_VALUES) is not None
        return 0.0 if there else ready.pace.seconds(Work.of_pass(len(request.token_ids), ready.card))

    def kept(self, request: Request[Answer]) -> Answer | None:
        """See `Engine.kept`."""
        if isinstance(request, RunQuestion) and _handler(request).run:
            return self._runs.cached(request)
        return self._results.cached(request)

    def answer(
        self, request: Request[Answer], control: CallControl | None = None, on_step: OnStep | None = None
    ) -> Answer:
        """See `Engine.answer`."""
        answer = self.kept(request)
        if answer is None:
            turn = DeviceTurn(self._device, control or CallControl())
            with explain_memory_errors():
                answer = self._compute_once(request, Call(self, self._settings, turn, on_step or (lambda _: None)))
        return answer

    def _compute_once(self, request: Request[Answer], call: Call) -> Answer:
        """The answer, computed by one thread: those that waited for the same find it.

        Locks are taken in one order by all, the model before the device: two threads that took them in turn could wait
        for each other.
        """
        handler, control, run = _handler(request), call.control, None
        with contextlib.ExitStack() as held:
            if handler.run and isinstance(request, RunQuestion):
                run = call.known_run = self._run(request.run, control)
            if handler.model:
                ready = call.known_model = held.enter_context(self._leased(request.version.model, control))
                same_model(request.version, ready.card)
                handler.check(request, ready, self._settings)
                if run is not None and handler.head_values(request):
                    call.head_values = self._head_values(ready, run, control)
            if alone := handler.alone(request):
                held.enter_context(self._alone[alone].held(control))
            if handler.device(request):
                held.enter_context(self._device.held(control))
            answer = self.kept(request)  # another may have made it while we waited
            if answer is None:
                answer = self._timed(handler, request, call)
                if handler.nbytes is not None and handler.whole(answer):
                    self._keep(request, run, answer, handler.nbytes(request, answer))
        return answer

    def _timed(self, handler: Handler[Any, Any], request: Request[Answer], call: Call) -> Answer:
        """The handler's answer; how long it took is told to the model's pace."""
        began = time.perf_counter()
        answer: Answer = handler.answer(request, call)
        seconds = time.perf_counter() - began - call.turn.waited
        pace = self._paces.get(request.version.model)
        if pace is not None and handler.work and handler.whole(answer):
            pace.add(handler.work(request, answer, pace.card), seconds)
        return answer

    def _keep(self, request: Request[Answer], run: Run | None, answer: Answer, nbytes: int) -> None:
        if run is None:
            self._results.keep(request, answer, nbytes)
        else:
            self._runs.keep_with(run, request, answer, nbytes)

    # -- runs -----------------------------------------------------------------------------------------------------
    def _run(self, key: RunKey, control: CallControl) -> Run:
        self._threads.short_work()
        run = self._runs.find(key)
        if run is not None:
            return run
        with self._leased(key.version.model, control) as ready:
            runs.cost(RunRequest(key), ready, self._settings)
            with self._device.held(control):
                run = self._runs.find(key)  # another may have made it while we waited
                if run is None:
                    same_model(key.version, ready.card)
                    run = runs.forward(ready, key, control)
                    self._passes += 1
                    self._runs.keep(key, run)
        return run

    def _head_values(self, ready: ReadyModel, run: Run, control: CallControl) -> tuple[Tensor, ...]:
        """(T, width) heads' values of every layer: kept with the run, made by one more forward pass."""
        values: tuple[Tensor, ...] | None = self._runs.cached_with(run, _HEAD_VALUES)
        if values is None:
            with self._device.held(control):
                values = self._runs.cached_with(run, _HEAD_VALUES)
                if values is None:
                    self._passes += 1
                    ids, began = run.summary.key.token_ids, time.perf_counter()
                    values = ready.capturer.head_values(ids, control)
                    synchronize(run.summary.key.version.device)
                    ready.pace.add(Work.of_pass(len(ids), ready.card), time.perf_counter() - began)
                    self._runs.keep_with(run, _HEAD_VALUES, values, tensor_bytes(values))
        return values

    def health(self) -> dict[str, object]:
        """See `Engine.health`."""
        facts = {"models": self._pool.names(), "forward_passes": self._passes, "queue": self._device.waiting}
        return facts | self._runs.facts() | self._results.facts()


def _handler(request: Request[Any]) -> Handler[Any, Any]:
    return HANDLERS[type(request)]
