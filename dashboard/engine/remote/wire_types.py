"""The closed list of what travels between an engine and who asks it: types of requests, of answers, of their parts."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from dashboard import __version__
from dashboard.conversation import Conversation
from dashboard.engine.api import attention, generation, lens, model, prediction, scoring, verification
from dashboard.engine.api.request import Cost, Request
from dashboard.i18n import Message

FORMAT = 1
"""Of the bytes; raise it when `codec` or `protocol` write something else."""

REQUESTS: tuple[type[Request[Any]], ...] = (
    model.RunRequest,
    *(attention.HeadRequest, attention.CombineRequest, attention.RolloutRequest),
    *(attention.QueryRowsRequest, attention.TilesRequest),
    *(prediction.CandidatesRequest, prediction.ProcessedRequest, prediction.PositionTableRequest),
    *(lens.LensRequest, lens.AttributionRequest),
    *(generation.GenerateRequest, generation.CompareRequest, generation.TreeRequest),
    *(scoring.ScoreRequest, scoring.SentenceRequest),
    *(verification.VerifyRequest, verification.CheckRequest),
)
"""Those that the handlers' table answers; a test compares the two, so that nothing here needs torch."""


def answer_type(request: type[Request[Any]]) -> type[Any]:
    """The type that a type of request names as its answer's."""
    named = typing.get_args(request.__orig_bases__[0])[0]  # type: ignore[attr-defined]
    if isinstance(named, typing.ForwardRef):
        named = getattr(sys.modules[request.__module__], named.__forward_arg__)
    return typing.cast(type[Any], named)


def _parts(hint: Any) -> Iterator[type[Any]]:
    """Dataclasses that a type hint names."""
    origin = typing.get_origin(hint)
    if isinstance(origin or hint, type) and dataclasses.is_dataclass(origin or hint):
        yield origin or hint
    for part in typing.get_args(hint):
        yield from _parts(part)


def _all_types() -> dict[str, type[Any]]:
    answers = map(answer_type, REQUESTS)
    beside = (
        model.ModelCard,
        model.TokenizedPrompt,
        model.PinnedCommit,
        model.ModelSpec,
        generation.Step,
        Cost,
        Conversation,
        Message,
    )
    waiting, found = [*REQUESTS, *answers, *beside], {}
    while waiting:
        kind = waiting.pop()
        if kind.__name__ in found or kind is Request:
            continue
        found[kind.__name__] = kind
        waiting += [part for hint in hints(kind).values() for part in _parts(hint)]
    return dict(sorted(found.items()))


def hints(kind: type[Any]) -> dict[str, Any]:
    """Name of each field -> its type."""
    said = typing.get_type_hints(kind)
    return {entry.name: said[entry.name] for entry in dataclasses.fields(kind) if entry.init}


TYPES = _all_types()
"""Name -> class of every dataclass that may travel; another is refused when it is written and when it is read."""

HINTS = {name: hints(kind) for name, kind in TYPES.items()}
"""Name of a class of TYPES -> `hints`."""


def _schema() -> str:
    written = [FORMAT, {name: {field: str(hint) for field, hint in said.items()} for name, said in HINTS.items()}]
    return hashlib.sha256(repr(written).encode()).hexdigest()[:8]


PROTOCOL = f"{__version__}/{_schema()}"
"""Both sides must have the same: the dashboard's version, and what its types are."""


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what a field's type says; arrays by being arrays, what names no type by itself."""
    if isinstance(hint, typing.TypeVar | typing.ForwardRef | str) or hint in (Any, object):
        return True  # of generic and recursive hints: the values themselves are of the closed list
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple) and _all_fit(value, parts)
    if origin is frozenset:
        return isinstance(value, frozenset) and all(fits(item, parts[0]) for item in value)
    return _is(value, origin or hint)


def _all_fit(values: tuple[Any, ...], parts: tuple[Any, ...]) -> bool:
    """Whether the values of a tuple are what it says of each, or of all: ``tuple[int, ...]``."""
    said = parts[:1] * len(values) if parts[-1:] == (...,) else parts
    return len(values) == len(said) and all(map(fits, values, said))


def _is(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if isinstance(kind, type) else value is kind or value is None
