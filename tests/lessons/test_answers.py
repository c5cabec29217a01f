"""The answers of every step are those of plain computations, on the bundled model and on a tiny one."""

import contextlib
import math
import string
from collections import defaultdict
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import PositionTableRequest
from dashboard.engine.api.request import RunQuestion
from dashboard.engine.local import LocalEngine
from dashboard.lessons.answers import question as questions
from dashboard.lessons.answers.question import QUESTIONS, Unanswerable, number_of
from dashboard.lessons.lesson import Lesson, all_lessons
from dashboard.settings import BUNDLED
from tests.lessons.conftest import context
from tests.lessons.plain_answers import PLAIN, Plain

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
        if isinstance(expected, str):
            return expected in question.right
        shown = [label.facts["value"] for label in question.right_labels]
        return shown and all(math.isclose(value, expected, rel_tol=0.06) for value in shown)  # two digits
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


def test_every_fact_of_a_question_is_named_where_it_is_asked(tiny_run):
    named, facts = defaultdict(set), {}
    for each, number in STEPS:
        step = each.steps[number - 1]
        for words in step.words.values():
            text = words.question + words.hint + words.why
            named[step.ask] |= {name for _, name, _, _ in string.Formatter().parse(text) if name}
        with contextlib.suppress(Unanswerable):
            facts[step.ask] = set(step.question(tiny_run(each.prompt)).facts)
    assert {ask: facts[ask] - named[ask] for ask in facts if facts[ask] - named[ask]} == {}
    assert facts.keys() == QUESTIONS.keys()


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


# -- what an answer takes --------------------------------------------------------------------------------------------
class Asked:
    """An engine that remembers what it was asked."""

    def __init__(self, engine):
        self.engine, self.requests = engine, []

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def answer(self, request, control=None, on_step=None):
        self.requests.append(request)
        return self.engine.answer(request, control, on_step)


def size(engine, request):
    return type(request).__name__, len(request.token_ids), engine.cost(request).nbytes


@pytest.mark.parametrize("prompt", ["own", "zebra lamp river Mary"])
@pytest.mark.parametrize(("each", "number"), STEPS, ids=NAMES)
def test_a_question_names_all_that_its_answer_takes(tiny_run, each, number, prompt):
    step, run = each.steps[number - 1], tiny_run(each.prompt if prompt == "own" else prompt)
    engine, named = Asked(run.engine), step.requests(run)
    try:
        step.question(replace(run, engine=engine))
    except Unanswerable:
        assert {type(request) for request in engine.requests} <= {type(request) for request in named}
        return
    taken = dict.fromkeys(engine.requests)
    passes = [request for request in named if isinstance(request, RunRequest)]
    assert len(dict.fromkeys(named)) == len(named)
    assert sorted(size(engine, each) for each in named if each not in passes) == sorted(
        size(engine, each) for each in taken
    )
    looked_at = {each.run for each in taken if isinstance(each, RunQuestion) and not isinstance(each, GenerateRequest)}
    assert {request.run for request in passes} == looked_at


def test_only_what_is_not_kept_takes_time_and_each_once(tiny_settings):
    run = context(LocalEngine(tiny_settings), "local/tiny", REPEATING)
    table = PositionTableRequest(run.key)
    once = [run.engine.cost(request).seconds for request in (run.forward, table)]
    assert questions.seconds(run, [run.forward, table, table]) == pytest.approx(sum(once))
    run.engine.answer(table)
    assert questions.seconds(run, [run.forward, table]) == 0


# -- the parts of questions ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "value"),
    [
        *[("0.25", 0.25), (" 0,25 ", 0.25), ("-3", -3), ("1e3", 1000), ("65.3%", 0.653), ("6,5 %", 0.065)],
        *[(f"{minus}0,25", -0.25) for minus in "\u2212\u2010\u2011\u2013"],
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
