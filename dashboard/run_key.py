"""RunKey: everything that changes a run's numbers, and nothing else. ResultKey: what one chart or file shows of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

LONG = 2000
"""A value of a request longer than this [characters] stands in a provenance as its checksum."""
LONG_IN_ROWS = 200
"""The same in a table, where every row repeats it."""


@dataclass(frozen=True)
class RunKey:
    """The full specification of one forward pass: cache key, provenance and file name at once.

    Two runs with equal keys give equal numbers (up to the device's own float noise); looking at a run (a layer, a
    slider, a page) never changes its key.
    """

    model: str
    """Registry id, as in the link."""
    revision: str
    """Commit of the hub, or checksum of the files."""
    dtype: str
    """Of weights and activations, e.g. ``float32``."""
    device: str
    """``cpu``, ``cuda``, …"""
    template: str
    """``raw``: the prompt as typed; ``chat``: inside the model's chat template."""
    token_ids: tuple[int, ...] = field(repr=False)
    """What the model reads, special tokens included."""
    transformers: str
    torch: str

    @property
    def digest(self) -> str:
        """Sixteen hex digits that stand for this key."""
        return _digest(asdict(self))

    def provenance(self) -> dict[str, str | int]:
        """What an export says about where its numbers come from (the ids are in the script, not here)."""
        facts = asdict(self)
        ids = facts.pop("token_ids")
        return {**facts, "tokens": len(ids), "run": self.digest}

    def columns(self) -> dict[str, str]:
        """What every row of an exported table says about where it comes from."""
        return {"model": self.model, "revision": self.revision, "run": self.digest}


@dataclass(frozen=True)
class ResultKey(RunKey):
    """The identity of what is exported: a run, the chart that shows it, and all else that was asked for.

    Digest, provenance, file name and stop name come from here. Two results that differ in any field differ in all of
    them; equal ones agree.
    """

    origin: RunKey
    """What is shown: the run of a prompt, a job, or the scores of a probe."""
    chart: str
    """The chart's or the computation's name."""
    asked: tuple[tuple[str, str], ...]
    """(name, value as JSON) of everything that was asked for beside the run."""

    @property
    def digest(self) -> str:
        """Sixteen hex digits that stand for this result."""
        return _digest([self.origin.provenance(), self.chart, self.asked])

    def request(self, longest: int = LONG) -> str:
        """What was asked for, as ``name=value`` with commas between; values above `longest` as their checksum."""
        return ", ".join(f"{name}={_short(value, longest)}" for name, value in self.asked)

    def provenance(self) -> dict[str, str | int]:
        """As of a run; with the chart, what was asked for, and `result`."""
        facts = self.origin.provenance()
        request = ", ".join(part for part in (str(facts.get("request", "")), self.request()) if part)
        run = facts.get("result", facts["run"])
        return {**facts, "run": run, "chart": self.chart, "request": request, "result": self.digest}

    def columns(self) -> dict[str, str]:
        """As of a run; with what was asked for, and `result`."""
        return {**self.origin.columns(), "run": self.origin.digest} | {
            "result": self.digest,
            "request": self.request(LONG_IN_ROWS),
        }


def result_key(origin: RunKey, chart: str, *asked: object) -> ResultKey:
    """The identity of a result.

    Args:
        origin: what is shown.
        chart: its name.
        asked: requests (dataclasses) and mappings of names to plain values.
    """
    facts = [(name, _json(value)) for part in asked for name, value in _named(part).items()]
    return ResultKey(
        **{entry.name: getattr(origin, entry.name) for entry in fields(RunKey)},
        origin=origin,
        chart=chart,
        asked=tuple(facts),
    )


def _named(part: Any) -> Mapping[str, object]:
    return {entry.name: getattr(part, entry.name) for entry in fields(part)} if is_dataclass(part) else part


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=asdict)


def _short(value: str, longest: int) -> str:
    return value if len(value) <= longest else f"sha256:{_digest(value)}"


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
