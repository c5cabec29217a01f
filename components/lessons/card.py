"""The card of a lesson above a page: where one is, the step's idea, and its question when the page stands."""

from __future__ import annotations

import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.lessons import state
from components.lessons.asking import ask
from components.lessons.finished import finished
from components.lessons.state import Progress
from components.shell.messages import advice, quiet
from components.shell.view import current, error_frame
from dashboard import cache
from dashboard.i18n import Catalogue
from dashboard.lessons.lesson import Lesson, all_lessons
from dashboard.settings import BUNDLED


class LessonCard:
    """The card of the lesson that the link names; nothing where it names none."""

    def __init__(self, text: Catalogue, slug: str) -> None:
        """Draw all that needs no model: call it where the card is to stand, above page `slug`."""
        self._text, self._slug = text, slug
        self._progress = state.progress()
        self._place: DeltaGenerator | None = None
        """Of the question."""
        self._below: DeltaGenerator | None = None
        """Of what is said to an answer."""
        state.follow(slug)
        lesson = self._progress.lesson
        if lesson is None:
            self._unreadable()
            return
        with st.container(border=True, key="lesson_card"):
            _where(lesson, self._progress, text, here=self._here(lesson))
            if self._here(lesson):
                self._place = _idea(lesson, self._progress, text)
                self._below = st.container()

    def ask(self) -> None:
        """After the page: the step's question, or how the lesson went."""
        lesson, number, text = self._progress.lesson, self._progress.number, self._text
        if lesson is None or self._place is None or self._below is None:
            return
        view = current()
        with self._place, error_frame(text):
            if "tokens" not in vars(view):
                quiet(text("lessons.waiting"))
            elif lacking := lesson.why_not(view.card):
                _cannot(lacking, text)
            elif number > len(lesson.steps):
                finished(lesson, self._progress, view)
            elif lesson.steps[number - 1].ask:
                ask(lesson, self._progress, view, self._below)

    def _here(self, lesson: Lesson) -> bool:
        """Whether this is the step's page; the end of a lesson can be looked at from any page."""
        number = self._progress.number
        return number > len(lesson.steps) or lesson.steps[number - 1].page == self._slug

    def _unreadable(self) -> None:
        problem = all_lessons().get(self._progress.name)
        if problem is not None and not isinstance(problem, Lesson):
            advice(self._text(problem.message.id, **problem.message.facts))
            st.button(self._text("lessons.others"), key="lesson_list", on_click=state.lessons_page)


def _where(lesson: Lesson, progress: Progress, text: Catalogue, *, here: bool) -> None:
    """Lesson, step and progress in one line, with the buttons that lead on."""
    count, number = len(lesson.steps), progress.number
    title = lesson.title[text.language]
    line = text("lessons.step", step=number, steps=count) if number <= count else text("lessons.done")
    if lesson.asked:
        answered, of = progress.answered(lesson)
        line += " · " + text("lessons.answered", count=answered, of=of)
    back = text("lessons.prompt_back") if state.prompt_comes_back() else None
    if back and number == 1:
        line += " · " + back
    with st.container(horizontal=True, vertical_alignment="center", key="lesson_bar"):
        st.html(f'<p class="ls-lesson-where"><strong>{html.escape(title)}</strong> · {html.escape(line)}</p>')
        if not here:
            page = text(f"{lesson.steps[number - 1].page}.title")
            label = text("lessons.go", page=page)
            st.button(label, key="lesson_go", on_click=state.go, args=(lesson, number), icon=":material/arrow_forward:")
        else:
            _steps(lesson, number, text)
        st.button(text("lessons.close"), key="lesson_close", on_click=state.close, type="tertiary", help=back)


def _steps(lesson: Lesson, number: int, text: Catalogue) -> None:
    if number > 1:
        st.button(text("lessons.back"), key="lesson_back", on_click=state.go, args=(lesson, number - 1))
    if number <= len(lesson.steps):
        name = "next" if number < len(lesson.steps) else "finish"
        st.button(text(f"lessons.{name}"), key="lesson_next", on_click=state.go, args=(lesson, number + 1))
    else:
        st.button(text("lessons.others"), key="lesson_list", on_click=state.lessons_page)


def _idea(lesson: Lesson, progress: Progress, text: Catalogue) -> DeltaGenerator:
    """What the step is about; gives the place of its question."""
    if progress.number > len(lesson.steps):
        return st.container()
    step = lesson.steps[progress.number - 1]
    words = step.words[text.language]
    left, right = st.columns([1.2, 1], gap="large") if step.ask else (st.container(), st.container())
    with left:
        st.html(
            f'<h2 class="ls-lesson-title">{html.escape(words.title)}</h2>'
            f'<p class="ls-lesson-text">{html.escape(text.fill(words.text, step.settings))}</p>'
        )
    return right


def _cannot(lacking: str, text: Catalogue) -> None:
    """What the model lacks for this lesson, and what there is instead."""
    advice(text(f"lessons.cannot.{lacking}", model=current().card.label))
    with st.container(horizontal=True):
        st.button(text("lessons.others"), key="lesson_others", on_click=state.lessons_page)
        if BUNDLED in {spec.id for spec in cache.listed_models()} - {current().model}:
            st.button(text("lessons.use_bundled"), key="lesson_bundled", on_click=state.use_model, args=(BUNDLED,))
