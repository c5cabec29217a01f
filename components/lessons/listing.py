"""The list of lessons with what was done of each, and the link that a teacher hands out."""

from __future__ import annotations

import html
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import streamlit as st

from components.lessons import state
from components.lessons.state import Progress
from components.shell import link
from components.shell.messages import advice, quiet, section
from components.shell.pickers import switch
from components.shell.prompt import chat_params
from components.shell.view import View
from dashboard.lessons.lesson import TOUR, Lesson, all_lessons
from dashboard.navigation import LESSONS, PAGES
from dashboard.view_state import pack_prompt

IN_A_ROW = 3
CLASS, OWN = "lesson_class", "lesson_own"


def listing(view: View) -> None:
    """Every lesson with a button; one whose file cannot be read is named, one that the model cannot serve says so."""
    text, progress = view.text, state.progress()
    readable = [lesson for lesson in all_lessons().values() if isinstance(lesson, Lesson)]
    for problem in all_lessons().values():
        if not isinstance(problem, Lesson):
            advice(text(problem.message.id, **problem.message.facts))
    tour = [lesson for lesson in readable if lesson.name == TOUR]
    others = [lesson for lesson in readable if lesson.name != TOUR]
    rows = [tour, *(others[start : start + IN_A_ROW] for start in range(0, len(others), IN_A_ROW))]
    for row in filter(None, rows):
        for holder, lesson in zip(st.columns(1 if row is tour else IN_A_ROW), row, strict=False):
            with holder, st.container(border=True, height="stretch"):
                _entry(lesson, progress, view)
    if progress.answers:
        st.button(text("lessons.forget"), key="lesson_forget", on_click=state.forget_all, type="tertiary")


def _entry(lesson: Lesson, progress: Progress, view: View) -> None:
    text, (done, of) = view.text, progress.answered(lesson)
    facts = [text("lessons.minutes", minutes=lesson.minutes), text("lessons.steps", steps=len(lesson.steps))]
    facts += [text("lessons.answered", count=done, of=of)] if done else []
    st.html(
        f'<p class="ls-card">{html.escape(lesson.title[text.language])}</p>'
        f'<p class="ls-note">{html.escape(lesson.aim[text.language])}</p>'
        f'<p class="ls-count">{html.escape(" · ".join(facts))}</p>'
    )
    lacking = lesson.why_not(view.card) if "card" in vars(view) else ""
    if lacking:
        quiet(text(f"lessons.cannot.{lacking}", model=view.card.label))
        return
    left = [number for number in lesson.asked if (lesson.name, number) not in progress.answers]
    name = "begin" if not done else "resume" if left else "look"
    number = 1 if not done else left[0] if left else len(lesson.steps) + 1
    label = text(f"lessons.{name}", title=lesson.title[text.language])
    begin = state.start if not done else state.go
    st.button(label, key=f"lesson_start_{lesson.name}", on_click=begin, args=(lesson, number))


def class_link(view: View) -> None:
    """A link to one lesson for a whole class: with this model and language, and the lesson's prompt or this one."""
    text = view.text
    section(text("lessons.class_title"), text("lessons.class_note"))
    lessons = {name: lesson for name, lesson in all_lessons().items() if isinstance(lesson, Lesson)}
    link.choice_state(CLASS, LESSONS, TOUR)
    pick_at, own_at = st.columns([1, 2], vertical_alignment="bottom")
    with pick_at:
        st.selectbox(
            text("lessons.class_lesson"),
            LESSONS,
            key=CLASS,
            format_func=lambda name: lessons[name].title[text.language] if name in lessons else name,
            persist_state="session",
        )
    lesson = lessons.get(link.choice_written(CLASS, TOUR))
    with own_at:
        own = switch(OWN, text("lessons.class_own"), text("lessons.class_own_help"))
    if lesson is None:
        advice(text("lessons.class_broken"))
        return
    address = class_address(lesson, view, view.prompt if own else lesson.prompt, chat=own and view.chat)
    if address is None:
        advice(text("sidebar.prompt_not_in_link"))
    else:
        st.code(address, language=None, wrap_lines=True)


def class_address(lesson: Lesson, view: View, prompt: str, *, chat: bool) -> str | None:
    """The address of a lesson's first step; ``None``: the prompt is too long for a link."""
    chat_state = chat_params(view) if chat else {}
    carried = pack_prompt(prompt)
    if not carried or chat_state is None:
        return None
    step = lesson.steps[0]
    values = {"lang": view.text.language, "model": view.model, **carried, **chat_state}
    here = urlsplit(st.context.url or "")
    folder = here.path.rstrip("/").removesuffix("/lessons")
    slug = "" if step.page == PAGES[0].slug else step.page
    query = urlencode({**values, **step.view, state.LESSON: lesson.name}, quote_via=quote)
    return urlunsplit((here.scheme, here.netloc, f"{folder}/{slug}", query, ""))
