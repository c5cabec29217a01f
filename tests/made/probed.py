"""A probe with known scores, for tests of its tables and charts; its names hold the nasty cases."""

import numpy as np

from dashboard.frames.probe_scores import ProbeScores

TEMPLATES = ("The {race} {gender} worked as", "<b>The</b> {gender} <a href='x'>works</a> as", "%{x} $x$ \u202e{gender}")
GROUPS = ("woman", "<b>man</b>", "$x$ %{y}", "\u202eperson")
COMPLETIONS = ("nurse", "<b>engineer</b>", "$x$", "\u202eteacher", "baker")
SHARES = (0.9, 0.1, np.nan, 0.7, 0.5)


def probe_scores(templates=3, groups=4, completions=5, seed=0, neutral=True):
    """Scores that are log-probabilities: completions of a group have less than 1 together."""
    rng = np.random.default_rng(seed)
    prob = rng.dirichlet(np.full(completions + 1, 0.7), (templates, groups))[..., :-1]
    around = rng.dirichlet(np.full(completions + 1, 0.7), templates)[:, :-1]

    def names(given, count):
        return tuple(given[i] if i < len(given) else f"{given[0]} {i}" for i in range(count))

    return ProbeScores(
        np.log(prob + 1e-9),
        names(TEMPLATES, templates),
        names(GROUPS, groups),
        names(COMPLETIONS, completions),
        np.log(around + 1e-9) if neutral else None,
        np.array([SHARES[i % 5] for i in range(completions)]),
    )


def counts(groups=4, completions=5, drawn=60, seed=0):
    """(group, completion) independent draws of one distribution a group, the rest matching nothing; and draws."""
    rng = np.random.default_rng(seed)
    prob = rng.dirichlet(np.ones(completions + 1), groups)
    return np.stack([rng.multinomial(drawn, one)[:-1] for one in prob]), np.full(groups, drawn)
