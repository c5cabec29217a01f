"""Model pool: models in memory, leased; idle ones are evicted before another is loaded."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from dashboard.engine.api.model import CallControl
from dashboard.errors import Busy, Cancelled, ModelLoading
from dashboard.process.collection import collect, settle, skip_libraries

T = TypeVar("T")
POLL_SECONDS = 0.1


@dataclass
class _Slot(Generic[T]):
    """One model; `model` is ``None`` while it loads."""

    model: T | None = None
    leases: int = 1


class ModelPool(Generic[T]):
    """A bounded number of models; several threads may lease the same one."""

    def __init__(
        self, load: Callable[[str, CallControl], T], most: int, check: Callable[[str, CallControl], None] | None = None
    ) -> None:
        """Nothing is loaded yet.

        Args:
            load: loads the model of that name; runs outside the lock, one thread a name.
            most: models in memory at once.
            check: cheap checks before anything is evicted; raises what `load` would, so that a model that cannot be
                loaded evicts nothing.
        """
        self._load, self._most, self._check = load, most, check
        self._changed = threading.Condition()
        self._slots: OrderedDict[str, _Slot[T]] = OrderedDict()

    @contextlib.contextmanager
    def lease(self, name: str, timeout: float, control: CallControl) -> Iterator[T]:
        """The model of that name, loaded where necessary; it is not evicted while leased.

        Raises:
            Busy: all models in memory stayed in use for `timeout` seconds.
            ModelLoading: another thread's load of this model took longer than that.
            Cancelled: ``control.cancel`` was set while waiting.
        """
        slot = self._acquire(name, timeout, control)
        try:
            assert slot.model is not None
            yield slot.model
        finally:
            with self._changed:
                slot.leases -= 1
                self._changed.notify_all()

    def names(self) -> list[str]:
        """Names of the models in memory."""
        with self._changed:
            return [name for name, slot in self._slots.items() if slot.model is not None]

    def _acquire(self, name: str, timeout: float, control: CallControl) -> _Slot[T]:
        end = time.monotonic() + timeout
        if self._check is not None and name not in self.names():
            self._check(name, control)
        with self._changed:
            while True:
                slot = self._slots.get(name)
                if slot is not None and slot.model is not None:
                    slot.leases += 1
                    self._slots.move_to_end(name)
                    return slot
                if slot is None and self._evict_idle():
                    slot = self._slots[name] = _Slot()
                    break
                if control.cancel.is_set():
                    raise Cancelled
                if time.monotonic() > end:
                    raise ModelLoading(model=name, seconds=round(timeout)) if slot else Busy(seconds=round(timeout))
                self._changed.wait(POLL_SECONDS)
        return self._load_into(name, slot, control)

    def _evict_idle(self) -> bool:
        """Drop idle models until one more fits; whether it does. The caller holds the lock."""
        while len(self._slots) >= self._most:
            idle = next(
                (name for name, slot in self._slots.items() if slot.model is not None and not slot.leases), None
            )
            if idle is None:
                return False
            del self._slots[idle]
            free_memory()
        return True

    def _load_into(self, name: str, slot: _Slot[T], control: CallControl) -> _Slot[T]:
        skip_libraries()
        try:
            slot.model = self._load(name, control)
        except BaseException:
            with self._changed:
                del self._slots[name]
                self._changed.notify_all()
            raise
        settle()
        with self._changed:
            self._changed.notify_all()
        return slot


def free_memory() -> None:
    """Give memory of dropped models back to the device."""
    collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
