"""FirstUse: what is tried out on a loaded model when it is first needed, so that the model opens sooner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import torch

from dashboard.engine.models.failures import explain_loading_errors

T = TypeVar("T")


class FirstUse(Generic[T]):
    """A finding that the first thread that asks for it makes, while others wait; after an error it is tried again."""

    def __init__(self, model: str, find: Callable[[], T]) -> None:
        """Compute nothing yet.

        Args:
            model: its id, for messages.
            find: makes the finding.
        """
        self._model, self._lock = model, threading.Lock()
        self._find: Callable[[], T] | None = find

    def __call__(self) -> T:
        """The finding. Raises what loading a model raises: ModelFailed, OutOfMemory."""
        with self._lock:
            if self._find is not None:
                with explain_loading_errors(self._model), torch.inference_mode():
                    self._finding = self._find()
                self._find = None  # frees what only it needed
            return self._finding
