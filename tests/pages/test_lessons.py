"""Lessons on the pages: end to end, with wrong and edited answers, models that cannot serve one, and broken files."""

import csv
import io
from concurrent.futures import Future
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from components.lessons import card, listing, state
from dashboard import cache
from dashboard.engine.api.request import Cost
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.lessons.answers.question import RunContext, Unanswerable
from dashboard.lessons.lesson import TOUR, Lesson, all_lessons
from dashboard.lessons.progress import COLUMNS, NO_ANSWER, Given, answers_csv, read_answers, written_answers
from dashboard.navigation import LESSONS
from dashboard.parsing.unreadable import Unreadable
from dashboard.view_state import FIELDS, as_held
from tests.made.recorded_engine import RecordedEngine
from tests.pages.test_pages import words

ALL = [each for each in all_lessons().values() if isinstance(each, Lesson)]
REPEATING = "zebra lamp river zebra lamp river zebra lamp"


def answer(at, value):
    """Answer the open question and check it."""
    number = [each for each in at.text_input if each.key.startswith("lesson_") and each.key.endswith("_number")]
    if number:
        number[0].set_value(value)
    else:
        next(each for each in at.radio if each.key.startswith("lesson_")).set_value(value)
    return (
        next(each for each in at.button if each.label == Catalogue(at.session_state["lang"])("lessons.check"))
        .click()
        .run()
    )


def held(at):
    """What the session holds of every query parameter."""
    return {name: at.session_state[name] for name in FIELDS if name in at.session_state}


def press(at, name, page=""):
    """Press a button of a lesson; AppTest has to be told which page that led to."""
    at.button(key=f"lesson_{name}").click().run()
    assert not at.exception
    if page:
        at.switch_page(f"../pages/{page}.py").run()
        assert not at.exception


def idea(step, text):
    """What a step says before its question."""
    return text.fill(step.words[text.language].text, step.settings)


def right_answer(step, run):
    """A right one, or ``None`` where there is no clear answer."""
    try:
        question = step.question(run)
    except Unanswerable:
        return None
    return sorted(question.right)[0] if question.options else f"{question.number:.8g}"


