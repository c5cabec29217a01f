"""Lessons' files are whole in both languages, teach in steps, and a broken one is named while the rest works."""

import re
import string

import pytest

from dashboard.i18n import LANGUAGES
from dashboard.lessons import lesson as lessons
from dashboard.lessons.answers.bias import PROBE
from dashboard.lessons.answers.question import QUESTIONS
from dashboard.lessons.lesson import FOLDER, TOUR, Lesson, all_lessons, read_lesson
from dashboard.navigation import LESSONS, PAGES
from dashboard.parsing.unreadable import Unreadable
from dashboard.probes import spec
from dashboard.sampling import columns
from dashboard.view_state import check
from tests.test_i18n import NO_NOUNS

ALL = [each for each in all_lessons().values() if isinstance(each, Lesson)]
STEPS = [(each, number, step) for each in ALL for number, step in enumerate(each.steps, start=1)]
NAMES = [f"{each.name}-{number}" for each, number, _ in STEPS]


def test_there_are_nine_lessons_and_a_tour_and_all_can_be_read():
    assert [each.name for each in ALL] == list(LESSONS)
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(LESSONS)
    assert len(LESSONS) == 10


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_a_lesson_has_five_to_eight_steps_and_takes_ten_minutes_at_most(each):
    assert 5 <= len(each.steps) <= 8
    assert each.minutes <= 10
    if each.name == TOUR:
        assert not each.asked
        others = {"lessons", "saved", "report"}  # nothing is computed there
        assert [step.page for step in each.steps] == [entry.slug for entry in PAGES if entry.slug not in others]
    else:
        assert each.minutes >= 5
        assert len(each.asked) == len(each.steps)


@pytest.mark.parametrize(("each", "number", "step"), STEPS, ids=NAMES)
def test_a_step_says_the_same_in_both_languages_with_the_same_facts(each, number, step):
    english, spanish = (vars(step.words[language]) for language in LANGUAGES)
    for field, text in english.items():
        assert bool(text) == bool(spanish[field]) == (bool(step.ask) or field in {"title", "text"})
        assert facts(text) == facts(spanish[field]), field
        assert field in {"title", "why"} or not text or text != spanish[field]
    assert not facts(english["title"])
    assert facts(english["text"]) <= set(step.settings)


@pytest.mark.parametrize(("each", "number", "step"), STEPS, ids=NAMES)
def test_a_step_is_short_and_counts_nouns_in_their_number(each, number, step):
    for language in LANGUAGES:
        words = step.words[language]
        assert len(words.text) <= 450
        assert len(words.title) <= 50
        for text in vars(words).values():
            behind = set(re.findall(r"\{\w+\} (\w+s)\b", text))
            assert behind <= set(f"{NO_NOUNS[language]} es becomes goes leaves tras".split()), behind


@pytest.mark.parametrize(("each", "number", "step"), STEPS, ids=NAMES)
def test_the_view_of_a_step_is_one_that_a_link_can_hold(each, number, step):
    for name, value in step.view.items():
        assert check(name, [value]) is None
        assert name.startswith(step.page)
    if "bias_probe" in step.view:
        assert spec.read(step.view["bias_probe"]) == PROBE
    if "sampling_columns" in step.view:
        assert columns.read(step.view["sampling_columns"])


def test_what_stands_once_in_a_file_is_not_written_twice():
    for path in FOLDER.glob("*.toml"):
        long = re.findall(r"'([^'\n]{60,})'", path.read_text(encoding="utf-8"))
        assert len(set(long)) == len(long), path.name


