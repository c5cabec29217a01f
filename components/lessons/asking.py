"""A step's question: what can be answered, whether it was right, and why."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.lessons import state
from components.lessons.state import Progress
from components.shell.messages import advice, literal_label, notice, quiet
from components.shell.view import View
from components.shell.waiting import begins
from dashboard.engine.api.model import CallControl
from dashboard.i18n import Catalogue, Message
from dashboard.lessons.answers.question import Question, RunContext, Unanswerable, rounded, seconds
from dashboard.lessons.lesson import Lesson, Step, StepWords
from dashboard.lessons.progress import NO_ANSWER, Given


def run_context(view: View) -> RunContext:
    """The run of the page, as questions look at it."""
    return RunContext(view.engine, view.card, view.tokens)


def question_of(step: Step, view: View) -> Question:
    """A step's question with its right answer, computed with progress on the page. Raises Unanswerable."""

    def call(control: CallControl) -> Question:
        return step.question(RunContext(view.engine, view.card, view.tokens, control))

    return view.wait(call, view.text("work.lesson"), f"lesson {view.key.digest} {step.ask} {step.settings}")


def shown(label: str | Message, text: Catalogue) -> str:
    """An option as it is read."""
    return label if isinstance(label, str) else text(label.id, **label.facts)


def ask(lesson: Lesson, progress: Progress, view: View, below: DeltaGenerator) -> None:
    """The question of the step that is open; what is said to an answer stands in `below`."""
    text, number = view.text, progress.number
    step = lesson.steps[number - 1]
    if too_long(f"{lesson.name} {number}", [step], view):
        return
    mark = run_context(view).mark
    try:
        question = question_of(step, view)
    except Unanswerable as error:
        state.without_answer(Given(lesson.name, number, mark, NO_ANSWER))
        notice(text(error.message.id, **error.message.facts))
        if view.prompt != lesson.prompt or view.chat:
            st.button(text("lessons.use_prompt"), key="lesson_prompt", on_click=state.use_prompt, args=(lesson,))
        return
    state.without_answer(None)
    given = progress.given(lesson, number)
    if given and given.mark == mark and question.is_right(given.value) is None:
        state.forget(given)
        given = None
    asked = _Asked(lesson, number, question, step.words[text.language], mark, given, text)
    asked.form()
    asked.hint()
    with below:
        if st.session_state.get(state.NOT_A_NUMBER) == number:
            advice(text("lessons.not_a_number", example=0.25))
        elif given:
            asked.result(given)


def too_long(name: str, steps: Sequence[Step], view: View) -> bool:
    """Whether the answers of `steps` take long and nobody has asked for them yet: their cost and a button stand there.

    Args:
        name: of the work.
        steps: whose answers are worked out.
        view: of the page.
    """
    run = run_context(view)
    return not begins(
        "lesson_work_out",
        f"{name} {view.key.digest}",
        seconds(run, (request for step in steps for request in step.requests(run))),
        text=view.text,
        cost="lessons.long",
        button=view.text("lessons.work_out"),
    )


@dataclass(frozen=True)
class _Asked:
    """A question on screen."""

    lesson: Lesson
    number: int
    """Of the step."""
    question: Question
    words: StepWords
    mark: str
    """Of model and prompt."""
    given: Given | None
    text: Catalogue

    def form(self) -> None:
        """Options to choose from, or a number to type; and the button that checks it."""
        text, question, given = self.text, self.question, self.given
        name = f"lesson_{self.lesson.name}_{self.number}_{self.mark}"
        widget = f"{name}_{'option' if question.options else 'number'}"
        if widget not in st.session_state and given and given.mark == self.mark:
            st.session_state[widget] = given.value if question.options else given.value.replace(".", text.decimal_sign)
        label = literal_label(text.fill(self.words.question, question.facts))
        with st.form(f"{name}_form", border=False):
            if question.options:
                labels = {option.value: literal_label(shown(option.label, text)) for option in question.options}
                st.radio(label, list(labels), index=None, key=widget, format_func=labels.__getitem__, horizontal=True)
            else:
                st.text_input(label, key=widget, max_chars=30, autocomplete="off")
            arguments = (self.lesson, self.number, self.mark, question, widget)
            st.form_submit_button(text("lessons.check"), type="primary", on_click=state.give, args=arguments)

    def hint(self) -> None:
        """A help that opens on request."""
        hint = html.escape(self.text.fill(self.words.hint, self.question.facts))
        summary = html.escape(self.text("lessons.hint"))
        st.html(f'<details class="ls-hint"><summary>{summary}</summary><p>{hint}</p></details>')

    def result(self, given: Given) -> None:
        """Whether the answer is right, and why."""
        text, question = self.text, self.question
        if given.mark != self.mark:
            quiet(text("lessons.other_run"))
            return
        right = bool(question.is_right(given.value))
        verdict = text("lessons.right") if right else text("lessons.wrong", solution=solution(question, text))
        why = html.escape(text.fill(self.words.why, question.facts))
        kind = "right" if right else "wrong"
        st.html(f'<div class="ls-verdict ls-{kind}" role="status"><strong>{html.escape(verdict)}</strong> {why}</div>')


def solution(question: Question, text: Catalogue) -> str:
    """The right answer as it is read; several where they are equally right."""
    if not question.options:
        return text.number(rounded(question.number, 12 if question.whole else 4))
    return text("lessons.or").join(shown(label, text) for label in question.right_labels)
