"""The installer: pip, or uv where that is found and nothing is configured for pip alone; and why one failed.

Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""Where torch's builds without CUDA are for Linux; other systems get them from the package index."""
_PIP_ALONE = {
    *("index-url", "extra-index-url", "find-links", "no-index", "constraint"),
    *("cert", "client-cert", "trusted-host", "proxy", "keyring-provider"),
}
"""What people configure for pip and uv does not read."""
_PIP_OPTIONS = ("--no-compile", "--progress-bar", "off", "--no-input", "--disable-pip-version-check")
_PACKAGE = re.compile(r"\s*(Collecting|Downloading) [a-z0-9]", re.IGNORECASE)
Count = Callable[[int], None]


class SetupFailed(Exception):
    """Set-up ended without an environment; names the catalogue's text and its facts."""

    def __init__(self, message_id: str, **facts: object) -> None:
        """Keep what is to be said."""
        super().__init__(message_id)
        self.message_id, self.facts = message_id, facts


class Installer:
    """Makes an environment and installs packages into it. Nothing is compiled to bytecode ahead of the first import."""

    def __init__(self, uv: str | None = None) -> None:
        """Use the program `uv`, or pip."""
        self._uv = uv

    def make(self, folder: Path, pip: str) -> None:
        """Make an environment of this Python at `folder`, with a pip in it.

        Args:
            folder: where nothing is yet.
            pip: the line of a requirements file for the pip that is wanted; where it cannot be had, this Python's own.

        Raises:
            SetupFailed: the environment could not be made.
        """
        if self._uv:
            return run([self._uv, "venv", "--seed", "--python", sys.executable, str(folder)], "venv_failed")
        venv, file = [sys.executable, "-m", "venv"], folder / "pip.txt"
        try:
            run([*venv, "--without-pip", str(folder)], "venv_failed")
            file.write_text(pip, encoding="utf-8")
            into = [sys.executable, "-m", "pip", "--python", str(folder), "install", *_PIP_OPTIONS]
            run([*into, "--no-deps", "--require-hashes", "-r", str(file)], "pip_failed")
        except SetupFailed:
            run([*venv, "--clear", str(folder)], "venv_failed")

    def install(self, python: Path, arguments: Sequence[str], count: Count = lambda _: None) -> None:
        """Install into the environment of `python`.

        Args:
            python: the interpreter.
            arguments: those that pip and uv share: requirements, ``-r``, ``--no-deps``, ``--require-hashes`` …
            count: is told how many packages are under way so far.

        Raises:
            SetupFailed: with what the installer's output means.
        """
        if self._uv:
            command = [self._uv, "pip", "install", "--python", str(python), "--no-progress"]
        else:
            command = [str(python), "-m", "pip", "install", *_PIP_OPTIONS]
        run([*command, *arguments], "pip_failed", count)


def find_installer() -> Installer:
    """The quicker one of those that would fetch from the same place."""
    uv = shutil.which("uv")
    return Installer(None if uv is None or pip_is_configured() else uv)


def pip_is_configured() -> bool:
    """Whether this Python's pip was told, by a file or the environment, where to fetch from or whom to trust."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    names = {line.partition("=")[0].rpartition(".")[2].replace("_", "-") for line in done.stdout.splitlines()}
    given = {name.removeprefix("PIP_").replace("_", "-").lower() for name in os.environ if name.startswith("PIP_")}
    return bool(_PIP_ALONE & (names | given))


def run(command: Sequence[str], message_id: str, count: Count = lambda _: None) -> None:
    """Run a step of the set-up; count the packages that it names, and explain its end when it fails.

    Raises:
        SetupFailed: with what its output means, or `message_id`.
    """
    lines: list[str] = []
    packages = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if _PACKAGE.match(line) and not line.startswith("  "):
                packages += 1
                count(packages)
    if process.returncode:
        raise SetupFailed(why(lines, message_id), detail="\n".join(lines[-8:]), python=sys.executable)


def why(lines: Sequence[str], otherwise: str) -> str:
    """The message id that fits the output of a failed set-up step."""
    output = "\n".join(lines).lower()
    signs = (
        ("no space left", "disk_full"),
        ("do not match the hashes", "wrong_hash"),
        ("hash mismatch", "wrong_hash"),
        ("ensurepip is not available", "no_venv"),
        ("permission denied", "read_only"),
        ("read-only file system", "read_only"),
        ("name resolution", "no_network"),
        ("getaddrinfo", "no_network"),
        ("connection refused", "no_network"),
        ("failed to establish a new connection", "no_network"),
        ("connection broken", "no_network"),
        ("timed out", "no_network"),
        ("dns error", "no_network"),
        ("certificate verify failed", "no_certificate"),
        ("invalid peer certificate", "no_certificate"),
        ("no matching distribution", "no_package"),
        ("no solution found", "no_package"),
    )
    return next((message_id for sign, message_id in signs if sign in output), otherwise)
