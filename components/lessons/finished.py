"""The end of a lesson: each question with the answer that was given, and the file for a teacher."""

from __future__ import annotations

import html
from collections import Counter
from datetime import UTC, datetime

import streamlit as st

from components.lessons import state
from components.lessons.asking import question_of, run_context, shown, solution, too_long
from components.lessons.state import Progress
from components.shell.messages import quiet
from components.shell.view import View
from dashboard.i18n import Catalogue
from dashboard.lessons.answers.question import Question, Unanswerable
from dashboard.lessons.lesson import TOUR, Lesson, all_lessons
from dashboard.lessons.progress import Given, answers_csv
from dashboard.navigation import LESSONS


def finished(lesson: Lesson, progress: Progress, view: View) -> None:
    """How the lesson went on this run, and where to go on."""
    text = view.text
    if lesson.name == TOUR:
        quiet(text("lessons.tour_done"))
    elif too_long(lesson.name, lesson.steps, view):
        return
    else:
        rows = [_row(lesson, number, progress, view) for number in lesson.asked]
        counts = Counter(row["correct"] for row in rows)
        if counts["none"] < len(rows):
            quiet(text("lessons.result", right=counts["yes"], count=len(rows) - counts["none"]))
        if counts["none"]:
            quiet(text("lessons.without_answer", count=counts["none"]))
        st.html(_table(rows, text))
        quiet(text("lessons.send"))
    with st.container(horizontal=True):
        if lesson.name != TOUR:
            st.download_button(
                text("lessons.csv"),
                answers_csv(rows),
                file_name=f"logitscope-lesson-{lesson.name}-{run_context(view).mark}.csv",
                mime="text/csv",
                key="lesson_csv",
                on_click="ignore",
            )
        following = _following(lesson)
        if following:
            label = text("lessons.next_lesson", title=following.title[text.language])
            st.button(label, key="lesson_following", on_click=state.start, args=(following,))


def _following(lesson: Lesson) -> Lesson | None:
    """The next lesson whose file can be read."""
    later = (all_lessons()[name] for name in LESSONS[LESSONS.index(lesson.name) + 1 :])
    return next((each for each in later if isinstance(each, Lesson)), None)


def _row(lesson: Lesson, number: int, progress: Progress, view: View) -> dict[str, str]:
    """One question for the table and the file; what is right is computed anew, whatever the link says."""
    text, run = view.text, run_context(view)
    step = lesson.steps[number - 1]
    words = step.words[text.language]
    given = progress.given(lesson, number)
    row = {
        **{"lesson": lesson.name, "step": str(number), "question": words.title, "answer": "", "correct": ""},
        **{"model": view.card.model, "revision": view.card.revision, "run": view.key.digest, "right_answer": ""},
        **{
            "answered": state.answered_at(given) if given else "",
            "checked": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    }
    try:
        question = question_of(step, view)
    except Unanswerable as error:
        return row | {"correct": "none", "right_answer": text(error.message.id, **error.message.facts)}
    row |= {
        "question": text.fill(words.question, question.facts),
        "right_answer": solution(question, text),
    }
    if given is None:
        return row
    if given.mark != run.mark:
        return row | {"answer": given.value, "correct": "other run"}
    right = question.is_right(given.value)
    if right is None:
        state.forget(given)
        return row
    return row | {"answer": _answer(given, question, text), "correct": "yes" if right else "no"}


def _answer(given: Given, question: Question, text: Catalogue) -> str:
    labels = {option.value: shown(option.label, text) for option in question.options}
    return labels.get(given.value, given.value.replace(".", text.decimal_sign))


def _table(rows: list[dict[str, str]], text: Catalogue) -> str:
    """Step, question, answer and verdict of each row."""
    verdicts = {"yes": "right", "no": "wrong", "other run": "other", "none": "none", "": "open"}
    lines = []
    for row in rows:
        solved = row["right_answer"] if row["correct"] in {"yes", "no", "none"} else ""
        cells = (row["step"], row["question"], row["answer"], solved)
        verdict = text(f"lessons.verdict_{verdicts[row['correct']]}")
        lines.append("".join(f"<td>{html.escape(cell)}</td>" for cell in (*cells, verdict)))
    heads = "".join(
        f'<th scope="col">{html.escape(text(f"lessons.column.{name}"))}</th>'
        for name in ("step", "question", "answer", "right", "verdict")
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table class="ls-lesson-table"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
