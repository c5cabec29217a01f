"""Templates: slots, braces, the product as groups, partners, and refusal before anything is built."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import errors
from dashboard.i18n import Catalogue
from dashboard.probes.templates import MAX_PROMPTS, MAX_SCORES, parsed, probe, size, words_of

SIX = {"race": ["white", "black", "latin"], "gender": ["man", "woman"]}


def six(*texts):
    return probe([parsed(text, "The person works as") for text in texts or ("The {race} {gender} works as",)], SIX)


def test_a_template_is_filled_with_a_word_for_each_slot():
    template = parsed("The {race} { gender } works as")
    assert template.slots == ("race", "gender")
    assert template.filled({"race": "black", "gender": "woman"}) == "The black woman works as"


def test_a_slot_that_stands_twice_gets_the_same_word_twice():
    template = parsed("{gender}, oh {gender}")
    assert template.slots == ("gender",)
    assert template.filled({"gender": "man"}) == "man, oh man"


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("{{x}} {a}", "{x} W"),
        ("{{{a}}}", "{W}"),
        ("{a}{{", "W{"),
        ("  {a} ", "  W "),
        ("<b>{a}</b> $x$ %s", "<b>W</b> $x$ %s"),
    ],
)
def test_doubled_braces_are_text_and_nothing_else_is_changed(text, prompt):
    assert parsed(text).filled({"a": "W"}) == prompt


def test_a_word_with_braces_is_not_read_again():
    assert parsed("{a} {b}").filled({"a": "{b}", "b": "{a.__class__}"}) == "{b} {a.__class__}"


@pytest.mark.parametrize(
    ("text", "error", "facts"),
    [
        ("", errors.TemplateEmpty, {}),
        (" \n", errors.TemplateEmpty, {}),
        ("The {race man", errors.TemplateUnclosed, {"place": 5}),
        ("The {race {gender} works", errors.TemplateUnclosed, {"place": 5}),
        ("The {race} man{", errors.TemplateUnclosed, {"place": 15}),
        ("The race} man", errors.TemplateStrayBrace, {"place": 9}),
        ("The {} man", errors.SlotNameInvalid, {"name": ""}),
        ("The {race!r} man", errors.SlotNameInvalid, {"name": "race!r"}),
        ("The {race.x} man", errors.SlotNameInvalid, {"name": "race.x"}),
        ("The {white|black} man", errors.SlotNameInvalid, {"name": "white|black"}),
        ("The man works as", errors.TemplateWithoutSlots, {}),
        ("The {{race}} man", errors.TemplateWithoutSlots, {}),
    ],
)
def test_a_template_that_cannot_be_read_says_why_and_where(text, error, facts):
    with pytest.raises(error) as raised:
        parsed(text, number=3)
    assert raised.value.facts == {"number": 3, **facts}


def test_an_errors_words_show_braces_as_a_person_types_them():
    assert "“}}”" not in Catalogue("en")("error.TemplateUnclosed", number=1, place=5)
    assert "“The {gender} works as”" in Catalogue("en")("error.TemplateWithoutSlots", number=1)
    assert "twice: “{{”" in Catalogue("en")("error.TemplateUnclosed", number=1, place=5)
    assert "dos veces si es del texto: «}}»" in Catalogue("es")("error.TemplateStrayBrace", number=1, place=5)


def test_the_neutral_form_is_a_text_of_its_own_or_none():
    assert parsed("{a} works", "The {{person}} works").neutral == "The {person} works"
    assert parsed("{a} works").neutral == ""
    assert parsed("{a} works", "  ").neutral == ""
    with pytest.raises(errors.NeutralWithSlots):
        parsed("{a} works", "The {a} works")


def test_the_groups_are_the_product_the_last_slot_changing_fastest():
    found = six()
    names = [found.group(index).name for index in range(found.groups)]
    assert names == [f"{race} {gender}" for race, gender in itertools.product(SIX["race"], SIX["gender"])]
    assert found.prompt(0, 3) == "The black woman works as"


def test_templates_may_name_the_same_slots_in_another_order():
    found = six("The {race} {gender} works as", "A {gender} who is {race} works as")
    assert found.prompt(1, 3) == "A woman who is black works as"


def test_partners_are_the_same_group_but_for_one_slot():
    found = six()
    partners = [(slot, found.group(index).name) for slot, index in found.partners(3)]
    assert partners == [("race", "white woman"), ("race", "latin woman"), ("gender", "black man")]


def test_partners_by_arithmetic_are_those_of_a_comparison_of_all_groups():
    found = probe([parsed("{a} {b} {c}")], {"a": list("pqr"), "b": list("xy"), "c": list("1234")})
    groups = [found.group(index).words for index in range(found.groups)]
    for index, words in enumerate(groups):
        expected = {
            (next(slot for slot in words if words[slot] != other[slot]), place)
            for place, other in enumerate(groups)
            if sum(words[slot] != other[slot] for slot in words) == 1
        }
        assert set(found.partners(index)) == expected


def test_pairs_are_the_counterfactuals_of_two_words():
    found = six()
    pairs = [(found.group(a).name, found.group(b).name) for a, b in found.pairs("gender", "woman", "man")]
    assert pairs == [("white woman", "white man"), ("black woman", "black man"), ("latin woman", "latin man")]


def test_words_are_cleaned_of_blanks_and_may_be_written_in_any_usual_way():
    assert words_of(" white | black\nlatin,, ;\n Native American ") == ("white", "black", "latin", "Native American")
    assert probe([parsed("{a}")], {"a": [" x ", "", "y"]}).words == (("x", "y"),)


@pytest.mark.parametrize(
    ("lists", "error", "facts"),
    [
        ({"race": ["white"]}, errors.SlotUnknown, {"slot": "gender", "known": "race"}),
        ({}, errors.SlotUnknown, {"slot": "race", "known": "–"}),
        ({"race": ["white"], "gender": []}, errors.WordListEmpty, {"slot": "gender"}),
        ({"race": ["white"], "gender": [" "]}, errors.WordListEmpty, {"slot": "gender"}),
        ({"race": ["a", "b", " a"], "gender": ["x"]}, errors.WordRepeated, {"slot": "race", "word": "a"}),
    ],
)
def test_word_lists_that_do_not_fit_are_named(lists, error, facts):
    with pytest.raises(error) as raised:
        probe([parsed("The {race} {gender}")], lists)
    assert raised.value.facts == facts


def test_templates_with_other_slots_than_the_first_are_refused():
    with pytest.raises(errors.SlotsDiffer) as raised:
        six("The {race} {gender} works as", "The {gender} works as")
    assert raised.value.facts == {"number": 2, "slots": "gender", "first": "race, gender"}


def test_the_size_is_known_before_anything_is_built():
    found = size(six("The {race} {gender} works as", "The {race} {gender} worked as"), completions=60)
    assert (found.groups, found.templates, found.neutral) == (6, 2, 2)
    assert found.prompts == 14
    assert found.scores == 840


def test_ten_thousand_by_ten_thousand_is_refused_at_once_with_numbers():
    many = [f"word{n}" for n in range(10_000)]
    started = time.perf_counter()
    found = probe([parsed("The {a} {b}", "The person")], {"a": many, "b": many})
    with pytest.raises(errors.ProbeTooLarge) as raised:
        size(found, completions=60)
    assert time.perf_counter() - started < 1
    assert raised.value.facts["prompts"] == 100_000_001
    assert raised.value.facts["scores"] == 6_000_000_060
    words = Catalogue("en")(raised.value.message_id, **raised.value.facts)
    assert "100,000,001 prompts" in words
    assert f"{MAX_SCORES:,}" in words


def test_the_limits_hold_to_the_last_prompt_and_score():
    found = probe([parsed("{a}")], {"a": [str(n) for n in range(MAX_PROMPTS)]})
    assert size(found, completions=MAX_SCORES // MAX_PROMPTS).scores == MAX_SCORES
    with pytest.raises(errors.ProbeTooLarge):
        size(found, completions=MAX_SCORES // MAX_PROMPTS + 1)
    with pytest.raises(errors.ProbeTooLarge):
        size(probe([parsed("{a}", "x")], {"a": found.words[0]}), completions=1)


WORD = st.text(st.characters(categories=["L", "N"], include_characters="_"), min_size=1, max_size=8)
SLOTS = st.builds(lambda words, between: between.join(words), st.lists(WORD, min_size=1), st.sampled_from(" -"))
PARTS = st.lists(st.tuples(st.text(), SLOTS), min_size=1)


@given(PARTS, st.text(), st.data())
def test_any_texts_around_slots_come_back_with_words_in_them(parts, end, data):
    """Braces of a text are doubled; those of a word are not read again."""
    words = {slot: data.draw(st.text()) for _, slot in parts}
    doubled = [text.replace("{", "{{").replace("}", "}}") for text in (*(text for text, _ in parts), end)]
    written = "".join(f"{text}{{{slot}}}" for text, (_, slot) in zip(doubled, parts, strict=False)) + doubled[-1]
    template = parsed(written)
    assert template.slots == tuple(words)
    assert template.filled(words) == "".join(text + words[slot] for text, slot in parts) + end


@given(st.text("{}ab _-\n"))
def test_any_text_is_a_template_or_says_why_not(text):
    try:
        template = parsed(text, neutral=text.replace("{", "{{").replace("}", "}}"))
    except errors.DashboardError as error:
        assert all(language(error.message_id, **error.facts) for language in map(Catalogue, ("en", "es")))
    else:
        assert template.neutral in (text, "")
        assert template.slots


@given(st.lists(st.text()))
def test_a_list_of_words_read_again_is_the_same(words):
    read = words_of("\n".join(words))
    assert words_of(", ".join(read)) == read
    assert "" not in read