@pytest.mark.parametrize(
    ("each", "language"),
    [(each, tuple(LANGUAGES)[at % 2]) for at, each in enumerate(each for each in ALL if each.asked)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_lesson_is_gone_through_from_the_list_to_the_file(open_recorded, each, language):
    text = Catalogue(language)
    at = open_recorded("lessons", {"lang": language})
    press(at, f"start_{each.name}", each.steps[0].page)
    engine = cache.engine().result()
    expected = 0
    for number, step in enumerate(each.steps, start=1):
        assert text("lessons.step", step=number, steps=len(each.steps)) in words(at)
        assert idea(step, text) in words(at)
        assert "_link_dropped" not in at.session_state
        assert {name: as_held(name, value) for name, value in step.view.items()}.items() <= held(at).items()
        run = RunContext(engine, engine.card, engine.tokenizer("").read(at.session_state["prompt"], chat=False))
        right = right_answer(step, run)
        if right is None:
            assert "ls-notice" in "".join(str(element.proto.body) for element in at.get("html"))
        else:
            answer(at, right.replace(".", text.decimal_sign) if step.question(run).options == () else right)
            assert text("lessons.right") in words(at)
            expected += 1
        press(at, "next", each.steps[min(number, len(each.steps) - 1)].page)
    assert text("lessons.result", right=expected, count=expected) in words(at)
    assert at.query_params["lesson_step"] == str(len(each.steps) + 1)
    answers, _ = read_answers(at.query_params["lesson_answers"])
    assert [given.value for given in answers.values()].count(NO_ANSWER) == len(each.asked) - expected
    assert len(answers) == len(each.asked)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tour_leads_over_every_page_and_to_the_lessons(open_recorded, language):
    text = Catalogue(language)
    at = open_recorded("overview", {"lang": language, "lesson": TOUR})
    (tour,) = (each for each in ALL if each.name == TOUR)
    for number, step in enumerate(tour.steps, start=1):
        assert text(f"{step.page}.question") in words(at)
        assert step.words[language].text in words(at)
        press(at, "next", tour.steps[min(number, len(tour.steps) - 1)].page)
    assert text("lessons.tour_done") in words(at)
    press(at, "following")
    assert at.session_state["lesson"] == LESSONS[1]


def test_a_step_opens_its_view_and_back_brings_the_one_before(open_recorded):
    at = open_recorded("lessons")
    press(at, "start_temperature", "next_token")
    assert at.number_input(key="next_token_temperature").value == 0.5
    press(at, "next")
    assert at.number_input(key="next_token_temperature").value == 2.0
    assert at.query_params["next_token_temperature"] == "2.0"
    press(at, "back")
    assert at.number_input(key="next_token_temperature").value == 0.5


CHOSEN = {
    "next_token": {
        **{"next_token_pos": "3", "next_token_repetition_penalty": "2.0", "next_token_top_k": "5"},
        **{"next_token_log": "true", "next_token_pins": "7,9", "next_token_colour": "rank", "next_token_k": "20"},
    },
    "attention": {
        **{"attention_view": "mean", "attention_layers": "0-1", "attention_heads": "1", "attention_token": "2"},
        **{"attention_own_scale": "true", "attention_chart": "lines", "attention_layer": "1", "attention_head": "1"},
    },
    "sampling": {"sampling_colour": "rank", "sampling_sweep": "true", "sampling_sweep_values": "1, 2"},
    "overview": {"overview_temperature": "2.0", "overview_do_sample": "false", "overview_beams": "3"},
    "bias": {"bias_view": "sampled", "bias_rows": "50", "bias_seed": "7"},
}


@pytest.mark.parametrize(
    ("name", "before", "number"),
    [("probability", 4, 5), ("importance", 2, 1), ("head", 3, 2), ("luck", 5, 6), ("bias", 1, 2)],
)
def test_a_step_shows_what_it_says_whatever_the_page_was_set_to(open_recorded, name, before, number):
    step = all_lessons()[name].steps[number - 1]
    place = {"lesson": name, "prompt": REPEATING}
    at = open_recorded(step.page, place | {"lesson_step": str(before)} | CHOSEN[step.page])
    assert "_link_dropped" not in at.session_state
    assert on_page(at, step.page) != {}
    press(at, "next" if before < number else "back")
    fresh = open_recorded(step.page, place | {"lesson_step": str(number)} | dict(step.view))
    assert "_link_dropped" not in at.session_state
    assert on_page(at, step.page) == on_page(fresh, step.page)


def test_coming_back_to_a_page_its_choices_are_as_the_step_begins(open_recorded):
    at = open_recorded("overview", {"lesson": TOUR, "lesson_step": "1"} | CHOSEN["overview"])
    press(at, "next", "attention")
    press(at, "back", "overview")
    fresh = open_recorded("overview", {"lesson": TOUR, "lesson_step": "1"})
    assert on_page(at, "overview") == on_page(fresh, "overview")
    assert at.toggle(key="overview_do_sample").value


def test_a_fold_that_a_step_before_opened_is_closed_again(open_recorded):
    at = open_recorded("next_token", {"lesson": "importance", "lesson_step": "3", "next_token_inside": "true"})
    press(at, "next", "attention")
    press(at, "next", "next_token")
    assert at.query_params["lesson_step"] == "5"
    assert not at.session_state["next_token_inside"]


def on_page(at, page):
    """What a page shows, by its query parameters; what is not set, or off, shows nothing."""
    values = {name: value for name, value in held(at).items() if name.startswith(f"{page}_")}
    return {name: value for name, value in values.items() if value not in (None, "") and value is not False}


def test_the_persons_own_prompt_comes_back_when_the_lesson_is_left(open_recorded):
    text = Catalogue("en")
    at = open_recorded("lessons", {"prompt": "my own words", "chat": "true"})
    press(at, "start_tokens", "next_token")
    assert (at.session_state["prompt"], at.session_state["chat"]) == (all_lessons()["tokens"].prompt, False)
    assert text("lessons.prompt_back") in words(at)
    press(at, "close")
    assert (at.session_state["prompt"], at.session_state["chat"]) == ("my own words", True)
    assert text("lessons.prompt_back") not in words(at)


def test_the_own_prompt_survives_the_next_lesson_and_a_new_one_stays(open_recorded):
    at = open_recorded("lessons", {"prompt": "my own words"})
    press(at, "start_tour", "overview")
    for page in ("attention", "next_token", "sampling", "bias", "bias"):
        press(at, "next", page)
    press(at, "following", "next_token")
    assert at.session_state["prompt"] == all_lessons()["tokens"].prompt
    at.text_area(key="prompt").set_value("typed in the lesson")
    next(each for each in at.button if each.key == "prompt_run").click().run()
    press(at, "close")
    assert at.session_state["prompt"] == "typed in the lesson"
    press(at.switch_page("../pages/lessons.py").run(), "start_tokens", "next_token")
    press(at, "close")
    assert at.session_state["prompt"] == "typed in the lesson"


def test_a_lessons_prompt_that_a_link_brought_is_nobodys_own(open_recorded):
    lesson = all_lessons()["tokens"]
    at = open_recorded("next_token", {"lesson": "tokens", "lesson_step": "7", "prompt": lesson.prompt})
    press(at, "following", "next_token")
    assert Catalogue("en")("lessons.prompt_back") not in words(at)


def test_a_wrong_answer_is_explained_and_can_be_mended(open_recorded):
    at = open_recorded("next_token", {"lesson": "tokens", "prompt": REPEATING})
    answer(at, "3")
    assert Catalogue("en")("lessons.wrong", solution="8") in words(at)
    answer(at, "eight")
    assert Catalogue("en")("lessons.not_a_number", example=0.25) in words(at)
    answer(at, "8,0")
    assert Catalogue("en")("lessons.right") in words(at)


def test_an_answer_belongs_to_its_prompt(open_recorded):
    at = open_recorded("next_token", {"lesson": "tokens", "prompt": REPEATING})
    answer(at, "8")
    link = {name: at.query_params[name] for name in at.query_params}
    other = open_recorded("next_token", link | {"prompt": "zebra lamp"})
    assert Catalogue("en")("lessons.other_run") in words(other)
    again = open_recorded("next_token", link)
    assert Catalogue("en")("lessons.right") in words(again)


def test_on_another_page_the_lesson_says_where_it_is(open_recorded):
    at = open_recorded("attention", {"lesson": "temperature", "lesson_step": "2"})
    assert not [each for each in at.radio if each.key and each.key.startswith("lesson_")]
    press(at, "go", "next_token")
    assert Catalogue("en")("next_token.question") in words(at)
    assert at.session_state["lesson_step"] == "2"
    press(at, "close")
    assert "lesson" not in at.query_params


# -- what a link may hold --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lesson", "cooking"),
        ("lesson_step", "99"),
        ("lesson_step", "0"),
        ("lesson_answers", "tokens_1_zzzzzz_8"),
        ("lesson_answers", "tokens_1_8"),
        ("lesson_answers", "tokens_7_abcdef_8"),
        ("lesson_answers", "tour_1_abcdef_8"),
        ("lesson_answers", "cooking_1_abcdef_8"),
        ("lesson_answers", "<b>"),
    ],
)
def test_what_is_no_lesson_step_or_answer_is_named(open_recorded, name, value):
    at = open_recorded("next_token", {"lesson": "tokens", name: value})
    assert not at.exception
    assert f"{name} = {value}" in words(at).partition(Catalogue("en")("link.dropped"))[2]


