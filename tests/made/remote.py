"""An engine asked over the wire's bytes without a network, and what tests of engines elsewhere share."""

import asyncio
import contextlib
import queue
import threading

import numpy as np

from dashboard.engine.remote.client import RemoteEngine
from dashboard.engine.remote.protocol import read_call, write_call, write_error
from dashboard.engine.remote.service import Service
from dashboard.errors import EngineVersionDiffers

KEPT_BYTES = 64 << 20
MODEL, PROMPT = "local/tiny", "zebra lamp river zebra lamp"


class MemoryTransport:
    """Calls become bytes, are read from them, and answered by a service on a loop of its own."""

    def __init__(self, service):
        self.service = service
        self.calls = []
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    @contextlib.contextmanager
    def messages(self, call):
        self.calls.append(call)
        data, arrived = write_call(call), queue.SimpleQueue()

        async def answered():
            try:
                async for message in self.service.messages(read_call(data)):
                    arrived.put(message)
            except EngineVersionDiffers as error:
                arrived.put(write_error(error))
            finally:
                arrived.put(None)

        task = asyncio.run_coroutine_threadsafe(answered(), self._loop)
        try:
            yield iter(arrived.get, None)
        finally:
            task.cancel()


def in_memory(engine, **options):
    """`engine`, asked over the wire's bytes."""
    return RemoteEngine(MemoryTransport(Service(engine, **options)), KEPT_BYTES)


TIMES = {"seconds", "prompt_seconds", "nbytes"}
"""What says how long an answer took, or what it holds, not what it is."""


def same(ours, theirs):
    """Whether two answers are equal to the bit in all but their times."""
    if isinstance(ours, np.ndarray):
        return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
    if hasattr(ours, "__dataclass_fields__"):
        names = ours.__dataclass_fields__.keys() - TIMES
        return type(ours) is type(theirs) and all(same(getattr(ours, n), getattr(theirs, n)) for n in names)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)
    if isinstance(ours, tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    alike = isinstance(ours, type(theirs))  # torch says its version in a string of its own kind
    return alike and (ours == theirs or ours != ours)  # NaN
