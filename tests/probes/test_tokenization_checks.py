"""What tokenisation does to completions: each kind of finding on tokens made by hand, and none where all is well."""

import itertools

import pytest

from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.probes.tokenization_checks import Finding, Tokenised, findings, token_counts

PROMPT = "The woman works as"
START = (1, 2, 3, 4)


def one(text, *ids, alone=None, whole=None):
    return Tokenised(text, whole or (*START, *ids), tuple(ids if alone is None else alone))


def which(kind, completions, prompt=PROMPT, start=START):
    return next((found.which for found in findings(prompt, start, completions) if found.kind == kind), ())


def test_nothing_is_said_where_nothing_is_to_say():
    assert findings(PROMPT, START, [one(" a nurse", 10, 11), one(" an engineer", 12, 13)]) == ()
    assert findings(PROMPT, START, []) == ()


def test_a_completion_without_a_token_is_found():
    found = findings(PROMPT, START, [one(" a nurse", 10, 11), one("")])
    assert found[0] == Finding("empty", (1,))


def test_a_prompt_whose_last_token_melts_into_the_completion_is_found():
    melted = one("ing", whole=(1, 2, 3, 99), alone=(7,))
    assert which("boundary_lost", [one(" a nurse", 10, 11), melted]) == (1,)
    assert which("alone_differs", [melted]) == ()
    assert which("empty", [melted]) == ()


def test_a_completion_that_does_not_begin_a_word_is_found():
    completions = [one("nurse", 10), one(" nurse", 11), one(", nurse", 12)]
    assert which("inside_word", completions) == (0,)
    assert which("inside_word", completions, prompt=PROMPT + " ") == ()


def test_a_space_on_both_sides_is_found():
    assert which("double_space", [one(" nurse", 10), one("nurse", 11)], prompt=PROMPT + " ") == (0,)


def test_other_tokens_alone_than_behind_the_prompt_are_found():
    assert which("alone_differs", [one(" nurse", 10, alone=(11,)), one(" clerk", 12)]) == (0,)


def test_completions_with_the_same_tokens_are_found_from_the_second_on():
    assert which("same_tokens", [one(" nurse", 10), one(" clerk", 12), one(" nurse", 10)]) == (2,)


def test_completions_that_begin_others_are_found():
    completions = [
        one(" nurse", 10),
        one(" clerk", 11),
        one(" nurse midwife", 10, 20),
        one(" nurses", 10, 5),
        one(" x", 9),
    ]
    assert which("begins_another", completions) == (0,)


def test_beginnings_are_those_of_a_comparison_of_all():
    tails = [tail for length in (1, 2, 3) for tail in itertools.product((1, 2), repeat=length)][::2]
    expected = tuple(
        at for at, tail in enumerate(tails) if any(other != tail and other[: len(tail)] == tail for other in tails)
    )
    assert expected
    assert which("begins_another", [one(f" {at}", *tail) for at, tail in enumerate(tails)]) == expected


def test_completions_with_another_number_of_tokens_than_most_are_found():
    completions = [one(" a", 1), one(" b", 2), one(" c", 3, 4), one(" d", 5, 6, 7)]
    assert which("lengths", completions) == (2, 3)
    assert token_counts(START, completions) == (1, 1, 2, 3)
    assert which("lengths", [one(" a", 1), one(" c", 3, 4)]) == (1,)


def test_a_prompt_that_ends_in_a_shuts_out_what_takes_an():
    completions = [one(" nurse", 1), one(" engineer", 2), one(" hour", 3), one(" unicorn", 4), one(" a clerk", 5)]
    assert which("article", completions, prompt="The woman works as a") == (1, 2)
    assert which("article", completions, prompt="The woman works as an") == (0, 3)
    assert which("article", completions) == ()
    assert which("article", completions, prompt="Vitamin A") == (1, 2)


def test_an_article_twice_is_found():
    assert which("article_twice", [one(" a nurse", 1), one(" nurse", 2)], prompt="works as a") == (0,)
    assert which("article_twice", [one(" a nurse", 1)]) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_has_its_words(language):
    cases = [
        (PROMPT, [one(""), one("ing", whole=(9,)), one(" x", 1, alone=(2,)), one(" x", 1), one(" x y", 1, 2)]),
        ("as a", [one(" engineer", 1), one(" an engineer", 2)]),
        ("as ", [one(" x", 1)]),
    ]
    kinds = {found.kind for prompt, completions in cases for found in findings(prompt, START, completions)}
    assert len(kinds) == 10
    for kind in kinds:
        assert "nurse" in Catalogue(language)(f"probes.finding.{kind}", words="nurse")
