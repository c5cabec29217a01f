"""What a job is of: the model version of its specification, its results as an origin of exports; and its cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.jobs.spec import JobSpec, run_facts
from dashboard.run_key import ModelVersion

SAMPLED = 6
"""So many chunks, evenly spread, tell what all of them cost."""
_NAMES = ("model", "revision", "dtype", "device", "transformers", "torch")


@dataclass(frozen=True)
class JobResults:
    """Where a job's results come from: stands for all of its texts, which it does not hold."""

    version: ModelVersion
    template: str
    job: str
    """The job's id."""
    facts: dict[str, Any] = field(default_factory=dict, hash=False)
    """What else an export says."""

    @property
    def token_ids(self) -> tuple[int, ...]:
        """None: its texts are its own."""
        return ()

    @property
    def digest(self) -> str:
        """The beginning of the job's id, as long as that of a run."""
        return self.job[:16]

    def provenance(self) -> dict[str, str | int]:
        """As of a run; `run` is the job's whole id."""
        return {**self.version.facts(self.template), **self.facts, "run": self.job}


def job_results(spec: JobSpec, **facts: object) -> JobResults:
    """What a job's results are exported as."""
    return JobResults(version_of(spec), spec.run["template"], spec.id, facts)


def version_of(spec: JobSpec) -> ModelVersion:
    """The version with which its texts are scored: an engine refuses it where the model is another by now."""
    return ModelVersion(**{name: spec.run[name] for name in _NAMES})


def current_run(engine: Engine, spec: JobSpec, control: CallControl) -> dict[str, str]:
    """What ``spec.run`` would say here and now. Raises the ``Model…`` errors, Cancelled."""
    return run_facts(engine.describe(spec.run["model"], control).version)


def sampled_cost(spec: JobSpec, cost: Callable[[Sequence[Any]], Cost]) -> Cost:
    """What all chunks cost, from SAMPLED of them; exact where there are no more.

    Args:
        spec: the job.
        cost: of the items of one chunk.
    """
    places = sorted({at * (spec.chunks - 1) // (SAMPLED - 1) for at in range(SAMPLED)})
    costs = [(len(spec.items_of(at)), cost(spec.items_of(at))) for at in places]
    share = len(spec.items) / sum(items for items, _ in costs)
    tokens = round(share * sum(chunk.tokens for _, chunk in costs))
    return Cost(tokens, share * sum(chunk.seconds for _, chunk in costs))