def test_an_answer_that_is_no_option_is_dropped_and_named(open_recorded):
    at = open_recorded("next_token", {"lesson": "tokens", "lesson_step": "3", "prompt": REPEATING})
    mark = RunContext(
        cache.engine().result(), RecordedEngine().card, RecordedEngine().tokenizer("").read(REPEATING, chat=False)
    ).mark
    edited = f"tokens_3_{mark}_999999"
    at = open_recorded(
        "next_token", {"lesson": "tokens", "lesson_step": "3", "prompt": REPEATING, "lesson_answers": edited}
    )
    assert edited in words(at)
    assert "lesson_answers" not in at.query_params
    assert Catalogue("en")("lessons.right") not in words(at)


def test_answers_are_read_as_they_were_written():
    answers = [
        Given("luck", 2, "abcdef", "0.5"),
        Given("tokens", 5, "012345", "-1e-05"),
        Given("tokens", 1, "012345", "1.2"),
    ]
    text = written_answers(answers)
    assert read_answers(text) == ({(given.lesson, given.step): given for given in answers}, ())
    assert read_answers("") == ({}, ())
    many, unread = read_answers("~".join(f"tokens_{1 + at % 99}_abcdef_1" for at in range(5000)) + "~x")
    assert sorted(many) == [("tokens", step) for step in all_lessons()["tokens"].asked]
    assert {"x", "tokens_7_abcdef_1"} <= set(unread)


