"""Request: one question to an engine as a frozen value that holds its whole specification; and Cost.

It is its own key in caches; its digest names stops; digest and provenance stand in every export. Two requests that
differ in any field differ in all of them; equal ones agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dashboard.run_key import ModelVersion, RunKey, digest_of, written_as_json

Answer = TypeVar("Answer")

LONG = 2000
"""A value longer than this [characters] stands in a provenance as its checksum."""
LONG_IN_ROWS = 200
"""The same in a table, where every row repeats it."""


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """One question; `Answer` is the type of what `Engine.answer` gives for it.

    A subclass is frozen and has only fields that change the answer.
    """

    if TYPE_CHECKING:

        @property
        def version(self) -> ModelVersion:
            """Whose answer it is."""

        @property
        def token_ids(self) -> tuple[int, ...]:
            """What the model reads; empty where the request has texts of its own."""

        def facts(self) -> dict[str, str | int]:
            """What an export says of the model and of the run."""

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits that stand for this request: its type and all its fields."""
        return digest_of([type(self).__name__, self])

    def text(self, longest: int = LONG, besides: Request[Any] | None = None) -> str:
        """What is asked for, on one line: ``LensRequest(positions=[3], half_steps=false, pins=[])``.

        Args:
            longest: values above it stand as their checksum [characters].
            besides: a request that was written before it: of the same type only what differs is written, of any
                other its run where that is another.
        """
        same = besides if type(besides) is type(self) else None
        asked = [
            f"{name}={short(value, longest)}"
            for name, value in _named(self)
            if same is None or dict(_named(same)).get(name) != value
        ]
        other_run = besides is not None and besides.facts() != self.facts()
        asked = [f"run={self.facts()['run']}", *asked] if other_run else asked
        return f"{type(self).__name__}({', '.join(asked)})"

    def provenance(self) -> dict[str, str | int]:
        """What an export says about where its numbers come from: as of a run, with the request and `result`."""
        return {**self.facts(), "request": self.text(), "result": self.digest}


@dataclass(frozen=True)
class RunQuestion(Request[Answer]):
    """A question about one forward pass, or about what follows its tokens."""

    run: RunKey

    @property
    def version(self) -> ModelVersion:
        """Of the run."""
        return self.run.version

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Of the run."""
        return self.run.token_ids

    def facts(self) -> dict[str, str | int]:
        """Of the run."""
        return self.run.provenance()


@dataclass(frozen=True)
class ModelQuestion(Request[Answer]):
    """A question about texts of its own, or about the model itself."""

    version: ModelVersion

    @property
    def token_ids(self) -> tuple[int, ...]:
        """None: no prompt."""
        return ()

    @property
    def count(self) -> int:
        """Tokens of its texts."""
        return 0

    def facts(self) -> dict[str, str | int]:
        """Of the model; `run` is the request itself."""
        return {**self.version.facts("raw"), "tokens": self.count, "run": self.digest}


def text_of(requests: Sequence[Request[Any]], longest: int = LONG) -> str:
    """What several requests ask for: the first of each type in full, then what differs in the others of it.

    Args:
        requests: in order; one at least.
        longest: values, and all the others of a type together, stand as their checksum above it [characters].
    """
    parts, types = [], dict.fromkeys(type(request) for request in requests)
    for kind in types:
        first, *others = (request for request in requests if type(request) is kind)
        parts.append(first.text(longest, besides=None if first is requests[0] else requests[0]))
        parts += [short(", ".join(other.text(longest, besides=first) for other in others), longest)] if others else []
    return ", ".join(parts)


@dataclass(frozen=True)
class Cost:
    """What an answer would cost, before it is computed; beside that of its run."""

    tokens: int
    """That go through the model, or that are generated at most."""
    seconds: float
    """From how much there is to do and how long the last answers of this model took here; NaN: nobody can say."""
    nbytes: int = 0
    """Memory that it takes [bytes]."""
    kept: bool = False
    """The answer is there already."""


def _named(request: Request[Any]) -> list[tuple[str, str]]:
    """(name, value as JSON) of all fields but the run or model version; settings by their own fields."""
    parts: list[tuple[str, str]] = []
    for entry in fields(request):
        if entry.name not in ("run", "version"):
            parts += _values(entry.name, getattr(request, entry.name))
    return parts


def _values(name: str, value: Any) -> list[tuple[str, str]]:
    if hasattr(value, "__dataclass_fields__"):
        return [pair for entry in fields(value) for pair in _values(f"{name}.{entry.name}", getattr(value, entry.name))]
    return [(name, written_as_json(value))]


def short(value: str, longest: int) -> str:
    """`value`, or its checksum where it is longer than `longest` [characters]."""
    return value if len(value) <= longest else f"sha256:{digest_of(value)}"
