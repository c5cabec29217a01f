"""The Bias page's background jobs: benchmarks and large probes, known to the runner, worked off with the engine."""

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

Work = Callable[[Engine, JobSpec, Sequence[Any], CallControl], Rows]


def register_all(runner: JobRunner, making: Future[Engine]) -> None:
    """Tell the runner how both kinds are worked off; as often as one likes.

    Args:
        runner: of this process.
        making: the engine, waited for by the first job.
    """
    kinds: dict[str, Work] = {BENCHMARK: run_benchmark, PROBE: run_probe}
    for kind, work in kinds.items():
        runner.register(kind, _chunk(making, work), lambda spec, job: current_run(making.result(), spec, job))


def _chunk(making: Future[Engine], work: Work) -> Callable[[JobSpec, Sequence[Any], CallControl], Rows]:
    return lambda spec, items, job: work(making.result(), spec, items, job)
