"""Registration of the kinds of background jobs, benchmarks and large probes, with the runner."""

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


def register_all(runner: JobRunner, engine: Future[Engine]) -> None:
    """Tell the runner how the jobs of both kinds are run; may be called again.

    Args:
        runner: of this process.
        engine: waited for by the first job.
    """
    kinds: dict[str, RunItems] = {BENCHMARK: run_benchmark, PROBE: run_probe}
    for kind, run_items in kinds.items():
        runner.register(kind, _chunk(engine, run_items), lambda spec, job: current_run(engine.result(), spec, job))


def _chunk(engine: Future[Engine], run_items: RunItems) -> Callable[[JobSpec, Sequence[Any], CallControl], Rows]:
    return lambda spec, items, job: run_items(engine.result(), spec, items, job)
