"""What libraries raise, in words: one net around loading a model, and one around what needs memory."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Iterator

from dashboard.errors import Cancelled, DashboardError, ModelBroken, ModelFailed, OutOfMemory

_LOG = logging.getLogger(__name__)
_CHARACTERS = 200
_MEMORY_SIGNS = ("can't allocate memory", "cannot allocate memory", "not enough memory", "out of memory", "bad_alloc")


@contextlib.contextmanager
def loading_in_words(model: str) -> Iterator[None]:
    """Whatever fetching, loading and making a model ready raises becomes words; its traceback goes to the log.

    Raises:
        ModelFailed: an error that no other class of `dashboard.errors` is for.
        OutOfMemory: an allocation failed.
    """
    try:
        with memory_in_words():
            yield
    except (DashboardError, Cancelled):
        raise
    except Exception as error:
        _LOG.exception("model %s", model)
        raise ModelFailed(model=model, kind=type(error).__name__, reason=first_line(error)) from error


@contextlib.contextmanager
def files_in_words(model: str) -> Iterator[None]:
    """What a library raises over a model's files becomes ModelBroken; its traceback goes to the log.

    Raises:
        ModelBroken: with the error's type and first line.
    """
    try:
        yield
    except (DashboardError, Cancelled, ImportError, NotImplementedError):
        raise
    except Exception as error:
        if is_memory(error):
            raise
        _LOG.warning("model %s", model, exc_info=True)
        raise ModelBroken(model=model, reason=f"{type(error).__name__}: {first_line(error)}") from error


@contextlib.contextmanager
def memory_in_words() -> Iterator[None]:
    """A failed allocation becomes advice; what was kept before it stays as it was.

    Raises:
        OutOfMemory: with what the allocator said.
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
    """What an exception says, on one line and cut; its type where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].endswith(":"):  # a heading
        lines[0] += " " + lines[1]
    return lines[0].removesuffix(".")[:_CHARACTERS] if lines else type(error).__name__
