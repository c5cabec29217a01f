"""Service: calls that came as bytes, answered by an engine of this process as a stream of messages."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl
from dashboard.engine.remote.model_list import ModelList
from dashboard.engine.remote.protocol import (
    ANSWER,
    DOWNLOAD,
    OF_LIST,
    PROGRESS,
    QUEUE,
    STEP,
    STREAMED,
    WAITING,
    Call,
    write_error,
    write_message,
)
from dashboard.errors import Cancelled, DashboardError, EngineBusy

MOST_CALLS = 64
"""Calls at once; more are told that it is busy."""
BEAT_SECONDS = 0.5
"""So often a waiting caller is told that it is still waited for; then it is noticed, too, that one has gone."""
PROGRESS_SECONDS = 0.05
"""Progress is told at most so often."""

_LOG = logging.getLogger(__name__)


class Service:
    """Calls of many callers to one engine."""

    def __init__(self, engine: Engine, models: ModelList | None = None, most_calls: int = MOST_CALLS) -> None:
        """Starts no thread yet.

        Args:
            engine: that answers.
            models: that can be chosen; ``None``: nobody asks here.
            most_calls: at once.
        """
        self.engine, self._models = engine, models
        self._most = most_calls
        self._pool = ThreadPoolExecutor(most_calls, thread_name_prefix="call")
        self._quick = ThreadPoolExecutor(4, thread_name_prefix="quick call")
        """For what waits for nothing, when all others wait."""
        self._running: dict[str, threading.Event] = {}
        self._active = 0

    async def messages(self, call: Call) -> AsyncIterator[bytes]:
        """The messages of a call, the last its answer or error; closed before, the call is cancelled."""
        quick = call.method in ("cancel", "health", "kept")
        if not quick and self._active >= self._most:
            yield write_error(EngineBusy(ahead=self._active))
            return
        loop, queue, cancel = asyncio.get_running_loop(), asyncio.Queue[tuple[bytes, bool]](), threading.Event()

        def put(message: bytes, last: bool = False) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, (message, last))

        self._active += not quick
        if call.id:
            self._running[call.id] = cancel
        (self._quick if quick else self._pool).submit(self._run, call, cancel, put)
        try:
            last = False
            while not last:
                try:
                    message, last = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    message = write_message(WAITING)
                yield message
        finally:
            cancel.set()
            self._active -= not quick
            self._running.pop(call.id, None)

    def _run(self, call: Call, cancel: threading.Event, put: Callable[..., None]) -> None:
        """In a thread of its own: compute, and tell."""
        try:
            put(write_message(ANSWER, *self._result(call, _control(call, cancel, put), put)), True)
        except (DashboardError, Cancelled) as error:
            put(write_error(error), True)
        except RuntimeError as error:
            _told(call, error)  # the loop may be gone
            _last(put, error)
        except Exception as error:  # noqa: BLE001 - our mistake: the caller hears its name, the log where it was
            _told(call, error)
            _last(put, error)

    def _result(self, call: Call, control: CallControl, put: Callable[..., None]) -> tuple[Any, ...]:
        if call.method == "health":
            return (dict(self.engine.health()),)
        if call.method in OF_LIST and self._models is not None:
            return (getattr(self._models, call.method)(*call.arguments),)
        if call.method == "cancel":
            return (self._cancel(str(call.arguments[1])),)
        if call.method == "answer":
            return self._answer(call, control, put)
        if call.method in ("cost", "kept"):
            return (getattr(self.engine, call.method)(*call.arguments),)
        return (self.engine.describe(call.model, control) if call.method == "describe" else self._tokenized(call),)

    def _answer(self, call: Call, control: CallControl, put: Callable[..., None]) -> tuple[Any, bool]:
        """The answer, and whether it is all that was asked for: whoever asks may then keep it, too."""
        (request,) = call.arguments
        on_step = (lambda step: put(write_message(STEP, step))) if call.steps else None
        answer = self.engine.answer(request, control, on_step)
        return answer, self.engine.kept(request) is not None

    def _cancel(self, identity: str) -> bool:
        running = self._running.get(identity)
        if running is not None:
            running.set()
        return running is not None

    def _tokenized(self, call: Call) -> Any:
        tokenizer, arguments = self.engine.tokenizer(call.model), call.arguments
        if call.method == "read":
            prompt, chat, answer, conversation = arguments
            return tokenizer.read(prompt, chat=chat, answer=answer, conversation=conversation)
        if call.method == "ids":
            texts, alone = arguments
            return tokenizer.ids(texts, alone=alone)
        return getattr(tokenizer, call.method)(*arguments)


def _control(call: Call, cancel: threading.Event, put: Callable[..., None]) -> CallControl:
    if call.method not in STREAMED:
        return CallControl(cancel=cancel)
    told = [0.0]

    def progress(share: float) -> None:
        now = time.monotonic()
        if share >= 1 or now - told[0] > PROGRESS_SECONDS:
            told[0] = now
            put(write_message(PROGRESS, share))

    return CallControl(
        cancel=cancel,
        progress=progress,
        on_queue=lambda before: put(write_message(QUEUE, before)),
        on_download=lambda done, total: put(write_message(DOWNLOAD, done, total)),
    )


def _told(call: Call, error: Exception) -> None:
    # without the exception's own text: there may be users' words in it
    _LOG.error("%s: %s\n%s", call.method, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def _last(put: Callable[..., None], error: Exception) -> None:
    try:
        put(write_error(error), True)
    except RuntimeError:
        _LOG.warning("a caller's loop ended before its call did")
