"""Where the nodes of a beam search stand: a column a step, bands of some steps below one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BAND = 7
"""Steps side by side; the next ones stand in a band below, as lines of a text do."""
MOST_STEPS = 21
MOST_SLOTS = 16
"""Candidates of a step; of more the pruned ones are left out, the worst first."""
_BETWEEN = 1.6
"""Between two bands [slots]."""


@dataclass(frozen=True)
class Layout:
    """Places in slots down and steps across; no two nodes share one, and no two lines cross."""

    nodes: NDArray[np.int64]
    """(node,) rows of the frame that are drawn."""
    x: Numbers
    """(node,)"""
    y: Numbers
    from_x: Numbers
    """(node,) where the line from the parent begins."""
    from_y: Numbers
    again_x: list[float]
    """Of what bands begin with: the prompt, or nodes of the step before."""
    again_y: list[float]
    again_token: list[str | None]
    """``None``: the prompt."""
    number_x: list[float]
    """(step,) of its number."""
    number_y: list[float]
    steps: int
    """That are drawn."""
    width: int
    """Steps of the longest band."""
    height: float
    """Slots of all bands."""
    cut: bool
    """Whether something is left out."""


def beam_layout(frame: pd.DataFrame, first: int = 0) -> Layout:
    """Place the nodes of a search.

    Nodes of a step stand below one another in the order of their parents, a parent's best first: so no lines cross.

    Args:
        frame: as `dashboard.frames.trees.beam_frame` makes it.
        first: the first step that is drawn.
    """
    stop = min(first + MOST_STEPS, int(frame["step"].max()) + 1)
    columns = _ordered(frame, stop)
    nodes = np.array([node for column in columns[first:] for node in column], np.int64)
    index = {int(node): i for i, node in enumerate(nodes)}
    parents = frame["parent"].to_numpy()
    x, y = np.zeros(len(nodes)), np.zeros(len(nodes))
    from_x, from_y = np.zeros(len(nodes)), np.zeros(len(nodes))
    again_x, again_y, again_token = list[float](), list[float](), list[str | None]()
    number_x, number_y = [], []
    top = 0.0
    for begin in range(first, stop, BAND):
        band = columns[begin : min(begin + BAND, stop)]
        # what the band goes on from: the prompt, or the last nodes of the band above that have a line to this one
        before = [-1] if begin == 0 else [node for node in columns[begin - 1] if node in set(parents[band[0]])]
        slots = max(len(before), *(len(column) for column in band))
        start = {node: (0.0, top + _slot(i, len(before), slots)) for i, node in enumerate(before)}
        again_x += [x for x, _ in start.values()]
        again_y += [y for _, y in start.values()]
        again_token += [str(frame["token"].iloc[node]) if node >= 0 else None for node in before]
        for across, column in enumerate(band, 1):
            number_x.append(float(across))
            number_y.append(top - 0.95)
            for i, node in enumerate(column):
                here = index[node]
                x[here], y[here] = across, top + _slot(i, len(column), slots)
                parent = int(parents[node])
                from_x[here], from_y[here] = start[parent] if across == 1 else (x[index[parent]], y[index[parent]])
        top += slots + _BETWEEN
    return Layout(
        nodes,
        x,
        y,
        from_x,
        from_y,
        again_x,
        again_y,
        again_token,
        number_x,
        number_y,
        steps=stop - first,
        width=min(BAND, stop - first),
        height=top - _BETWEEN,
        cut=len(nodes) < len(frame),
    )


def _slot(i: int, count: int, slots: int) -> float:
    """Slot of the node number `i` of `count` in a band of `slots`: columns stand in the middle."""
    return i + (slots - count) / 2


def _ordered(frame: pd.DataFrame, stop: int) -> list[list[int]]:
    """(step,) nodes from the top down."""
    parents, scores = frame["parent"].to_numpy(), frame["score"].to_numpy()
    needed = set(parents.tolist()) | set(frame["node"][frame["returned"]])
    columns: list[list[int]] = []
    rank = {-1: 0}
    for step in range(stop):
        nodes = _fitting(frame["node"][frame["step"] == step].tolist(), scores, needed)
        nodes.sort(key=lambda node: (rank[int(parents[node])], -scores[node]))
        rank = {node: i for i, node in enumerate(nodes)}
        columns.append(nodes)
    return columns


def _fitting(nodes: list[int], scores: NDArray[np.float32], needed: set[int]) -> list[int]:
    """At most MOST_SLOTS of `nodes`; those with a line to the next step, and those returned, stay in any case."""
    loose = sorted((node for node in nodes if node not in needed), key=lambda node: -scores[node])
    room = max(0, MOST_SLOTS - (len(nodes) - len(loose)))
    left = set(loose[room:])
    return [node for node in nodes if node not in left]
