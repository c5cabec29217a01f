"""Preparation: the environment and the bundled model, made ready before anything starts. Standard library only."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from dashboard.i18n import Catalogue
from dashboard.launch.display import Display
from dashboard.launch.environment import Environment
from dashboard.launch.installer import SetupFailed

ROOT = Path(__file__).resolve().parents[2]
"""The folder of dashboard, components and pages."""
CHECKOUT = (ROOT / "requirements.txt").is_file()
"""Whether this is the project's own folder, which makes its own environment, and not an installed wheel."""
_SHARE = re.compile(r"\d+%")
_GPU = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg")
"""What is there where a program can use an NVIDIA GPU; the last one below Windows."""


def ready_environment(text: Catalogue, *, tests: bool, cpu: bool = False) -> Path:
    """The interpreter that has all that is needed; it is made where the project stands in its own folder.

    Raises:
        SetupFailed: with the message that explains it.
    """
    if not CHECKOUT:  # whoever installed the wheel installed what it asks for
        return Path(sys.executable)
    environment, display, began = Environment(ROOT), Display(), time.monotonic()
    if not cpu and wants_cpu_hint(environment):
        display.say(text("launcher.no_gpu"))
    try:
        environment.ensure(
            tests=tests,
            cpu=cpu,
            say=lambda message_id: display.step(text(f"launcher.{message_id}")),
            count=lambda count: display.so_far(
                text("launcher.packages", count=count, seconds=round(time.monotonic() - began))
            ),
        )
    finally:
        display.end()
    return environment.python


def wants_cpu_hint(environment: Environment) -> bool:
    """Whether packages for a GPU are about to come where there is none: on Linux the index has no others."""
    absent = sys.platform == "linux" and not any(Path(sign).exists() for sign in _GPU)
    return absent and not environment.python.exists()


def ready_model(python: Path, options: argparse.Namespace | None, text: Catalogue) -> None:
    """Convert the bundled model, once. Raises SetupFailed."""
    display, lines, named = Display(), [], False
    piped: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(module(python, "dashboard.engine.models.bundled"), env=surroundings(options), **piped) as run:
        assert run.stdout is not None
        try:
            for line in run.stdout:
                lines.append(line.rstrip())
                if share := _SHARE.search(line):
                    if not named:
                        display.step(text("launcher.converting"))
                        named = True
                    display.so_far(share[0])
        except BaseException:  # whoever asks this to end does not want to wait for it
            run.kill()
            raise
    display.end()
    if run.returncode:
        raise SetupFailed("model_failed", detail="\n".join(lines[-8:]))


def module(python: Path, name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this project, from any folder: what lies in that one hides nothing of it."""
    return [str(python), "-P", "-m", name, *arguments]


def surroundings(options: argparse.Namespace | None = None) -> dict[str, str]:
    """Environment variables of what is started: this project first on the path, and the options."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    given = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path), "PYTHONUTF8": "1"}
    given.setdefault("TQDM_DISABLE", "1")  # bars of libraries would run through what is printed here
    for name in ("model", "language", "device"):
        if options is not None and getattr(options, name, None):
            given[f"LOGITSCOPE_{name.upper()}"] = getattr(options, name)
    return given
