"""Probe jobs: every completion of a large probe behind every prompt, prompts in chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.job_kinds.keys import sampled_cost, version_of
from dashboard.jobs.runner import JobRunner
from dashboard.jobs.spec import JobSpec, run_facts
from dashboard.probes.continuations import continuations
from dashboard.probes.pair_scores import Pairs, tokeniser
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import ModelVersion

PROBE = "probe"
"""The kind of these jobs."""
CHUNK = 32
"""Most prompts scored at once."""
CHUNK_SCORES = 20_000
"""Most scores of a chunk, but for one of a single prompt."""
_BOUNDARY = "boundary_log_mass_nats"


def probe_spec(probe: TokenizedProbe, version: ModelVersion) -> JobSpec:
    """The job that scores a probe.

    Args:
        probe: as tokens.
        version: of the model that scores it.
    """
    written = probe.spec.probe
    places: list[tuple[str, str | None]] = [
        (template.text, written.group(group).name) for template in written.templates for group in range(written.groups)
    ]
    places += [(template.text, None) for template in written.templates if template.neutral]
    items = [
        {"place": at, "template": template, "group": group, "prompt": prompt}
        for at, ((template, group), prompt) in enumerate(zip(places, probe.prompts, strict=True))
    ]
    request = {"probe": probe.spec.facts(), "completions": list(probe.texts), "boundary": probe.spec.boundary}
    chunk = max(1, min(CHUNK, CHUNK_SCORES // len(probe.texts)))
    return JobSpec(PROBE, run_facts(version), request, items, chunk)


def probe_cost(engine: Engine, spec: JobSpec) -> Cost:
    """What the job would cost, from some of its chunks. Raises DashboardError."""
    return sampled_cost(spec, lambda items: _pairs(engine, spec, items).cost(engine))


def _pairs(engine: Engine, spec: JobSpec, items: Sequence[Mapping[str, Any]]) -> Pairs:
    tokenise = tokeniser(engine, spec.run["model"])
    prompts = [item["prompt"] for item in items]
    prompt_ids = tokenise(prompts, False)
    rows = continuations(prompt_ids, prompts, spec.request["completions"], tokenise)
    return Pairs.of(version_of(spec), prompt_ids, rows, spec.request["boundary"])


def run_probe(engine: Engine, spec: JobSpec, items: Sequence[Mapping[str, Any]], control: CallControl) -> pd.DataFrame:
    """One row a (prompt, completion), completions fastest.

    Returns:
        ``item, template, group, prompt, place, completion, log_prob_nats, tokens``: the places of the prompt and of the
        completion, L [nats] and the tokens scored; NaN and 0 where the two have no probability; `group` is empty behind
        a neutral prompt. Where the end of the word counts also ``boundary_log_mass_nats``, to be added.
    """
    scores = _pairs(engine, spec, items).scores(engine, control)
    completions = spec.request["completions"]
    each: dict[str, Any] = {
        "item": [item["place"] for item in items],
        **{name: [item[name] for item in items] for name in ("template", "group", "prompt")},
    }
    columns: dict[str, Any] = {
        name: np.repeat(np.array(values, object), len(completions)) for name, values in each.items()
    }
    columns["item"] = columns["item"].astype(np.int64)
    columns["place"] = np.tile(np.arange(len(completions)), len(items))
    columns["completion"] = np.tile(np.array(completions, object), len(items))
    columns["log_prob_nats"] = scores.log_p.ravel()
    columns["tokens"] = scores.lengths.ravel()
    if spec.request["boundary"]:
        columns[_BOUNDARY] = (scores.total - scores.log_p).ravel()
    return pd.DataFrame(columns)


def scores_of_job(runner: JobRunner, job_id: str, probe: TokenizedProbe) -> NDArray[np.float64]:
    """(prompt, completion) scores [nats] for `TokenizedProbe.by_template`; NaN where nothing is scored yet.

    With the end of the word where the probe counts it: ``L* = L +`` the boundary's mass.

    Args:
        runner: that has the job.
        job_id: of the job that `probe_spec` made of this probe.
        probe: as tokens.

    Raises:
        JobUnknown, JobPartDamaged: as `JobRunner.frames`.
    """
    scores = np.full((len(probe.prompts), len(probe.texts)), np.nan)
    parts = ["log_prob_nats", *([_BOUNDARY] if probe.spec.boundary else [])]
    for frame in runner.frames(job_id, ["item", "place", *parts]):
        scores[frame["item"].to_numpy(), frame["place"].to_numpy()] = frame[parts].sum(axis=1, skipna=False)
    return scores
