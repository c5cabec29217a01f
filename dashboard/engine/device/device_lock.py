"""The device lock: fair (first come, first served), with a timeout and cancellation."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from dashboard.engine.api.model import CallControl
from dashboard.errors import Busy, Cancelled

POLL_SECONDS = 0.1
REGAIN_SECONDS = 2.0
"""Timeout of `DeviceLock.regained` [s]."""


class DeviceLock:
    """A fair lock; forward passes and sweeps of all users go through it."""

    def __init__(
        self, seconds: float, inside: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    ) -> None:
        """A lock with a timeout of `seconds`; `inside` is entered by each thread while it holds the device."""
        self._seconds, self._inside = seconds, inside
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._holder: int | None = None
        """The thread that holds the device."""

    @contextlib.contextmanager
    def held(self, control: CallControl) -> Iterator[None]:
        """Hold the device.

        Raises:
            Busy: others held it for longer than the timeout.
            Cancelled: ``control.cancel`` was set while waiting.
        """
        ticket = object()
        self._enter(ticket, control)
        try:
            with self._inside():
                yield
        finally:
            with self._changed:
                self._leave(ticket)

    @contextlib.contextmanager
    def regained(self) -> Iterator[bool]:
        """Hold the device again, if this thread lost it in `give_way` and gets it within REGAIN_SECONDS.

        Yields whether it is held.
        """
        lost = self._holder != threading.get_ident()
        ticket = object()
        try:
            if lost:
                self._enter(ticket, CallControl(), REGAIN_SECONDS)
        except Busy:
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._leave(ticket)

    def give_way(self, control: CallControl) -> None:
        """Let waiting threads in between two steps of the holder, then take the device again.

        Raises:
            Busy: as `held`.
            Cancelled: as `held`.
        """
        with self._changed:
            if len(self._queue) == 1:
                return
            ticket = self._queue.popleft()
            self._holder = None
            self._changed.notify_all()
        self._enter(ticket, control)

    def _enter(self, ticket: object, control: CallControl, seconds: float | None = None) -> None:
        end = time.monotonic() + (self._seconds if seconds is None else seconds)
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket:
                    control.on_queue(self._queue.index(ticket))
                    if control.cancel.is_set():
                        raise Cancelled
                    if time.monotonic() > end:
                        raise Busy(seconds=round(self._seconds))
                    self._changed.wait(POLL_SECONDS)
            except BaseException:
                self._leave(ticket)
                raise
            self._holder = threading.get_ident()
            control.on_queue(0)

    def _leave(self, ticket: object) -> None:
        if ticket in self._queue:  # missing when giving way ended in an error
            if self._queue[0] is ticket:
                self._holder = None
            self._queue.remove(ticket)
        self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many threads wait for the device or hold it."""
        return len(self._queue)
