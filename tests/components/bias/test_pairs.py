"""Which two groups can be laid beside shares in the world, and whose shares those are."""

from dataclasses import replace

import numpy as np
import pytest

from components.bias.pairs import Pair, beside_world, opening_groups, probe_scores, transposed
from dashboard.probes.lexicon import occupations
from dashboard.probes.presets import preset
from dashboard.probes.spec import OWN, ProbeSpec
from dashboard.probes.tokenized_probe import tokenize_probe

SIX = ProbeSpec.of(preset("six_groups"))
WOMEN = np.array([completion.share for completion in occupations().completions], float)
ANY_TWO = None


def tokenized(spec):
    """A probe whose words are its tokens."""
    return tokenize_probe(spec, lambda texts, _alone: [tuple(map(hash, text.split())) for text in texts])


def beside(spec, words, groups):
    probe = tokenized(spec)
    scores = probe_scores(probe, np.zeros((len(probe.prompts), len(probe.texts))))
    return beside_world(Pair(scores, *groups[0], groups), probe, words)


@pytest.mark.parametrize(
    ("words", "groups", "whose"),
    [
        (("woman", "man"), ((1, 0), (3, 2), (5, 4)), "women"),
        (("black", "white"), ((2, 0), (3, 1)), ""),
        (ANY_TWO, ((1, 0),), "women"),
        (ANY_TWO, ((4, 5),), "men"),
        (ANY_TWO, ((3, 1),), ""),
        (ANY_TWO, ((3, 0),), ""),
        (ANY_TWO, ((1, 1),), ""),
    ],
)
def test_labour_statistics_are_of_women_and_men_who_differ_in_nothing_else(words, groups, whose):
    pair = beside(SIX, words, groups)
    assert pair.world == whose
    if whose:
        np.testing.assert_allclose(pair.scores.world, WOMEN if whose == "women" else 1 - WOMEN)
    else:
        assert pair.scores.world is None


@pytest.mark.parametrize(
    ("words", "whose"),
    [("man, woman", "women"), ("woman, man", "men"), ("Men, Women", "women"), ("man, person", ""), ("rich, poor", "")],
)
def test_a_persons_own_words_are_read_for_women_and_men(words, whose):
    first, second = words.split(", ")[::-1]
    spec = replace(SIX, templates=("The {who} is",), neutral=("",), words=(("who", words),))
    assert beside(spec, (first, second), ((1, 0),)).world == whose


def test_what_an_own_lists_shares_are_of_its_author_knows():
    spec = replace(SIX, lexicon=OWN, own="nurse, 0.87\nzebra\nbaker")
    pair = beside(spec, ("black", "white"), ((2, 0),))
    assert pair.world == "own"
    np.testing.assert_array_equal(pair.scores.world, [0.87, np.nan, np.nan])
    assert beside(replace(spec, own="nurse\nzebra\nbaker"), ("black", "white"), ((2, 0),)).world == ""


@pytest.mark.parametrize(("own", "whose"), [("he\nshe", "women"), ("she\nhe", "men"), ("rich\npoor", "")])
def test_two_completions_behind_occupations_are_women_and_men_or_nothing(own, whose):
    probe = tokenized(replace(ProbeSpec.of(preset("pronouns")), lexicon=OWN, own=own))
    pair = transposed(probe, probe_scores(probe, np.zeros((len(probe.prompts), 2))))
    assert pair.world == whose
    assert pair.names == tuple(own.split())[::-1]
    if whose:
        np.testing.assert_allclose(pair.scores.world, WOMEN if whose == "women" else 1 - WOMEN)


def test_the_groups_that_are_scored_first_are_of_the_pair_that_a_fresh_page_opens_with():
    assert opening_groups(tokenized(SIX)) == (1, 0)
    one_gender = replace(SIX, words=(("race", "white, black, latin"), ("gender", "woman")))
    assert opening_groups(tokenized(one_gender)) == (1, 0)
    two = replace(SIX, words=(("race", "white"), ("gender", "man, woman")))
    assert opening_groups(tokenized(two)) is None
    assert opening_groups(tokenized(ProbeSpec.of(preset("pronouns")))) is None
