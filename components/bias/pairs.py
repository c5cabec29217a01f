"""Which prompts of a probe are looked at: a template's, those of two words of a slot, or of any two groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.shell import link
from components.shell.pickers import place_picker
from components.shell.view import View
from dashboard.frames.probe_scores import ProbeScores
from dashboard.probes.lexicon import occupations
from dashboard.probes.templates import Probe
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import RunKey

PAIR, FIRST, SECOND = "bias_pair", "bias_first", "bias_second"
GROUPS = "groups"
MOST_SLOT_PAIRS = 15
"""So many pairs of words of one slot are offered."""


@dataclass(frozen=True)
class Pair:
    """Two groups in scores: first minus second."""

    scores: ProbeScores
    first: int
    second: int
    groups: tuple[tuple[int, int], ...]
    """The probe's own groups behind it: (first, second) pairs that differ in nothing else."""

    @property
    def names(self) -> tuple[str, str]:
        """Of first and second."""
        return self.scores.groups[self.first], self.scores.groups[self.second]

    @property
    def asked(self) -> dict[str, object]:
        """What tells its charts from those of other pairs."""
        return {"pair": self.names, "groups": self.groups}


def probe_scores(tokenized: TokenizedProbe, log_p: NDArray[np.float64]) -> ProbeScores:
    """The scores with their names, and the completions' shares in the world."""
    scores, neutral = tokenized.by_template(log_p)
    probe = tokenized.spec.probe
    shares = [completion.share for completion in tokenized.completions]
    world = np.array([np.nan if share is None else share for share in shares])
    return ProbeScores(
        scores,
        tuple(template.text for template in probe.templates),
        tokenized.group_names,
        tuple(completion.text for completion in tokenized.completions),
        neutral,
        None if np.isnan(world).all() else world,
    )


def is_transposed(tokenized: TokenizedProbe) -> bool:
    """Whether two completions are compared behind many groups ("she" and "he" behind every occupation)."""
    _, groups, completions = tokenized.shape
    return completions == 2 and groups > 2


def has_world(tokenized: TokenizedProbe) -> bool:
    """Whether two groups can be laid beside shares in the world."""
    if is_transposed(tokenized):
        return not occupations().shares().keys().isdisjoint(tokenized.group_names)
    return any(completion.share is not None for completion in tokenized.completions)


def transposed(tokenized: TokenizedProbe, scores: ProbeScores) -> Pair:
    """The second completion against the first, a row a group; shares in the world where groups are occupations."""
    known = occupations().shares()
    world = np.array([known.get(name, np.nan) for name in scores.groups])
    by_group = scores.transposed(None if np.isnan(world).all() else world)
    groups = tuple((group, group) for group in range(tokenized.shape[1]))
    return Pair(by_group, 1, 0, groups)


def pair_picker(tokenized: TokenizedProbe, scores: ProbeScores, view: View) -> Pair:
    """The person's choice; of two words of a slot the mean log-probabilities over all their groups."""
    words, groups = groups_picker(tokenized, view)
    if words is None:
        return Pair(scores, *groups[0], groups)
    sides = [scores.log_prob[:, [pair[side] for pair in groups]].mean(1) for side in (0, 1)]
    reduced = ProbeScores(
        np.stack(sides, axis=1), scores.templates, words, scores.completions, scores.neutral, scores.world
    )
    return Pair(reduced, 0, 1, groups)


def groups_picker(tokenized: TokenizedProbe, view: View) -> tuple[tuple[str, str] | None, tuple[tuple[int, int], ...]]:
    """Two words of a slot and the (first, second) groups that differ in nothing else; or no words, and any two."""
    text, probe, names = view.text, tokenized.spec.probe, tokenized.group_names
    slots = _slot_pairs(probe)
    options = [*slots, GROUPS] if tokenized.shape[1] > 1 else [GROUPS]
    link.choice_state(PAIR, options, options[0])
    labels = {key: f"{first} – {second} ({slot})" for key, (slot, first, second) in slots.items()}
    labels[GROUPS] = text("bias.two_groups")
    st.selectbox(text("bias.pair"), options, key=PAIR, format_func=lambda o: labels[o], persist_state="session")
    chosen = link.choice_written(PAIR, options[0])
    if chosen != GROUPS:
        slot, *words = slots[chosen]
        return (words[0], words[1]), tuple(probe.pairs(slot, *words))
    first = place_picker(FIRST, text("bias.first"), names, len(names) - 1)
    second = place_picker(SECOND, text("bias.second"), names)
    return None, ((first, second),)


def _slot_pairs(probe: Probe) -> dict[str, tuple[str, str, str]]:
    """Key -> (slot, first, second): the last slot's pairs first; of two words the second against the first."""
    slot_pairs = {}
    for at, (slot, words) in reversed(list(enumerate(zip(probe.slots, probe.words, strict=True)))):
        for first, second in list(combinations(range(len(words)), 2))[:MOST_SLOT_PAIRS]:
            slot_pairs[f"{at}.{second}.{first}"] = (slot, words[second], words[first])
    return slot_pairs


def template_picker(tokenized: TokenizedProbe, view: View) -> int:
    """One of the probe's templates."""
    templates = [template.text for template in tokenized.spec.probe.templates]
    return place_picker("bias_template", view.text("bias.template"), templates)


def prompt_run(view: View, tokenized: TokenizedProbe, number: int) -> RunKey:
    """The run of one of the probe's prompts."""
    return replace(view.key, template="raw", token_ids=tokenized.prompt_ids[number])
