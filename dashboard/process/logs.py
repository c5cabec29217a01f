"""The log of a server: warnings and errors with their tracebacks, in a file in the cache folder.

No text of a user goes there: of an exception that a page met, the frames and the type are written, not its message.
"""

from __future__ import annotations

import logging
import os
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

BYTES = 1 << 20
FILES = 3
"""So many older files are kept."""
_STREAMLIT = ("streamlit.error_util", "streamlit.runtime.backend_operation_handler")
"""Where Streamlit says what a page or a download raised; its loggers pass nothing on to the root."""
_WITH_MESSAGES = "dashboard.engine"
"""Loggers whose exceptions have no text of a user in their messages."""
_NAME = "logitscope"
_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def log_file(cache_dir: Path) -> Path:
    """Where the log of a server with that cache folder is."""
    return cache_dir / "logs" / "logitscope.log"


def open_log(cache_dir: Path) -> Path | None:
    """Have this process write its log; a second call for another folder moves it there.

    Returns:
        The file; ``None`` where it cannot be written: then the log goes to stderr.
    """
    path = log_file(cache_dir)
    try:
        handler: logging.Handler = _file_handler(path)
        written = True
    except OSError:
        handler, written = logging.StreamHandler(), False
    handler.setFormatter(_Formatter(_FORMAT))
    handler.setLevel(logging.WARNING)
    handler.set_name(_NAME)
    _replace(logging.getLogger(), handler)
    for logger in map(logging.getLogger, _STREAMLIT):
        _replace(logger, handler if written else None)
        for other in logger.handlers:  # Streamlit's own, to stderr
            other.setFormatter(_Formatter(_FORMAT))
    return path if written else None


def _replace(logger: logging.Logger, handler: logging.Handler | None) -> None:
    """Have `logger` use `handler` instead of that of an earlier call."""
    for earlier in [other for other in logger.handlers if other.get_name() == _NAME]:
        logger.removeHandler(earlier)
        earlier.close()
    if handler:
        logger.addHandler(handler)


def _file_handler(path: Path) -> RotatingFileHandler:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    return RotatingFileHandler(path, maxBytes=BYTES, backupCount=FILES, encoding="utf-8")


class _Formatter(logging.Formatter):
    """Writes exceptions without the messages that may hold a user's text."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; what another handler's formatter kept of its exception is not used."""
        exc_text, record.exc_text = record.exc_text, None
        self.messages = record.name.startswith(_WITH_MESSAGES)
        try:
            return super().format(record)
        finally:
            record.exc_text = exc_text

    def formatException(self, ei: ExceptionInfo) -> str:
        """The frames and types of an exception and of what led to it, first cause first."""
        parts: list[str] = []
        error = ei[1]
        while error is not None and len(parts) < 10:
            parts.insert(0, self._one(error))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n\n".join(parts)

    def _one(self, error: BaseException) -> str:
        lines = str(error).strip().splitlines() if self.messages else []
        said = f": {lines[0][:300]}" if lines else ""
        frames = "".join(traceback.format_tb(error.__traceback__))
        return f"Traceback (most recent call last):\n{frames}{type(error).__name__}{said}"