@pytest.mark.parametrize(("each", "number", "step"), STEPS, ids=NAMES)
def test_a_step_shows_what_its_question_is_about(each, number, step):
    held = dict(step.settings)
    if "temperature" in held:
        assert float(step.view["next_token_temperature"]) == held["temperature"]
        assert step.view["next_token_greedy"] == ("false" if held.get("do_sample", True) else "true")
    if "sampling_columns" in step.view:
        specs = columns.read(step.view["sampling_columns"])
        assert {spec.max_new_tokens for spec in specs} == {held["max_new_tokens"]}
        assert set(held.get("seeds", [])) <= {spec.seed for spec in specs}
        if "rows" in held:
            assert [(spec.num_return_sequences, spec.top_k, spec.seed) for spec in specs] == [
                (held["rows"], held["top_k"], held["seed"])
            ]
    if step.page == "attention" and {"layer", "head"} <= held.keys():
        assert (step.view["attention_layer"], step.view["attention_head"]) == (str(held["layer"]), str(held["head"]))


@pytest.mark.parametrize(("each", "number", "step"), STEPS, ids=NAMES)
def test_no_colour_is_named_that_only_one_theme_has(each, number, step):
    for language, words in step.words.items():
        lightness = {"en": r"\b(dark|bright|black|white)\w*", "es": r"\b(oscur|brillant|negr|blanc)\w*"}[language]
        assert not re.findall(lightness, " ".join(vars(words).values()), re.IGNORECASE)


def test_every_question_is_asked_in_a_lesson():
    assert {step.ask for _, _, step in STEPS} - {""} == QUESTIONS.keys()


def facts(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


# -- files that are wrong --------------------------------------------------------------------------------------------
GOOD = (FOLDER / "temperature.toml").read_text(encoding="utf-8")


def line_of(source, text):
    return str(source[: source.index(text)].count("\n") + 1)


@pytest.mark.parametrize(
    ("wrong", "right", "message", "facts_of"),
    [
        ("minutes = = 7", "minutes = 7", "syntax", lambda source: {"line": "1"}),
        ('ask = "no_such"', 'ask = "temperature_order"', "field", lambda source: {"field": "ask = no_such"}),
        ('page = "nowhere"', 'page = "next_token"', "field", lambda source: {"field": "page = nowhere"}),
        ("with = { cold = 1 }", "with = { temperature = 0.1 }", "field", lambda source: {"field": "with: temperature"}),
        ('title = ""', 'title = "Towards 0"', "field", lambda source: {"field": "title"}),
        ('greedy = "maybe"', 'greedy = "true"', "field", lambda source: {"field": "view: next_token_greedy"}),
        ("[step.de]", "[step.es]", "field", lambda source: {"field": "es"}),
        ("greedy = 1", 'greedy = "true"', "field", lambda source: {"field": "view: next_token_greedy"}),
        ('greedy = "$none"', 'greedy = "true"', "field", lambda source: {"field": "view: next_token_greedy"}),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(tmp_path, wrong, right, message, facts_of):
    source = GOOD.replace(right, wrong, 1)
    assert source != GOOD
    path = tmp_path / "temperature.toml"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(Unreadable) as error:
        read_lesson(path)
    assert error.value.message.id == f"lessons.unreadable.{message}"
    told = dict(error.value.message.facts)
    assert told["file"] == "temperature.toml"
    assert facts_of(source).items() <= told.items()
    starts = [number for number, text in enumerate(source.splitlines(), 1) if text == "[[step]]"]
    before = [number for number in starts if number <= int(line_of(source, wrong))]
    assert told["line"] == (str(before[-1]) if message == "field" else line_of(source, wrong))


def test_a_missing_file_is_named_and_the_others_work(tmp_path, monkeypatch):
    for path in FOLDER.glob("*.toml"):
        if path.stem != "lens":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "luck.toml").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(lessons, "FOLDER", tmp_path)
    monkeypatch.setattr(lessons, "all_lessons", all_lessons.__wrapped__)
    read = lessons.all_lessons()
    assert read["lens"].message.id == "lessons.unreadable.file"
    assert read["luck"].message.id == "lessons.unreadable.syntax"
    assert sum(isinstance(each, Lesson) for each in read.values()) == len(LESSONS) - 2
