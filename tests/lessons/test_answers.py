"""The answers of every step are those of plain computations, on the bundled model and on a tiny one."""

import math
from functools import cache

import numpy as np
import pytest

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.lessons.answers import question as questions
from dashboard.lessons.answers.question import QUESTIONS, Unanswerable, number_of
from dashboard.lessons.lesson import Lesson, all_lessons
from dashboard.settings import BUNDLED
from tests.lessons.conftest import context
from tests.lessons.plain_answers import PLAIN, Plain, wilson_upper

ALL = [each for each in all_lessons().values() if isinstance(each, Lesson) and each.asked]
STEPS = [(each, number) for each in ALL for number in each.asked]
NAMES = [f"{each.name}-{number}" for each, number in STEPS]
REPEATING = "zebra lamp river zebra lamp river zebra lamp"
OWN_PROMPTS = [
    REPEATING,
    "When Mary and John went to the store, John gave a drink to Mary",
    "a",
    "<b>ñ</b> 日本 \n\t $x$ a a",
    "river " * 40,
]


def matches(question, expected):
    if question.options:
        values = [option.value for option in question.options]
        assert question.right <= set(values)
        assert len(set(values)) == len(values)
        return expected in question.right
    return math.isclose(question.number, expected, rel_tol=2e-3, abs_tol=2e-4)


@pytest.fixture(scope="module")
def plain_tiny(tiny_folder):
    return cache(lambda prompt: Plain(tiny_folder, prompt))


@pytest.fixture(scope="module")
def plain_bundled(bundled_engine):
    from dashboard.engine.models.bundled import converted_model

    folder, _ = converted_model(bundled_engine._settings)
    return cache(lambda prompt: Plain(folder, prompt))


@pytest.mark.parametrize("prompt", ["own", REPEATING], ids=["own prompt", "another prompt"])
@pytest.mark.parametrize(("each", "number"), STEPS, ids=NAMES)
def test_the_tiny_models_answer_is_the_plain_one(tiny_run, plain_tiny, each, number, prompt):
    prompt = each.prompt if prompt == "own" else prompt
    compare(tiny_run(prompt), plain_tiny(prompt), each.steps[number - 1])


@pytest.mark.model
@pytest.mark.parametrize(("each", "number"), STEPS, ids=NAMES)
def test_the_bundled_models_answer_is_the_plain_one(bundled_engine, plain_bundled, each, number):
    """With the lesson's own prompt, and so that there is an answer at all."""
    run = context(bundled_engine, BUNDLED, each.prompt)
    question = each.steps[number - 1].question(run)
    assert matches(
        question, PLAIN[each.steps[number - 1].ask](plain_bundled(each.prompt), **each.steps[number - 1].settings)
    )


def compare(run, plain, step):
    try:
        question = step.question(run)
    except Unanswerable as error:
        assert error.message.id.removeprefix("lessons.unanswerable.") in {"alike", "last_not_repeated", "no_repeat"}
        return
    assert matches(question, PLAIN[step.ask](plain, **step.settings))
    for text in (
        words for language in step.words.values() for words in (language.question, language.hint, language.why)
    ):
        text.format_map(dict.fromkeys(question.facts, _Any()))


class _Any(str):
    def __format__(self, spec):
        return ""


@pytest.mark.parametrize("prompt", OWN_PROMPTS)
@pytest.mark.parametrize(("each", "number"), STEPS, ids=NAMES)
def test_any_prompt_has_an_answer_or_a_reason(tiny_run, each, number, prompt):
    try:
        question = each.steps[number - 1].question(tiny_run(prompt))
    except Unanswerable as error:
        assert error.message.id.startswith("lessons.unanswerable.")
        return
    if question.options:
        assert question.right
        assert len(question.options) >= 1
        assert all(question.is_right(value) for value in question.right)
        assert question.is_right("no.option") is None
    else:
        assert math.isfinite(question.number)
        assert question.is_right(f"{question.number:.10g}")
        assert not question.is_right(f"{question.number + 2 * question.tolerance + 1:.10g}")


def test_seeds_decide_whether_texts_are_equal(tiny_run):
    run = tiny_run(REPEATING)
    for seeds in ([1, 1], [1, 2], [3, 4]):
        columns = tuple(Column(DecodeSettings(), max_new_tokens=8, seed=seed) for seed in seeds)
        first, second = run.engine.answer(GenerateRequest(run.key, columns)).outputs
        equal = first.ids.tolist() == second.ids.tolist()
        assert QUESTIONS["equal_texts"](run, seeds=seeds, max_new_tokens=8).right == {"yes" if equal else "no"}


def test_the_probability_of_a_text_is_the_product_of_its_tokens(tiny_run, plain_tiny):
    question = QUESTIONS["text_probability"](tiny_run(REPEATING), max_new_tokens=5)
    _, log_p = plain_tiny(REPEATING).greedy(5)
    labels = {option.value: option.label.facts["value"] for option in question.options}
    assert labels["product"] == pytest.approx(math.exp(log_p), rel=0.06)


def test_what_fits_none_of_fifty_is_wilsons_upper_end(tiny_run):
    question = QUESTIONS["none_of"](tiny_run(REPEATING), draws=50)
    labels = {option.value: option.label.facts["value"] for option in question.options}
    assert labels["wilson"] == pytest.approx(wilson_upper(50), rel=0.02)


# -- the parts of questions ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "value"),
    [
        *[("0.25", 0.25), (" 0,25 ", 0.25), ("-3", -3), ("1e3", 1000), ("65.3%", 0.653), ("6,5 %", 0.065)],
        *[("3,222.8", 3222.8), ("3.222,8", 3222.8), ("1,234,567", 1234567), ("7.015", 7.015), ("0,653", 0.653)],
        *[(text, None) for text in ("", "abc", "nan", "inf", "1" * 400, "1.2.3")],
    ],
)
def test_a_number_is_read_with_point_or_comma(typed, value):
    assert number_of(typed) == value


def test_a_whole_number_may_have_thousands_apart():
    assert [number_of(typed, whole=True) for typed in ("49,152", "49.152", "49 152", "8,0")] == [49152, 49152, 49152, 8]
    assert questions.number(49152, {}).whole
    assert not questions.number(1, {}, tolerance=0.5).whole


def test_a_typed_number_may_be_off_by_the_tolerance():
    question = questions.number(0.5, {}, tolerance=0.01)
    assert question.is_right("0.51")
    assert not question.is_right("0.52")
    assert question.is_right("x") is None


def test_equally_large_values_are_equally_right():
    values = np.array([0.5, 0.4999, 0.3])
    assert questions.largest(values, [0, 1, 2]) == [0, 1]
    assert questions.spread_over(np.array([0.1, np.nan, 0.9, 0.5, 0.2, 0.3])) == [2, 3, 4, 0]


def test_options_stand_in_an_order_that_the_run_decides_and_the_answer_does_not(tiny_run):
    places = []
    for prompt in [f"{word} {other}" for word in ("zebra", "lamp", "river") for other in "abcdefghij"]:
        question = QUESTIONS["top_token"](tiny_run(prompt))
        assert question.options == QUESTIONS["top_token"](tiny_run(prompt)).options
        places += [at for at, option in enumerate(question.options) if option.value in question.right]
    assert min(places.count(place) for place in range(4)) >= 2, places
