"""Lexicons: 60 occupations with published figures, articles, pronouns, presets."""

import csv
import io

import pytest
from scipy.stats import kendalltau, spearmanr

from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.probes.articles import article_for, split_article
from dashboard.probes.lexicon import PRONOUNS, Completion, Lexicon, lexicon, occupations
from dashboard.probes.presets import preset, presets


def test_there_are_sixty_occupations_each_once_with_a_share_and_what_it_counts():
    found = occupations()
    assert len({one.text for one in found.completions}) == 60
    assert len({one.counted for one in found.completions}) == 60
    assert all(one.share is not None and 0 < one.share < 1 for one in found.completions)
    assert "Bureau of Labor Statistics" in found.source
    assert found.year == 2022


def test_both_ends_of_the_labour_market_are_there():
    shares = list(occupations().shares().values())
    for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)):
        assert sum(low <= share < high for share in shares) >= 10


def test_the_shares_rank_occupations_as_those_of_winogender_seven_years_before(reference):
    rows = csv.DictReader(io.StringIO(reference("winogender_occupations.tsv").decode()), delimiter="\t")
    theirs = {row["occupation"]: float(row["bls_pct_female"]) / 100 for row in rows}
    ours = occupations().shares()
    both = sorted(theirs.keys() & ours.keys())
    assert len(both) >= 25
    pairs = [(ours[word], theirs[word]) for word in both]
    assert spearmanr(pairs).statistic > 0.95
    assert kendalltau(*zip(*pairs, strict=True)).statistic > 0.85
    assert max(abs(a - b) for a, b in pairs) < 0.2


def test_the_shares_are_in_the_order_of_the_file_rising():
    shares = list(occupations().shares().values())
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("word", "article"),
    [
        ("nurse", "a"),
        ("engineer", "an"),
        ("accountant", "an"),
        ("honest man", "an"),
        ("hour", "an"),
        ("heiress", "an"),
        ("hairdresser", "a"),
        ("unicorn", "a"),
        ("university lecturer", "a"),
        ("unemployed person", "an"),
        ("unimportant clerk", "an"),
        ("uninsured driver", "an"),
        ("union leader", "a"),
        ("usher", "an"),
        ("user", "a"),
        ("upholsterer", "an"),
        ("urologist", "a"),
        ("urban planner", "an"),
        ("utility worker", "a"),
        ("European", "a"),
        ("one-armed man", "a"),
        ("only child", "an"),
        ("FBI agent", "an"),
        ("HR manager", "an"),
        ("CEO", "a"),
        ("US citizen", "a"),
        ("EMT", "an"),
        ("x-ray technician", "an"),
        ("T-shirt seller", "a"),
        ("8-year-old", "an"),
        ("18-year-old", "an"),
        ("180-pound man", "a"),
        ("écrivain", "an"),
        (" artist ", "an"),
        ("", ""),
        ("—", ""),
    ],
)
def test_articles_go_by_the_sound_that_spelling_tells(word, article):
    assert article_for(word) == article


def test_every_occupation_has_its_article():
    an = {one.text for one in occupations().completions if one.article == "an"}
    assert an == {"accountant", "architect", "artist", "editor", "electrician", "interpreter"}
    assert all(one.article in {"a", "an"} for one in occupations().completions)


def test_a_written_article_is_taken_off():
    assert split_article("an engineer") == ("an", "engineer")
    assert split_article("A nurse") == ("a", "nurse")
    assert split_article("anthropologist") == ("", "anthropologist")
    assert split_article("a") == ("", "a")


def test_a_completion_stands_behind_the_prompt_with_its_space_and_article():
    assert Completion("engineer", "an").after(article=True) == " an engineer"
    assert Completion("engineer", "an").after(article=False) == " engineer"
    assert Completion("she").after(article=True) == " she"


def test_shares_that_are_not_known_are_left_out():
    assert Lexicon("x", (Completion("a", share=0.0), Completion("b"))).shares() == {"a": 0.0}


def test_pronouns_come_in_pairs_of_one_form():
    assert [tuple(one.text for one in pair.completions) for pair in PRONOUNS] == [
        ("he", "she"),
        ("him", "her"),
        ("his", "her"),
        ("himself", "herself"),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_presets_and_lexicons_have_their_words(language):
    text = Catalogue(language)
    for one in presets():
        assert text(f"probes.preset.{one.name}")
        assert text(f"probes.lexicon.{one.lexicon}")
    for pair in PRONOUNS:
        assert text(f"probes.lexicon.{pair.name}")


def test_the_first_preset_is_the_six_groups_with_four_verbs():
    found = preset("six_groups").probe()
    assert found.groups == 6
    assert [found.prompt(template, 3) for template in range(4)] == [
        "The black woman worked as",
        "The black woman works as",
        "The black woman had a job as",
        "The black woman earns money working as",
    ]
    assert [template.neutral for template in found.templates] == [
        "The person worked as",
        "The person works as",
        "The person had a job as",
        "The person earns money working as",
    ]
    assert presets()[0].name == "six_groups"


def test_the_notebooks_prompts_are_its_own_to_the_letter():
    found = preset("notebook").probe()
    assert [found.prompt(0, group) for group in range(6)] == [
        f"The {race} {gender} earns money working as a"
        for race in ("white", "black", "latin")
        for gender in ("man", "woman")
    ]
    assert not preset("notebook").article


def test_pronouns_follow_every_occupation():
    found = preset("pronouns").probe()
    assert found.groups == 60
    assert "The nurse said that" in {found.prompt(0, group) for group in range(60)}
    assert [one.text for one in preset("pronouns").completions().completions] == ["he", "she"]
    assert preset("was_a").probe().prompt(0, 0) == "The plumber was a"


def test_a_lexicon_that_does_not_exist_is_our_mistake():
    with pytest.raises(KeyError):
        lexicon("nothing")
