"""Keys of a job: the model and versions that its numbers come from; and what the job would cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl, TokenizedPrompt
from dashboard.engine.api.scoring import ScoreCost
from dashboard.jobs.spec import JobSpec, run_facts
from dashboard.run_key import RunKey

SAMPLED = 6
"""So many chunks, evenly spread, tell what all of them cost."""
_NAMES = ("model", "revision", "dtype", "device", "template", "transformers", "torch")


@dataclass(frozen=True)
class JobKey(RunKey):
    """The key of a job's results: stands for all of its texts, which it does not hold."""

    job: str = ""
    """The job's id."""
    facts: dict[str, Any] = field(default_factory=dict, hash=False)
    """What else an export says."""

    @property
    def digest(self) -> str:
        """The beginning of the job's id, as long as that of a run."""
        return self.job[:16]

    def provenance(self) -> dict[str, str | int]:
        """As of a run; `run` is the job's whole id."""
        return {**{name: getattr(self, name) for name in _NAMES}, **self.facts, "run": self.job}


def job_key(spec: JobSpec, **facts: object) -> JobKey:
    """The key under which a job's results are exported."""
    return JobKey(**{name: spec.run[name] for name in _NAMES}, token_ids=(), job=spec.id, facts=facts)


def scoring_key(spec: JobSpec) -> RunKey:
    """The key with which its texts are scored: an engine refuses it where the model is another by now."""
    return RunKey(**{name: spec.run[name] for name in _NAMES}, token_ids=())


def raw_key(key: RunKey) -> RunKey:
    """The key as jobs have it: their texts stand in no chat template."""
    return replace(key, template="raw")


def current_run(engine: Engine, spec: JobSpec, job: CallControl) -> dict[str, str]:
    """What ``spec.run`` would say here and now. Raises the ``Model…`` errors, Cancelled."""
    model = spec.run["model"]
    engine.describe(model, job)
    return run_facts(engine.run_key(model, TokenizedPrompt((), "raw")))


def sampled_cost(spec: JobSpec, cost: Callable[[Sequence[Any]], ScoreCost]) -> ScoreCost:
    """What all chunks cost, from SAMPLED of them; exact where there are no more.

    Args:
        spec: the job.
        cost: of the items of one chunk.
    """
    places = sorted({at * (spec.chunks - 1) // (SAMPLED - 1) for at in range(SAMPLED)})
    costs = [(len(spec.items_of(at)), cost(spec.items_of(at))) for at in places]
    share = len(spec.items) / sum(items for items, _ in costs)
    tokens = round(share * sum(chunk.tokens for _, chunk in costs))
    return ScoreCost(tokens, share * sum(chunk.seconds for _, chunk in costs))
