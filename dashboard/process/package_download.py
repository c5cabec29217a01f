"""A package that is no dependency: fetched by this Python's pip, or by uv, into a folder that goes when it was used."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def downloaded(package: str, below: Path) -> Iterator[Path]:
    """Folder with the files of `package` alone, without what it asks for.

    Args:
        package: name and version, as ``name==1.0``.
        below: folder in which it is made; there must be room for it.

    Raises:
        OSError: there is neither pip nor uv, or the package could not be fetched; with the installer's last line.
    """
    with tempfile.TemporaryDirectory(dir=below, prefix="download.", ignore_cleanup_errors=True) as folder:
        command = [*_installer(), "--no-deps", "--target", folder, package]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise OSError(([line for line in done.stderr.splitlines() if line.strip()] or [str(done.returncode)])[-1])
        yield Path(folder)


def _installer() -> list[str]:
    """The command that installs: pip where this Python has it, else uv, which may have started this process.

    Raises:
        OSError: neither is there.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise OSError("no pip, no uv")
    return [uv, "pip", "install", "--python", sys.executable]
