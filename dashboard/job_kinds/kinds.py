"""KINDS: every kind of background job, and their registration with the runner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl
from dashboard.job_kinds.benchmark import BENCHMARK, run_benchmark
from dashboard.job_kinds.keys import current_run
from dashboard.job_kinds.probe import PROBE, run_probe
from dashboard.jobs.parquet_parts import Rows
from dashboard.jobs.runner import JobRunner
from dashboard.jobs.spec import JobSpec

RunItems = Callable[[Engine, JobSpec, Sequence[Any], CallControl], Rows]

KINDS: dict[str, RunItems] = {BENCHMARK: run_benchmark, PROBE: run_probe}
"""Name of a kind -> what computes some of its items."""


def register_all(runner: JobRunner, engine: Future[Engine]) -> None:
    """Tell the runner how jobs of each kind are run; may be called again.

    Args:
        runner: of this process.
        engine: waited for by the first job.
    """
    for kind, run_items in KINDS.items():
        runner.register(
            kind, _chunk(engine, run_items), lambda spec, control: current_run(engine.result(), spec, control)
        )


def _chunk(engine: Future[Engine], run_items: RunItems) -> Callable[[JobSpec, Sequence[Any], CallControl], Rows]:
    return lambda spec, items, control: run_items(engine.result(), spec, items, control)
