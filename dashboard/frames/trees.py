"""Trees of continuations as tidy tables: one row a node, parents before children."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard.engine.api.generation import BeamTree, Output, ProbabilityTree
from dashboard.frames.sampling import Tokens
from dashboard.tokens import visible

PROMPT = -1
"""Number of the node that all others go back to."""
LEAST_REST = 1e-6
"""A rest of a node's probability below this share of it is float noise."""


def beam_frame(tree: BeamTree, tokens: Tokens) -> pd.DataFrame:
    """What a search looked at.

    Returns:
        ``node, parent, step, token, id, score, state, returned``; `parent` is PROMPT at the first step, `score` is
        accumulated and not yet divided by the length, `state` is ``kept``, ``pruned`` or ``finished``.
    """
    return pd.DataFrame(
        {
            "node": np.arange(len(tree.ids)),
            "parent": tree.parents,
            "step": tree.steps,
            "token": [visible(tokens[i]) for i in tree.ids.tolist()],
            "id": tree.ids,
            "score": tree.scores,
            "state": list(tree.states),
            "returned": list(tree.returned),
        }
    )


def greedy_tree(output: Output, names: Sequence[str]) -> BeamTree:
    """A greedy text as the tree of a search with one beam: its token at each step, and the next likeliest as pruned.

    Args:
        output: a text of a column without beams and without do_sample.
        names: of that column in `Generated.names`, ``do_sample`` last.

    Returns:
        Two nodes a step. A score is the sum of the model's own ln p [nats] up to the node, which is a search's where no
        other setting and no rule of the model changes logits. What one of these forbids is no candidate, if any other
        of the likeliest tokens is left.
    """
    steps = len(output.ids)
    others = [_next_likeliest(output, step, len(names)) for step in range(steps)]
    total = np.cumsum(output.log_p)
    before = total - output.log_p
    scores = np.stack([total, before + output.alternative_log_p[np.arange(steps), others]], 1)
    ids = np.stack([output.ids, output.alternatives[np.arange(steps), others]], 1)
    return BeamTree(
        parents=np.repeat(np.array([PROMPT, *range(0, 2 * steps - 2, 2)]), 2),
        ids=ids.ravel(),
        steps=np.repeat(np.arange(steps), 2),
        scores=scores.ravel(),
        states=("kept", "pruned") * (steps - 1) + ("finished" if output.stopped == "end" else "kept", "pruned"),
        returned=(True, False) * steps,
    )


def _next_likeliest(output: Output, step: int, do_sample: int) -> int:
    """Place among the alternatives of the likeliest token that nothing but `do_sample`, as in ``cut_by``, let go."""
    rest = np.flatnonzero(output.alternatives[step] != output.ids[step])
    free = rest[np.isin(output.alternative_cut_by[step, rest], (0, do_sample))]
    return int(free[0] if len(free) else rest[0])


def probability_frame(tree: ProbabilityTree, tokens: Tokens) -> pd.DataFrame:
    """Continuations with their exact probabilities, the prompt first, and what of a node is not shown as a node.

    Returns:
        ``node, parent, depth, token, id, prob, step_prob, state``: `prob` of the whole path, `step_prob` of the token
        after its parent. `state` is that of the tree, ``prompt`` (node PROMPT, no parent) or ``rest``: all other
        continuations of the parent together, so that children sum to their parent; those have no token.
    """
    count = len(tree.ids)
    probs = tree.probs.astype(np.float64)
    parents = tree.parents.tolist()
    of_children = np.zeros(count + 1)  # the last place is the prompt's: parents[-1]
    np.add.at(of_children, parents, probs)
    whole = np.append(probs, 1.0)
    split = sorted({PROMPT, *parents})
    rests = [
        (node, whole[node] - of_children[node])
        for node in split
        if whole[node] - of_children[node] > LEAST_REST * whole[node]
    ]
    above = [*parents, *(node for node, _ in rests)]
    prob = np.array([1.0, *probs, *(rest for _, rest in rests)])
    depths = [*tree.depths.tolist(), 0]
    return pd.DataFrame(
        {
            "node": np.arange(PROMPT, count + len(rests)),
            "parent": pd.array([None, *above], dtype="Int64"),
            "depth": [0, *depths[:-1], *(depths[node] + 1 for node, _ in rests)],
            "token": ["", *(visible(tokens[i]) for i in tree.ids.tolist()), *[""] * len(rests)],
            "id": pd.array([None, *tree.ids.tolist(), *[None] * len(rests)], dtype="Int64"),
            "prob": prob,
            "step_prob": prob / np.array([1.0, *(whole[node] for node in above)]),
            "state": ["prompt", *tree.states, *["rest"] * len(rests)],
        }
    )
