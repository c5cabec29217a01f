"""Forks of a text: at one step another token is taken, and generation continues from there with the same noise.

A fork may leave another fork; together they are a tree, written as ``column.row.step.token`` (from a row) or
``f<number>.step.token`` (from an earlier fork), with commas between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.engine.api.generation import Generated, GenerateRequest, Output
from dashboard.parsing.unreadable import Unreadable
from dashboard.tokens import visible_text

MOST = 30
_FORK = re.compile(r"(?:f(\d{1,3})|(\d{1,3})\.(\d{1,4}))\.(\d{1,5})\.(\d{1,7})", re.ASCII)


@dataclass(frozen=True)
class Fork:
    """Where a text was left, and for which token."""

    column: int
    row: int
    """The row that it comes from, through however many forks."""
    parent: int
    """The fork that it leaves; -1: the row itself."""
    step: int
    token: int


def written(forks: Sequence[Fork]) -> str:
    """Forks as the text of a link."""
    return ",".join(
        f"f{fork.parent}.{fork.step}.{fork.token}"
        if fork.parent >= 0
        else f"{fork.column}.{fork.row}.{fork.step}.{fork.token}"
        for fork in forks
    )


def read(text: str) -> tuple[Fork, ...]:
    """The forks that `written` wrote.

    Raises:
        Unreadable: a part is no fork, or leaves one that is not before it; or there are more than MOST.
    """
    forks: list[Fork] = []
    parts = text.split(",") if text else []
    if len(parts) > MOST:
        raise Unreadable("sampling.unreadable.forks", count=len(parts), most=MOST)
    for part in parts:
        match = _FORK.fullmatch(part)
        numbers = [int(group) if group is not None else -1 for group in match.groups()] if match else []
        if not numbers or numbers[0] >= len(forks):
            raise Unreadable("sampling.unreadable.fork", part=visible_text(part[:30]))
        parent, column, row, step, token = numbers
        origin = forks[parent] if parent >= 0 else None
        column, row = (origin.column, origin.row) if origin else (column, row)
        forks.append(Fork(column, row, parent, step, token))
    return tuple(forks)


def fork_request(request: GenerateRequest, fork: Fork, left: Output) -> GenerateRequest:
    """The request that makes the text of a fork.

    Args:
        request: of the columns.
        fork: where it leaves.
        left: the text that it leaves.

    Raises:
        ValueError: the text has no such step, or its column has beams, which draw no single token.
    """
    column = request.columns[fork.column]
    if column.num_beams > 1 or not fork.step < len(left.ids):
        raise ValueError(f"no step {fork.step} to leave")
    forced = (*(int(token) for token in left.ids[: fork.step]), fork.token)
    return replace(request, columns=(replace(column, num_return_sequences=1),), forced=forced, first_row=fork.row)


def left_by(fork: Fork, generated: Generated, texts: Mapping[int, Output]) -> Output | None:
    """The text that a fork leaves; ``None`` when there is none (any more).

    Args:
        fork: where it leaves.
        generated: the rows.
        texts: fork -> its text.
    """
    if fork.parent >= 0:
        return texts.get(fork.parent)
    rows = (output for output in generated.outputs if (output.column, output.row) == (fork.column, fork.row))
    return next(rows, None)
