"""Commands for people who change the code, in the project's own folder: test, benchmark, pictures.

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dashboard.i18n import Catalogue
from dashboard.launch.preparation import ROOT, ready_environment, ready_model, surroundings

MOST_WORKERS = 4
"""Of tests that run side by side; each holds models of its own."""
MOST_BROWSERS = 2
"""That run side by side; each has servers of its own."""
MOST_REPEATED = 5
"""So many failed browser tests are run once more; where more fail it is no accident."""
TESTS_FAILED = 1
"""What pytest ends with where all ran and some failed."""


def test(arguments: Sequence[str], text: Catalogue) -> int:
    """Run every test, those without a browser side by side; or what `arguments` ask pytest for."""
    python = ready_environment(text, tests=True)
    ready_model(python, None, text)
    if arguments:
        return _pytest(python, arguments)
    codes = [_side_by_side(python, MOST_WORKERS, "-m", "not browser"), _browser_tests(python, text)]
    return next((code for code in codes if code), 0)  # a killed run's code is below 0


def _browser_tests(python: Path, text: Catalogue) -> int:
    """Run those with a browser by themselves: one that shares its cores with many waits longer than it is given.

    A few that failed are run once more, which is said: whether a browser is in time is a matter of luck, too.
    """
    with tempfile.TemporaryDirectory() as cache:
        code = _side_by_side(python, MOST_BROWSERS, "-m", "browser", "-o", f"cache_dir={cache}")
        kept = Path(cache, "v", "cache", "lastfailed")
        failed = list(json.loads(kept.read_bytes())) if kept.exists() else []
    if code != TESTS_FAILED or not 0 < len(failed) <= MOST_REPEATED:
        return code
    tests = "\n".join(failed)
    print(text("launcher.tests_repeated", tests=tests), flush=True)
    code = _pytest(python, failed)
    if code == 0:
        print(text("launcher.passed_second_time", tests=tests), flush=True)
    return code


def _side_by_side(python: Path, most: int, *arguments: str) -> int:
    workers = str(max(1, min(os.cpu_count() or 1, most)))
    # a core each: threads that wait for one another's cores take many times as long
    return _pytest(python, [*arguments, "-n", workers, "--dist", "loadfile"], OMP_NUM_THREADS="1")


def _pytest(python: Path, arguments: Sequence[str], **variables: str) -> int:
    command = [str(python), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=ROOT, env=surroundings() | variables, check=False).returncode


def benchmark(options: argparse.Namespace, text: Catalogue) -> int:
    """Run one of the benchmarks."""
    folder = ROOT / "tests" / "benchmarks"
    there = sorted(path.stem for path in folder.glob("*.py") if path.stem not in {"__init__", "report"})
    if options.name not in there:
        print(text("launcher.no_benchmark", name=str(options.name), there=", ".join(there)))
        return 2
    python = ready_environment(text, tests=True)
    flags = [f"--{name}" for name in ("quick", "check") if getattr(options, name)]
    command = [str(python), "-m", f"tests.benchmarks.{options.name}", *flags]
    return subprocess.run(command, cwd=ROOT, env=surroundings(options), check=False).returncode


def pictures(options: argparse.Namespace, text: Catalogue) -> int:
    """Take the README's pictures again, from the app itself."""
    python = ready_environment(text, tests=True)
    ready_model(python, options, text)
    command = [str(python), "-m", "tests.pictures"]
    return subprocess.run(command, cwd=ROOT, env=surroundings(options), check=False).returncode
