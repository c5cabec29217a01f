"""JobSpec: the full specification of a job as plain data, and the id that is a hash of it."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa

import dashboard
from dashboard.run_key import ModelVersion

FORMAT = 1
"""Raise it when what is written to disk changes its form: older jobs are then other jobs."""
ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class JobSpec:
    """A kind of work, everything that changes its numbers, and its items in order.

    All of it is plain data (what JSON has); it is kept as JSON gives it back, so that work sees the same before and
    after a restart. Two equal specifications are one job; any change makes another.

    Raises:
        TypeError, ValueError: not plain data, or no items.
    """

    kind: str
    """Name of its kind, e.g. ``probe``."""
    run: Mapping[str, Any]
    """The facts of the model and its versions, see `run_facts`."""
    request: Mapping[str, Any] = field(repr=False)
    """Everything else that changes the numbers. May hold users' texts, as the items do: not in a repr, not in a log."""
    items: Sequence[Any] = field(repr=False)
    """One is the unit of progress."""
    chunk: int = 16
    """Items computed and saved together: at most so many are lost when the server ends."""

    def __post_init__(self) -> None:
        """Make it plain."""
        if not self.items or self.chunk < 1:
            raise ValueError(f"a job of {len(self.items)} items in chunks of {self.chunk}")
        plain = json.loads(self.text)
        for entry in fields(self):
            object.__setattr__(self, entry.name, plain[entry.name])

    @classmethod
    def read(cls, text: str) -> JobSpec:
        """The specification that was written as `text`. Raises ValueError when it is none."""
        plain = json.loads(text)
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise ValueError("no specification of this format")
        try:
            return cls(**plain)
        except TypeError as error:
            raise ValueError("not the fields of a specification") from error

    @cached_property
    def text(self) -> str:
        """As JSON: one form only, in ASCII."""
        facts = {"format": FORMAT} | {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @cached_property
    def id(self) -> str:
        """Thirty-two hex digits: a hash of the whole specification, items included."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return math.ceil(len(self.items) / self.chunk)

    def items_of(self, chunk: int) -> Sequence[Any]:
        """The items of one chunk, 0 = first."""
        return self.items[chunk * self.chunk : (chunk + 1) * self.chunk]

    def provenance(self, done: int) -> dict[str, Any]:
        """What a file of results says about where its numbers come from.

        Args:
            done: items that are in it.
        """
        return {
            **self.run,
            "run": self.id,
            "kind": self.kind,
            "request": self.request,
            "items": len(self.items),
            "items_done": done,
            "pandas": pd.__version__,
            "pyarrow": pa.__version__,
        }


def run_facts(version: ModelVersion) -> dict[str, str]:
    """What a job has in common with the run of one prompt: model, revision, dtype, device, versions.

    The template is ``raw``: a job's texts stand in no chat template.
    """
    return {**version.facts("raw"), "dashboard": dashboard.__version__}
