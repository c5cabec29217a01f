"""Lesson: steps of one action and one idea each, read from ``files/<name>.toml``, with the words of every language."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.request import Request
from dashboard.i18n import LANGUAGES
from dashboard.lessons.answers import attention, bias, lens, prediction, sampling, tokens
from dashboard.lessons.answers.question import QUESTIONS, REQUESTS, Question, RunContext, Unanswerable
from dashboard.navigation import LESSONS, PAGES
from dashboard.parsing.unreadable import Unreadable
from dashboard.view_state import check

FOLDER = Path(__file__).parent / "files"
TOUR = LESSONS[0]
"""Steps without questions, one a page."""
NEEDS = ("lens", "attribution")
"""What a lesson may need of a model."""
ASKED_BY = (attention, bias, lens, prediction, sampling, tokens)
"""The modules whose functions stand in QUESTIONS."""
_WORDS = ("title", "text")
_ASKED = ("question", "hint", "why")
_SHARED = "$"
"""Begins a value of a view that stands once, below `shared`, by the name that follows."""
_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True)
class StepWords:
    """A step in one language; its settings are filled into the text, facts of its question into the last three."""

    title: str
    text: str
    """The idea, and what to do."""
    question: str = ""
    hint: str = ""
    why: str = ""
    """Why the right answer is right, with its numbers."""


@dataclass(frozen=True)
class Step:
    """One action, one idea, one question."""

    page: str
    """Slug of the page on which it is."""
    view: Mapping[str, str]
    """Query parameters that the page opens with."""
    ask: str
    """Name in QUESTIONS; empty: nothing is asked."""
    settings: Mapping[str, Any]
    """Of the question."""
    words: Mapping[str, StepWords]
    """language -> the step's words"""

    def question(self, run: RunContext) -> Question:
        """What is asked, with the answer that is right for this run. Raises Unanswerable, DashboardError."""
        return QUESTIONS[self.ask](run, **self.settings)

    def requests(self, run: RunContext) -> tuple[Request[Any], ...]:
        """What the answer takes, each at the cost that it has; none where nothing is asked, or there is no answer."""
        try:
            return tuple(REQUESTS[self.ask](run, **self.settings)) if self.ask else ()
        except Unanswerable:
            return ()


@dataclass(frozen=True)
class Lesson:
    """Five to eight steps on one subject."""

    name: str
    minutes: int
    needs: tuple[str, ...]
    """Of NEEDS."""
    prompt: str
    """What it is about unless a person brings a prompt of their own."""
    title: Mapping[str, str]
    """language -> text"""
    aim: Mapping[str, str]
    """language -> what one knows afterwards"""
    steps: tuple[Step, ...]

    @property
    def asked(self) -> tuple[int, ...]:
        """Numbers of the steps that ask something; steps count from 1."""
        return tuple(number for number, step in enumerate(self.steps, start=1) if step.ask)

    def why_not(self, card: ModelCard) -> str:
        """What the model lacks: of NEEDS; empty: the lesson can be had with it."""
        lacking = {"lens": card.stream.why_no_lens, "attribution": card.stream.why_no_attribution}
        return next((need for need in self.needs if lacking[need]), "")


@cache
def all_lessons() -> Mapping[str, Lesson | Unreadable]:
    """Every lesson by name, in order; one whose file cannot be read is the reason, which names file and line."""
    lessons: dict[str, Lesson | Unreadable] = {}
    for name in LESSONS:
        try:
            lessons[name] = read_lesson(FOLDER / f"{name}.toml")
        except Unreadable as error:
            lessons[name] = error
    return lessons


def read_lesson(path: Path) -> Lesson:
    """The lesson of one file.

    Raises:
        Unreadable: the file is missing or no TOML, or something of a lesson is missing or wrong; with file and line.
    """
    try:
        source = path.read_text(encoding="utf-8")
        table = tomllib.loads(source)
    except OSError as error:
        raise Unreadable("lessons.unreadable.file", file=path.name, why=type(error).__name__) from error
    except ValueError as error:  # of TOML and of UTF-8
        line = _LINE.search(str(error))
        raise Unreadable("lessons.unreadable.syntax", file=path.name, line=line[1] if line else "1") from error
    starts = [number for number, text in enumerate(source.splitlines(), start=1) if text.strip() == "[[step]]"]
    head = _Reader(path.name, 1)
    steps, shared = head.get(table, "step", list), table.get("shared", {})
    return Lesson(
        name=path.stem,
        minutes=head.get(table, "minutes", int),
        needs=tuple(head.known("needs", need, NEEDS) for need in table.get("needs", ())),
        prompt=head.get(table, "prompt", str),
        title={language: head.get(head.get(table, "title", dict), language, str) for language in LANGUAGES},
        aim={language: head.get(head.get(table, "aim", dict), language, str) for language in LANGUAGES},
        steps=tuple(_Reader(path.name, line).step(each, shared) for line, each in zip(starts, steps, strict=True)),
    )


@dataclass(frozen=True)
class _Reader:
    """Reads one table of a lesson's file; what is wrong is said with the line at which the table begins."""

    file: str
    line: int

    def wrong(self, field: str) -> Unreadable:
        return Unreadable("lessons.unreadable.field", file=self.file, line=str(self.line), field=field)

    def get(self, table: Mapping[str, Any], field: str, kind: type) -> Any:
        value = table.get(field)
        if not isinstance(value, kind) or not value:
            raise self.wrong(field)
        return value

    def known(self, field: str, value: str, names: tuple[str, ...]) -> str:
        if value not in names:
            raise self.wrong(f"{field} = {value}")
        return value

    def view(self, table: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, str]:
        """Query parameters of a step, those of `shared` in their places."""
        view = {}
        for name, value in table.items():
            text = shared.get(value[1:]) if str(value).startswith(_SHARED) else value
            if not isinstance(text, str) or check(name, [text]):
                raise self.wrong(f"view: {name}")
            view[name] = text
        return view

    def step(self, table: Mapping[str, Any], shared: Mapping[str, Any]) -> Step:
        ask, settings, view = table.get("ask", ""), table.get("with", {}), self.view(table.get("view", {}), shared)
        if ask:
            self.known("ask", ask, tuple(QUESTIONS))
            wanted = list(inspect.signature(QUESTIONS[ask]).parameters)[1:]
            if sorted(settings) != sorted(wanted):
                raise self.wrong(f"with: {', '.join(wanted)}")
        names = (*_WORDS, *_ASKED) if ask else _WORDS
        words = {
            language: StepWords(
                **{name: self.get(self.get(table, language, dict), name, str).strip() for name in names}
            )
            for language in LANGUAGES
        }
        page = self.known("page", self.get(table, "page", str), tuple(entry.slug for entry in PAGES))
        return Step(page, view, ask, settings, words)