# -- what a teacher gets ---------------------------------------------------------------------------------------------
def test_the_file_has_each_answer_with_what_is_right_and_no_formulas():
    row = dict.fromkeys(COLUMNS, "=1+1") | {"answer": "-·nurse", "question": 'a "quoted", one\nnext'}
    (head, line) = list(csv.reader(io.StringIO(answers_csv([row]).decode("utf-8-sig"))))
    assert head == list(COLUMNS)
    cells = dict(zip(head, line, strict=True))
    assert cells["model"] == "'=1+1"
    assert cells["answer"] == "'-·nurse"
    assert cells["question"] == row["question"]


def test_the_class_link_opens_the_lesson_on_its_page(open_recorded):
    at = open_recorded("lessons", {"lesson_class": "temperature", "lesson_own": "true", "prompt": REPEATING})
    address = at.code[0].value
    parts = urlsplit(address)
    values = {name: value[0] for name, value in parse_qs(parts.query).items()}
    assert parts.path.endswith("/next_token")
    assert values["prompt"] == REPEATING
    opened = open_recorded("next_token", values)
    assert not opened.exception
    assert "_link_dropped" not in opened.session_state
    assert Catalogue("en")("lessons.step", step=1, steps=6) in words(opened)
    assert opened.number_input(key="next_token_temperature").value == 0.5


@pytest.mark.parametrize("name", LESSONS)
def test_every_class_link_opens(open_recorded, name):
    at = open_recorded("lessons", {"lesson_class": name})
    parts = urlsplit(at.code[0].value)
    values = {name: value[0] for name, value in parse_qs(parts.query).items()}
    opened = open_recorded(parts.path.strip("/") or "overview", values)
    assert not opened.exception
    assert "_link_dropped" not in opened.session_state
    lesson = all_lessons()[name]
    assert idea(lesson.steps[0], Catalogue("en")) in words(opened)
    assert opened.session_state["prompt"] == lesson.prompt


# -- what cannot be --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "lacking"), [("lens", "why_no_lens"), ("importance", "why_no_attribution")])
def test_a_lesson_that_the_model_cannot_serve_says_so(open_recorded, monkeypatch, name, lacking):
    engine = RecordedEngine()
    engine.card = replace(engine.card, stream=replace(engine.card.stream, **{lacking: "tail"}))
    ready: Future[RecordedEngine] = Future()
    ready.set_result(engine)
    need = {"lens": "lens", "importance": "attribution"}[name]
    told = Catalogue("en")(f"lessons.cannot.{need}", model="recorded")
    at = open_recorded("lessons")
    monkeypatch.setattr(cache, "engine", lambda: ready)
    at = open_recorded("lessons")
    assert told in words(at)
    assert not [each for each in at.button if each.key == f"lesson_start_{name}"]
    at = open_recorded(all_lessons()[name].steps[0].page, {"lesson": name})
    assert not at.exception
    assert told in words(at)
    press(at, "others", "lessons")
    assert Catalogue("en")("lessons.question") in words(at)


def test_a_broken_file_is_named_and_the_other_lessons_start(open_recorded, monkeypatch):
    broken = Unreadable("lessons.unreadable.field", file="lens.toml", line="12", field="title")
    for module in (listing, state, card):
        monkeypatch.setattr(module, "all_lessons", lambda: {**all_lessons(), "lens": broken})
    told = Catalogue("en")("lessons.unreadable.field", file="lens.toml", line="12", field="title")
    at = open_recorded("lessons", {"lesson_class": "lens"})
    assert not at.exception
    assert told in words(at)
    assert not [each for each in at.button if each.key == "lesson_start_lens"]
    press(at, "start_tokens", "next_token")
    at = open_recorded("next_token", {"lesson": "lens"})
    assert told in words(at)
    press(at, "list", "lessons")


