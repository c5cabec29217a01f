"""Atomic files: written whole or not at all; errors of the disk in words that help."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from dashboard.errors import JobDiskFull, JobDiskRefused

PART = ".part"
"""Ending of a file that is being written."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TRIES = 20
_TRY_SECONDS = 0.05


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """What the system says of a disk, as errors that a person can mend; no path in them.

    Raises:
        JobDiskFull: no space, or no quota, is left.
        JobDiskRefused: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise JobDiskFull from error
        raise JobDiskRefused(reason=error.strerror or type(error).__name__) from error


def private_folder(path: Path) -> None:
    """Make a folder that only the server's own user may enter; one that is there becomes so.

    On Windows it is as private as the folder that it is in, which is the user's own by default.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that everyone else sees the old one, or none, until the new one is whole and on the disk."""
    with _draft(path.parent, path.name, write) as draft:
        _replace(draft, path)


def write_signed(folder: Path, stem: str, suffix: str, write: Callable[[BinaryIO], object]) -> Path:
    """As `write_whole`, with a hash of the content in the file's name; gives its path."""
    with _draft(folder, stem, write) as draft:
        path = folder / f"{stem}-{_signature(draft)}{suffix}"
        _replace(draft, path)
    return path


@contextlib.contextmanager
def _draft(folder: Path, stem: str, write: Callable[[BinaryIO], object]) -> Iterator[Path]:
    draft = folder / f"{stem}.{os.getpid()}-{threading.get_ident()}{PART}"
    try:
        with draft.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Whether a signed file still has the content that was written."""
    return path.stem.rpartition("-")[2] == _signature(path)


def _signature(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _replace(part: Path, path: Path) -> None:
    for _ in range(_TRIES):
        with contextlib.suppress(PermissionError):
            part.replace(path)
            return
        time.sleep(_TRY_SECONDS)  # on Windows a file cannot be replaced in the moment in which another reads it
    part.replace(path)
