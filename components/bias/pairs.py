"""Which prompts of a probe are looked at: a template's, those of two words of a slot, or of any two groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.shell import link
from components.shell.pickers import place_picker, place_state
from components.shell.view import View
from dashboard.frames.probe_scores import ProbeScores
from dashboard.probes.lexicon import first_of, occupations
from dashboard.probes.spec import OWN
from dashboard.probes.templates import Probe
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import RunKey

PAIR, FIRST, SECOND = "bias_pair", "bias_first", "bias_second"
GROUPS = "groups"
MOST_SLOT_PAIRS = 15
"""So many pairs of words of one slot are offered."""


Words = tuple[str, str]
GroupPairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Pair:
    """Two groups in scores: first minus second."""

    scores: ProbeScores
    first: int
    second: int
    groups: GroupPairs
    """The probe's own groups behind it: (first, second) pairs that differ in nothing else."""
    world: str = ""
    """Whose shares in the world `scores` have: of ``women`` or ``men``, the first group, or ``own``, what an own list
    gives; empty: none is of these two groups."""

    @property
    def names(self) -> Words:
        """Of first and second."""
        return self.scores.groups[self.first], self.scores.groups[self.second]

    @property
    def asked(self) -> dict[str, object]:
        """What tells its charts from those of other pairs."""
        return {"pair": self.names, "groups": self.groups}


def probe_scores(tokenized: TokenizedProbe, log_p: NDArray[np.float64]) -> ProbeScores:
    """The scores with their names."""
    scores, neutral = tokenized.by_template(log_p)
    return ProbeScores(
        scores,
        tuple(template.text for template in tokenized.spec.probe.templates),
        tokenized.group_names,
        tuple(completion.text for completion in tokenized.completions),
        neutral,
    )


def is_transposed(tokenized: TokenizedProbe) -> bool:
    """Whether two completions are compared behind many groups ("she" and "he" behind every occupation)."""
    _, groups, completions = tokenized.shape
    return completions == 2 and groups > 2


# -- shares in the world -------------------------------------------------------------------------------------------
def _whose(tokenized: TokenizedProbe, words: Words | None, groups: GroupPairs) -> str:
    """`Pair.world` of these groups, or of the two completions that are compared.

    Labour statistics count women: they are of groups that differ in nothing but a word for women and one for men. What
    the shares of an own list are of, its author knows.
    """
    if is_transposed(tokenized):
        second, first = (completion.text for completion in tokenized.completions)
        return first_of((first, second))
    if tokenized.spec.lexicon == OWN:
        return "own"
    if words is None:
        probe = tokenized.spec.probe
        both = (probe.group(group).words.values() for group in groups[0])
        differing = [pair for pair in zip(*both, strict=True) if pair[0] != pair[1]]
        return first_of(differing[0]) if len(differing) == 1 else ""
    return first_of(words)


def _shares(tokenized: TokenizedProbe, whose: str) -> NDArray[np.float64] | None:
    """(row,) shares in the world of the first group, NaN where not known; ``None``: there are none."""
    if is_transposed(tokenized):
        known = occupations().shares()
        given = [known.get(name) for name in tokenized.group_names]
    else:
        given = [completion.share for completion in tokenized.completions]
    shares = np.array([np.nan if share is None else share for share in given])
    if not whose or np.isnan(shares).all():
        return None
    return 1 - shares if whose == "men" else shares


def beside_world(pair: Pair, tokenized: TokenizedProbe, words: Words | None) -> Pair:
    """The pair with the shares in the world that are of it."""
    whose = _whose(tokenized, words, pair.groups)
    shares = _shares(tokenized, whose)
    return pair if shares is None else replace(pair, scores=replace(pair.scores, world=shares), world=whose)


def has_world(tokenized: TokenizedProbe) -> bool:
    """Whether there are shares in the world of the two groups that are chosen, before their picker is drawn."""
    words, groups = (None, ()) if is_transposed(tokenized) else chosen_groups(tokenized)
    return _shares(tokenized, _whose(tokenized, words, groups)) is not None


# -- which pair ----------------------------------------------------------------------------------------------------
def transposed(tokenized: TokenizedProbe, scores: ProbeScores) -> Pair:
    """The second completion against the first, a row a group."""
    groups = tuple((group, group) for group in range(tokenized.shape[1]))
    return beside_world(Pair(scores.transposed(), 1, 0, groups), tokenized, None)


def pair_picker(tokenized: TokenizedProbe, scores: ProbeScores, view: View) -> Pair:
    """The person's choice; of two words of a slot the mean log-probabilities over all their groups."""
    words, groups = groups_picker(tokenized, view)
    if words is None:
        return beside_world(Pair(scores, *groups[0], groups), tokenized, words)
    sides = [scores.log_prob[:, [pair[side] for pair in groups]].mean(1) for side in (0, 1)]
    reduced = ProbeScores(np.stack(sides, axis=1), scores.templates, words, scores.completions, scores.neutral)
    return beside_world(Pair(reduced, 0, 1, groups), tokenized, words)


def opening_groups(tokenized: TokenizedProbe) -> tuple[int, int] | None:
    """Two groups that are scored before the others: the first of those that a fresh page compares; ``None``: all."""
    if is_transposed(tokenized) or tokenized.shape[1] <= 2:
        return None
    probe = tokenized.spec.probe
    return _of_slot(probe, next(iter(_slot_pairs(probe).values())))[1][0]


def chosen_groups(tokenized: TokenizedProbe) -> tuple[Words | None, GroupPairs]:
    """What `groups_picker` will give, before it is drawn."""
    slots, options = _slot_pairs(tokenized.spec.probe), _options(tokenized)
    link.choice_state(PAIR, options, options[0])
    chosen = st.session_state[PAIR]
    if chosen != GROUPS:
        return _of_slot(tokenized.spec.probe, slots[chosen])
    count = tokenized.shape[1]
    return None, ((place_state(FIRST, count, count - 1), place_state(SECOND, count)),)


def groups_picker(tokenized: TokenizedProbe, view: View) -> tuple[Words | None, GroupPairs]:
    """Two words of a slot and the (first, second) groups that differ in nothing else; or no words, and any two."""
    text, probe, names = view.text, tokenized.spec.probe, tokenized.group_names
    slots, options = _slot_pairs(probe), _options(tokenized)
    link.choice_state(PAIR, options, options[0])
    labels = {key: f"{first} – {second} ({slot})" for key, (slot, first, second) in slots.items()}
    labels[GROUPS] = text("bias.two_groups")
    st.selectbox(text("bias.pair"), options, key=PAIR, format_func=lambda o: labels[o], persist_state="session")
    chosen = link.choice_written(PAIR, options[0])
    if chosen != GROUPS:
        return _of_slot(probe, slots[chosen])
    first = place_picker(FIRST, text("bias.first"), names, len(names) - 1)
    second = place_picker(SECOND, text("bias.second"), names)
    return None, ((first, second),)


def _of_slot(probe: Probe, slot_pair: tuple[str, str, str]) -> tuple[Words, GroupPairs]:
    slot, first, second = slot_pair
    return (first, second), tuple(probe.pairs(slot, first, second))


def _options(tokenized: TokenizedProbe) -> list[str]:
    """Keys of the picker's options: pairs of a slot, then any two groups."""
    return [*(_slot_pairs(tokenized.spec.probe) if tokenized.shape[1] > 1 else ()), GROUPS]


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