def test_a_question_without_an_answer_is_left_out_and_the_lesson_is_complete(open_recorded):
    """Nothing occurs twice: of the induction lesson only two heads' names and the rest without a repetition remain."""
    text, lesson = Catalogue("en"), all_lessons()["induction"]
    at = open_recorded("next_token", {"lesson": "induction", "prompt": "zebra lamp"})
    for number, step in enumerate(lesson.steps, start=1):
        if [each for each in at.button if each.label == text("lessons.check")]:
            run = RunContext(
                *(RecordedEngine(), RecordedEngine().card),
                RecordedEngine().tokenizer("").read("zebra lamp", chat=False),
            )
            answer(at, right_answer(step, run))
        press(at, "next", lesson.steps[min(number, len(lesson.steps) - 1)].page)
    answers, _ = read_answers(at.query_params["lesson_answers"])
    without = [given.step for given in answers.values() if given.value == NO_ANSWER]
    assert {1, 6} <= set(without)
    left = len(lesson.steps) - len(without)
    assert (text("lessons.result", right=left, count=left) in words(at)) == bool(left)
    assert text("lessons.without_answer", count=len(without)) in words(at)
    assert text("lessons.unanswerable.last_not_repeated", token="·lamp") in words(at)
    press(at, "list", "lessons")
    (start,) = [each for each in at.button if each.key == "lesson_start_induction"]
    assert start.label == text("lessons.look" if left else "lessons.begin", title=lesson.title["en"])


def test_a_question_without_an_answer_keeps_the_answer_of_another_prompt(open_recorded):
    given = "induction_1_abcdef_7"
    at = open_recorded("next_token", {"lesson": "induction", "prompt": "zebra lamp", "lesson_answers": given})
    press(at, "next", "attention")
    assert at.query_params["lesson_answers"] == given


def test_a_prompt_without_an_answer_says_why_and_offers_the_lessons_own(open_recorded):
    at = open_recorded("next_token", {"lesson": "induction", "prompt": "zebra lamp"})
    assert Catalogue("en")("lessons.unanswerable.last_not_repeated", token="·lamp") in words(at)
    press(at, "prompt")
    assert at.session_state["prompt"] == all_lessons()["induction"].prompt


def test_an_empty_prompt_keeps_the_card_and_waits_with_its_question(open_recorded):
    at = open_recorded("next_token", {"lesson": "tokens", "prompt": ""})
    assert not at.exception
    assert Catalogue("en")("lessons.waiting") in words(at)
    assert Catalogue("en")("error.PromptEmpty") in words(at)


def test_the_step_that_shows_a_number_says_it_in_the_readers_signs(open_recorded):
    at = open_recorded("next_token", {"lesson": "probability", "lesson_step": "2", "lang": "es", "prompt": REPEATING})
    answer(at, "7")
    assert "tiene una probabilidad de 0," in words(at)


def test_an_answer_that_would_take_long_waits_for_a_button(open_recorded, monkeypatch):
    monkeypatch.setattr(RecordedEngine, "cost", lambda self, request: Cost(8, 7.0, 1000, kept=False))
    at = open_recorded("next_token", {"lesson": "probability", "lesson_step": "2", "prompt": REPEATING})
    # a pass and the likeliest tokens
    about = Catalogue("en")("lessons.long", about=Catalogue("en")("about.ten_seconds"))
    assert about in words(at)
    press(at, "work_out")
    answer(at, "7")
    assert "ls-wrong" in words(at)


@pytest.mark.parametrize(("lesson", "kept"), [("tokens", False), ("probability", True)])
def test_an_answer_that_takes_nothing_or_is_kept_comes_at_once(open_recorded, monkeypatch, lesson, kept):
    monkeypatch.setattr(RecordedEngine, "cost", lambda self, request: Cost(8, 100.0, 1000, kept=kept))
    at = open_recorded("next_token", {"lesson": lesson, "prompt": REPEATING})
    assert not [each for each in at.button if each.key == "lesson_work_out"]
    assert [each for each in at.button if each.label == Catalogue("en")("lessons.check")]
