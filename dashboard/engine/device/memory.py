"""Out-of-memory errors of Python, NumPy, torch and the system, as one error that a person can read."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator

from dashboard.errors import DashboardError, OutOfMemory

_LOG = logging.getLogger(__name__)
_CHARACTERS = 200
_MEMORY_SIGNS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "bad_alloc")


@contextlib.contextmanager
def explain_memory_errors() -> Iterator[None]:
    """Turn a failed allocation into OutOfMemory; cached results stay as they are.

    Raises:
        OutOfMemory: with the allocator's message.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DashboardError) or not is_memory(error):
            raise
        _LOG.warning("out of memory", exc_info=True)
        raise OutOfMemory(reason=first_line(error)) from error


def is_memory(error: BaseException) -> bool:
    """Whether an allocation failed: Python's, NumPy's, torch's on any device, or the system's."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _MEMORY_SIGNS)


def first_line(error: BaseException) -> str:
    """An exception's message on one line, shortened; its type where it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):  # a heading
        lines[0] += " " + lines[1]
    return lines[0].removesuffix(".")[:_CHARACTERS] if lines else type(error).__name__
