"""Where a person is in a lesson: read from the link, kept in step with it, and changed by buttons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from components.shell import link
from components.shell.waiting import allow
from dashboard.lessons.answers.question import Question, number_of
from dashboard.lessons.lesson import Lesson, all_lessons
from dashboard.lessons.progress import NO_ANSWER, Given, read_answers, written_answers
from dashboard.navigation import LESSONS, page_file
from dashboard.view_state import FIELDS, as_held

LESSON, STEP, ANSWERS = "lesson", "lesson_step", "lesson_answers"
NOT_A_NUMBER = "_lesson_not_a_number"
"""The step whose last answer was no number."""
_TARGET = "_lesson_page"
"""The page that a button of a lesson leads to, and the query parameters that it opens with."""
_TIMES = "_lesson_times"
_WITHOUT_ANSWER = "_lesson_without_answer"
_OWN_PROMPT = "_lesson_own_prompt"
"""(prompt, in the chat template) that stood there before a lesson's own took its place."""
_CARRIED = {"lang", "model", "prompt", "pz", "scale", LESSON, STEP, ANSWERS}
"""Query parameters that are the same on every page and that Streamlit's own binding does not keep."""


@dataclass(frozen=True)
class Progress:
    """The lesson that is open, the step, and all answers of the link."""

    name: str
    """Of the lesson; empty: none is open."""
    number: int
    """Of the step, from 1; one more than there are: the lesson is finished."""
    answers: Mapping[tuple[str, int], Given]
    """(lesson, step) -> answer"""

    @property
    def lesson(self) -> Lesson | None:
        """The open lesson; ``None`` where none is, or its file cannot be read."""
        lesson = all_lessons().get(self.name)
        return lesson if isinstance(lesson, Lesson) else None

    def given(self, lesson: Lesson, number: int) -> Given | None:
        """The answer to a question, if the person gave one."""
        given = self.answers.get((lesson.name, number))
        return None if given is None or given.value == NO_ANSWER else given

    def answered(self, lesson: Lesson) -> tuple[int, int]:
        """How many questions of a lesson have an answer, and how many can have one."""
        given = [self.answers.get((lesson.name, number)) for number in lesson.asked]
        without = sum(each is not None and each.value == NO_ANSWER for each in given)
        return len(given) - given.count(None) - without, len(given) - without


def progress() -> Progress:
    """The lesson of the link, or what became of it since; what cannot be read is named on the page."""
    state = st.session_state
    for key, default in ((LESSON, ""), (STEP, "1"), (ANSWERS, "")):
        link.text_state(key, default)
    if state[LESSON] not in ("", *LESSONS):
        link.drop(link.Dropped(LESSON, state[LESSON], "choice", (("choices", ", ".join(LESSONS)),)))
        state[LESSON] = ""
    answers, unread = read_answers(state[ANSWERS])
    if unread:
        link.drop(link.Dropped(ANSWERS, " ".join(unread), "lesson_answer"))
        state[ANSWERS] = written_answers(answers.values())
    lesson = all_lessons().get(state[LESSON])
    high = len(lesson.steps) + 1 if isinstance(lesson, Lesson) else 1
    if not (state[STEP].isascii() and state[STEP].isdigit() and 1 <= int(state[STEP]) <= high):
        link.drop(link.Dropped(STEP, state[STEP], "range", (("low", 1), ("high", high))))
        state[STEP] = "1"
    write()
    return Progress(state[LESSON], int(state[STEP]), answers)


def write() -> None:
    """Write where the person is to the URL."""
    for key, default in ((LESSON, ""), (STEP, "1"), (ANSWERS, "")):
        link.text_written(key, default)


# -- buttons ---------------------------------------------------------------------------------------------------------
def go(lesson: Lesson, number: int) -> None:
    """Open a step on its page, with the view that it begins with; behind the last step the lesson is finished."""
    state = st.session_state
    _pass_over()
    state[LESSON], state[STEP] = lesson.name, str(number)
    state.pop(NOT_A_NUMBER, None)
    step = lesson.steps[min(number, len(lesson.steps)) - 1]
    view = dict(step.view) if number <= len(lesson.steps) else {}
    if number <= len(lesson.steps):
        _reset(step.page, besides=view)
    for name, value in view.items():
        state[name] = as_held(name, value)
    state[_TARGET] = (step.page, view)
    allow()


