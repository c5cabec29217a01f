"""Made-up texts, trees and comparisons of settings, with nasty tokens and names."""

import numpy as np

from dashboard.engine.api.generation import (
    ALTERNATIVES,
    BeamTree,
    Generated,
    Output,
    ProbabilityTree,
    SettingsComparison,
)
from tests.made import samples

NAMES = ("<b>greedy</b>", "$x$ T = 1", "%{x}", "beam \u202e5")
TOKENS = {i: samples.token(text, i) for i, text in enumerate(samples.NASTY)} | {
    i: samples.token(f" w{i}", i) for i in range(len(samples.NASTY), 200)
}


def output(column, row, ids, *, log_p=None, stopped="limit", beams=False, margins=None):
    """A text; alternatives are the ids 0 … 9, the last two of them cut by the column's second setting."""
    count = len(ids)
    log_p = np.full(count, np.log(0.25)) if log_p is None else log_p
    told = np.log(np.linspace(0.2, 0.02, ALTERNATIVES))
    left = np.where(np.arange(ALTERNATIVES) < 8, told + 0.1, -np.inf)
    nothing = np.full(count, np.nan, np.float32)
    return Output(
        column=column,
        row=row,
        ids=np.array(ids, np.int64),
        log_p=np.array(log_p, np.float32),
        log_q=nothing if beams else np.array(log_p, np.float32) + np.float32(0.1),
        ranks=np.arange(1, count + 1),
        margins=nothing if beams or margins is None else np.array(margins, np.float32),
        alternatives=np.tile(np.arange(ALTERNATIVES), (count, 1)),
        alternative_log_p=np.tile(told, (count, 1)).astype(np.float32),
        alternative_log_q=np.tile(np.full(ALTERNATIVES, np.nan) if beams else left, (count, 1)).astype(np.float32),
        alternative_cut_by=np.tile(np.where(beams | (np.arange(ALTERNATIVES) < 8), 0, 2), (count, 1)),
        stopped=stopped,
        score=-1.5 - row if beams else float("nan"),
    )


def generated(columns=4, rows=12, steps=10):
    """Texts of some settings, the fourth with beams; some of each end before the limit, none below eight tokens."""
    rng = np.random.default_rng(2)
    outputs = []
    for column in range(columns):
        for row in range(rows):
            ended = row % 3 == 0
            count = int(rng.integers(9, steps)) if ended else steps
            outputs.append(
                output(
                    column,
                    row,
                    rng.integers(0, 6 + 10 * column, count).tolist(),
                    log_p=rng.normal(-2, 0.5, count),
                    stopped="end" if ended else "limit",
                    beams=column == 3,
                    margins=rng.exponential(size=count),
                )
            )
    names = (("temperature", "top_k"),) * columns
    trees = tuple(beam_tree() if column == 3 else None for column in range(columns))
    return Generated(tuple(outputs), names, trees, (0,) * columns, 1.0, 0.1, "shared")


def texts(found):
    """What the texts of `found` would read."""
    return ["".join(TOKENS[i].text for i in one.ids.tolist()) for one in found.outputs]


def comparison(settings=3, count=9):
    """Distances are symmetric with an empty diagonal; kept tokens differ by powers of ten."""
    rng = np.random.default_rng(4)
    apart = rng.random((settings, settings, count)).astype(np.float32)
    apart = np.tril(np.swapaxes(apart, 0, 2), -1).swapaxes(0, 2)
    apart = apart + apart.swapaxes(0, 1)
    return SettingsComparison(
        kept=10 ** np.tile(np.arange(count) % 5, (settings, 1)),
        kept_mass=rng.random((settings, count)).astype(np.float32),
        entropy_nats=rng.random((settings, count)).astype(np.float32),
        own_entropy_nats=np.linspace(1, 2, count, dtype=np.float32),
        total_variation=apart,
        js_nats=apart * np.float32(np.log(2)),
    )


def beam_tree(beams=2, steps=3, seed=0):
    """A search whose last step's best is returned: at every step twice as many candidates as beams."""
    rng = np.random.default_rng(seed)
    parents, ids, depths, scores, states = [], [], [], [], []
    running = [-1]
    for step in range(steps):
        found = []
        for rank in range(2 * beams):
            parent = running[int(rng.integers(len(running)))]
            found.append(len(ids))
            parents.append(parent)
            ids.append(int(rng.integers(len(TOKENS))))
            depths.append(step)
            scores.append((scores[parent] if parent >= 0 else 0.0) - 0.3 * (rank + 1))
            states.append("kept" if rank < beams and step < steps - 1 else "pruned")
        running = found[:beams]
    states[running[0]] = "finished"
    way, node = set(), running[0]
    while node >= 0:
        way.add(node)
        node = parents[node]
    return BeamTree(
        np.array(parents),
        np.array(ids),
        np.array(depths),
        np.array(scores, np.float32),
        tuple(states),
        tuple(node in way for node in range(len(ids))),
    )


def probability_tree():
    """Two tokens after the prompt; of the first, two went on, one of them to its end."""
    return ProbabilityTree(
        parents=np.array([-1, -1, 0, 0, 2]),
        ids=np.array([1, 3, 4, 6, 8]),
        depths=np.array([1, 1, 2, 2, 3]),
        probs=np.array([0.5, 0.25, 0.25, 0.125, 0.25], np.float32),
        states=("inner", "open", "inner", "end", "depth"),
        finished_mass=0.375,
        unseen_mass=0.01,
        seconds=0.1,
    )
