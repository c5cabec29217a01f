"""Progress: the answers of a person as a link carries them, and as the table that a teacher gets.

In the link an answer is ``<lesson>_<step>_<mark>_<value>``, answers with ``~`` between them; `mark` stands for model
and prompt (`RunContext.mark`). Whether an answer is right is not in the link: it is computed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.export import safe_cell
from dashboard.lessons.lesson import Lesson, all_lessons
from dashboard.navigation import LESSONS

MOST_ANSWERS = 100
NO_ANSWER = "none"
"""In the place of an answer: the question has no clear one on this run."""
_PART = re.compile(r"([a-z]+)_([1-9]\d?)_([0-9a-f]{6})_([-\w.]{1,24})", re.ASCII)
COLUMNS = (
    *("lesson", "step", "question", "answer", "right_answer", "correct"),
    *("model", "revision", "run", "answered", "checked"),
)


@dataclass(frozen=True)
class Given:
    """One answer that a person gave."""

    lesson: str
    step: int
    """Counts from 1."""
    mark: str
    """Of model and prompt."""
    value: str

    def written(self) -> str:
        """As in the link."""
        return f"{self.lesson}_{self.step}_{self.mark}_{self.value}"


def read_answers(text: str) -> tuple[dict[tuple[str, int], Given], tuple[str, ...]]:
    """(lesson, step) -> the answer of a link's text; and the parts that cannot be read."""
    answers: dict[tuple[str, int], Given] = {}
    unread = []
    for part in text.split("~") if text else ():
        match = _PART.fullmatch(part)
        if match and _is_asked(match[1], int(match[2])) and len(answers) < MOST_ANSWERS:
            given = Given(match[1], int(match[2]), match[3], match[4])
            answers[given.lesson, given.step] = given
        else:
            unread.append(part)
    return answers, tuple(unread)


def _is_asked(name: str, step: int) -> bool:
    """Whether a lesson asks something there; nobody knows of one whose file cannot be read."""
    lesson = all_lessons().get(name)
    return step in lesson.asked if isinstance(lesson, Lesson) else lesson is not None


def written_answers(answers: Iterable[Given]) -> str:
    """The text that `read_answers` reads."""
    order = sorted(answers, key=lambda given: (LESSONS.index(given.lesson), given.step))
    return "~".join(given.written() for given in order)


def answers_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Answers as CSV (UTF-8 with a byte order mark), COLUMNS each; no cell is a formula to a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([safe_cell(row[name]) for name in COLUMNS] for row in rows)
    return file.getvalue().encode("utf-8-sig", "replace")
