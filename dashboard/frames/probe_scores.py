"""The exact scores of a probe, with the names of their axes: what the tables of the Bias page are made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ProbeScores:
    """Exact scores of a probe with the names of its axes; names that are not unique get a number."""

    log_prob: Floats
    """(template, group, completion) ``L(c|g,τ)`` [nats]; NaN where not scored."""
    templates: tuple[str, ...]
    groups: tuple[str, ...]
    completions: tuple[str, ...]
    neutral: Floats | None = None
    """(template, completion) L behind the neutral prompt [nats]; NaN in templates without one. ``None``: none has."""
    world: Floats | None = None
    """(completion,) the first group's share in the world, in [0, 1], where two groups are compared that have one; NaN
    where not known."""

    def __post_init__(self) -> None:
        shape = len(self.templates), len(self.groups), len(self.completions)
        wanted = {"log_prob": shape, "neutral": shape[::2], "world": shape[2:]}
        for name, expected in wanted.items():
            array = getattr(self, name)
            if array is not None and array.shape != expected:
                raise ValueError(f"{name} has shape {array.shape}, its names have {expected}")
        for axis in ("templates", "groups", "completions"):
            object.__setattr__(self, axis, _distinct(getattr(self, axis)))

    def of_groups(self, indices: Sequence[int]) -> ProbeScores:
        """Some of the groups: maps and distances of thousands are too large to draw, or to hold."""
        groups = tuple(self.groups[index] for index in indices)
        return replace(self, log_prob=self.log_prob[:, list(indices)], groups=groups)

    def transposed(self) -> ProbeScores:
        """The same with groups and completions changed over: "she" against "he" behind every occupation.

        A row is then what was a group. Its scores are of one word behind many prompts, no distribution: the tables of
        pairs hold, those of a group's distribution (`dashboard.frames.bias_groups`) do not.
        """
        return ProbeScores(self.log_prob.swapaxes(1, 2), self.templates, self.completions, self.groups)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names that occur again get a number that is not taken."""
    unique: dict[str, None] = {}
    for name in names:
        number, numbered = 1, name
        while numbered in unique:
            number += 1
            numbered = f"{name} ({number})"
        unique[numbered] = None
    return tuple(unique)
