"""Groups' distributions over a list of completions as tidy tables: one row a group, two groups, or a Lorenz point.

`template` is everywhere the index of one template; ``None``: the mean of the templates' distributions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard.frames.probe_scores import ProbeScores
from dashboard.stats.agreement import lorenz
from dashboard.stats.distributions import entropy
from dashboard.stats.exact_bias import Lexicon, completions_for, gini, group_distances, lexicon, mean_over_templates


def group_frame(scores: ProbeScores, template: int | None = None) -> pd.DataFrame:
    """One row a group: how its probability is spread over the list of completions.

    Args:
        scores: of the probe.
        template: one of them, or their mean.

    Returns:
        ``group, covered, entropy_nats, gini, completions_50, completions_90``: the list's probability in the
        model, then of the distribution within the list its entropy, its Gini coefficient, and how many completions
        hold 50 % and 90 %.
    """
    distribution = _lexicon(scores, template)
    return pd.DataFrame(
        {
            "group": scores.groups,
            "covered": distribution.covered,
            "entropy_nats": entropy(distribution.prob),
            "gini": gini(distribution.prob),
            "completions_50": completions_for(distribution.prob, 0.5),
            "completions_90": completions_for(distribution.prob, 0.9),
        }
    )


def distance_frame(scores: ProbeScores, template: int | None = None) -> pd.DataFrame:
    """``first, second, js_nats, total_variation``: one row a (group, group), all of them, the diagonal 0."""
    distances = group_distances(_lexicon(scores, template).prob)
    count = len(scores.groups)
    return pd.DataFrame(
        {
            "first": np.repeat(np.array(scores.groups, object), count),
            "second": list(scores.groups) * count,
            "js_nats": distances.js_nats.ravel(),
            "total_variation": distances.total_variation.ravel(),
        }
    )


def lorenz_frame(scores: ProbeScores, template: int | None = None, groups: Sequence[int] | None = None) -> pd.DataFrame:
    """Lorenz curves: one row a (group, point).

    Args:
        scores: of the probe.
        template: one of them, or their mean.
        groups: indices of the groups to draw; ``None``: all.

    Returns:
        ``group, completions, mass, gini``: what share of the completions, least likely first, holds what share of the
        list's probability; the group's Gini coefficient in each of its rows.
    """
    prob = _lexicon(scores, template).prob
    parts = []
    for group in range(len(scores.groups)) if groups is None else groups:
        curve = lorenz(prob[group])
        points = {"completions": curve.completions, "mass": curve.mass, "gini": float(gini(prob[group]))}
        parts.append(pd.DataFrame({"group": scores.groups[group], **points}))
    return pd.concat(parts, ignore_index=True)


def _lexicon(scores: ProbeScores, template: int | None) -> Lexicon:
    """Of (group, completion)."""
    every = lexicon(scores.log_prob)
    if template is None:
        return mean_over_templates(every)
    return Lexicon(every.prob[template], every.covered[template])