def _reset(page: str, *, besides: Collection[str]) -> None:
    """Every choice of a page back to what the page opens with, but for those named in `besides`."""
    state = st.session_state
    for name, field in FIELDS.items():
        if not name.startswith(f"{page}_") or name in besides:
            continue
        if field.kind == "switch":  # a fold would stand as it was left
            state[name] = field.default == "true"
        elif field.kind in {"choice", "text"} or name not in state:  # read from the link anew
            state.pop(name, None)
            st.query_params.pop(name, None)
        elif field.kind == "ranges":  # a text or a list
            state[name] = type(state[name])()
        else:
            state[name] = (0, 0) if field.kind == "span" else None  # neither can be: the page puts its own there


def start(lesson: Lesson, number: int = 1) -> None:
    """Open a lesson with its own prompt."""
    use_prompt(lesson)
    go(lesson, number)


def use_prompt(lesson: Lesson) -> None:
    """Read the lesson's own prompt, as it is typed; the person's own comes back when the lesson is left."""
    state = st.session_state
    if not (_is_prompt_of(lesson) or _is_prompt_of(all_lessons().get(state[LESSON]))):
        state[_OWN_PROMPT] = (state["prompt"], state["chat"])
    state["prompt"], state["chat"] = lesson.prompt, False
    allow()


def _is_prompt_of(lesson: object) -> bool:
    state = st.session_state
    return isinstance(lesson, Lesson) and (state["prompt"], state["chat"]) == (lesson.prompt, False)


def prompt_comes_back() -> bool:
    """Whether leaving the lesson gives the person's own prompt back: it was kept, and the lesson's stands there."""
    return _OWN_PROMPT in st.session_state and _is_prompt_of(all_lessons().get(st.session_state[LESSON]))


def close() -> None:
    """Leave the lesson; its answers stay, and the person's own prompt takes the place of the lesson's."""
    state = st.session_state
    if prompt_comes_back():
        state["prompt"], state["chat"] = state[_OWN_PROMPT]
        allow()
    state.pop(_OWN_PROMPT, None)
    state[LESSON], state[STEP] = "", "1"


def lessons_page() -> None:
    """Leave the lesson for the list of lessons."""
    close()
    st.session_state[_TARGET] = ("lessons", {})


def use_model(model: str) -> None:
    """Load another model."""
    st.session_state["model"] = model
    allow()


def follow(slug: str) -> None:
    """Turn to the page that a button leads to, unless it is this one."""
    target, view = st.session_state.pop(_TARGET, (slug, {}))
    if target != slug:
        carried = {name: value for name, value in st.query_params.items() if name in _CARRIED}
        # the state alone would put the view into the address one run later
        st.switch_page(page_file(target), query_params=carried | view)


# -- answers ---------------------------------------------------------------------------------------------------------
def give(lesson: Lesson, number: int, mark: str, question: Question, widget: str) -> None:
    """Keep the answer that stands in a widget; a number as it is read, not as it was typed."""
    state = st.session_state
    value = state.get(widget)
    state.pop(NOT_A_NUMBER, None)
    if value is None:
        return
    if not question.options:
        typed = number_of(value, whole=question.whole)
        if typed is None:
            state[NOT_A_NUMBER] = number
            return
        value = f"{typed:.10g}".replace("+", "")
    given = Given(lesson.name, number, mark, value)
    answers, _ = read_answers(state[ANSWERS])
    state[ANSWERS] = written_answers((answers | {(lesson.name, number): given}).values())
    state.setdefault(_TIMES, {})[given] = datetime.now(UTC).isoformat(timespec="seconds")


def without_answer(given: Given | None) -> None:
    """The open question has no clear answer on this run, which going on will put into the link; ``None``: it has."""
    st.session_state[_WITHOUT_ANSWER] = given


def _pass_over() -> None:
    """Keep that the question which the person leaves has no answer, unless there is one, of another run."""
    state = st.session_state
    given = state.pop(_WITHOUT_ANSWER, None)
    if given and (given.lesson, str(given.step)) == (state[LESSON], state[STEP]):
        answers, _ = read_answers(state[ANSWERS])
        state[ANSWERS] = written_answers(({(given.lesson, given.step): given} | answers).values())


def forget(given: Given) -> None:
    """Take one answer out, because it is none to its question, and say so."""
    answers, _ = read_answers(st.session_state[ANSWERS])
    answers.pop((given.lesson, given.step), None)
    st.session_state[ANSWERS] = written_answers(answers.values())
    link.drop(link.Dropped(ANSWERS, given.written(), "lesson_answer"))
    write()


def forget_all() -> None:
    """Take out all answers."""
    st.session_state[ANSWERS] = ""


def answered_at(given: Given) -> str:
    """When an answer was given, in this session; empty where a link brought it."""
    return str(st.session_state.get(_TIMES, {}).get(given, ""))
