"""Errors of libraries while a model is loaded, as errors that a person can read."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from dashboard.engine.device.memory import explain_memory_errors, first_line, is_memory
from dashboard.errors import Cancelled, DashboardError, ModelBroken, ModelFailed

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def explain_loading_errors(model: str) -> Iterator[None]:
    """Turn any error of fetching, loading and setting up a model into ModelFailed; its traceback goes to the log.

    Raises:
        ModelFailed: an error without a class of its own in `dashboard.errors`.
        OutOfMemory: an allocation failed.
    """
    try:
        with explain_memory_errors():
            yield
    except (DashboardError, Cancelled):
        raise
    except Exception as error:
        _LOG.exception("model %s", model)
        raise ModelFailed(model=model, kind=type(error).__name__, reason=first_line(error)) from error


@contextlib.contextmanager
def explain_file_errors(model: str) -> Iterator[None]:
    """Turn a library's error about a model's files into ModelBroken; its traceback goes to the log.

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
