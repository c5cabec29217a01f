"""One lock around the device: first come, first served; waiting can be cancelled and ends."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator

from dashboard.engine.base import Job
from dashboard.errors import Busy, Cancelled

POLL_SECONDS = 0.1


class DeviceLock:
    """A fair lock; forward passes and sweeps of all users go through it."""

    def __init__(self, seconds: float) -> None:
        """Wait at most `seconds`."""
        self._seconds = seconds
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()

    @contextlib.contextmanager
    def held(self, job: Job) -> Iterator[None]:
        """Hold the device.

        Raises:
            Busy: others held it for longer than we wait.
            Cancelled: ``job.cancel`` was set while waiting.
        """
        ticket = object()
        end = time.monotonic() + self._seconds
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket:
                    if job.cancel.is_set():
                        raise Cancelled
                    if time.monotonic() > end:
                        raise Busy(seconds=round(self._seconds))
                    self._changed.wait(POLL_SECONDS)
            except BaseException:
                self._leave(ticket)
                raise
        try:
            yield
        finally:
            with self._changed:
                self._leave(ticket)

    def _leave(self, ticket: object) -> None:
        self._queue.remove(ticket)
        self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait or work now."""
        return len(self._queue)
