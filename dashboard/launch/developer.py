"""Commands for people who change the code, in the project's own folder: test, benchmark, pictures.

Standard library only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence

from dashboard.i18n import Catalogue
from dashboard.launch.preparation import ROOT, ready_environment, ready_model, surroundings

MOST_WORKERS = 4
"""Of tests that run side by side; each holds models of its own."""


def test(arguments: Sequence[str], text: Catalogue) -> int:
    """Run every test, those without a browser side by side; or what `arguments` ask pytest for."""
    python = ready_environment(text, tests=True)
    ready_model(python, None, text)
    workers = str(max(1, min(os.cpu_count() or 1, MOST_WORKERS)))
    # a core each: threads that wait for one another's cores take many times as long
    side_by_side = (["-m", "not browser", "-n", workers, "--dist", "loadfile"], {"OMP_NUM_THREADS": "1"})
    # a browser that shares its cores with them would wait longer than it is given
    runs = [(list(arguments), {})] if arguments else [side_by_side, (["-m", "browser"], {})]
    codes = [
        subprocess.run(
            [str(python), "-m", "pytest", *run], cwd=ROOT, env=surroundings() | variables, check=False
        ).returncode
        for run, variables in runs
    ]
    return next((code for code in codes if code), 0)  # a killed run's code is below 0


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
