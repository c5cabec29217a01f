"""Pasted lists from notes and documents: bullets, numbers and Markdown tables as plain rows."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.parsing.text_files import Row

_BULLET = re.compile(r"\s*(?:[•◦▪▫‣●○■□∙·⁃]\s+|[-*+–—] +)(?=\S)")
_NUMBER = re.compile(r"\s*(\d{1,4})[.)]\s+(?=\S)")
_RULE = re.compile(r"\|?(:?-{2,}:?\|)*(:?-{2,}:?)?")
"""The line below the heading of a Markdown table, without its blanks."""
_CELL_END = re.compile(r"(?<!\\)\|")
_QUOTED = re.compile(r'(?:^|(?<=[,;\t]))\s*"(?:[^"]|"")*"')
_OPENING = re.compile(r'(?:^|[,;\t])\s*"')


def without_bullets(text: str) -> tuple[str, int]:
    """The list without bullets, or without the numbers that count its lines; and how many lines had one.

    What stands in quotation marks is text, whatever it looks like.
    """
    lines = list(_lines(text))
    numbers = [_NUMBER.match(line) for line, inside in lines if not inside and line.strip()]
    counted = [int(match[1]) for match in numbers if match]
    is_counted = len(counted) == len(numbers) > 1 and counted == list(range(counted[0], counted[0] + len(counted)))
    mark = _NUMBER if is_counted else _BULLET
    plain = [line if inside else mark.sub("", line, count=1) if mark.match(line) else line for line, inside in lines]
    removed = sum(before != after for (before, _), after in zip(lines, plain, strict=True))
    return "".join(plain), removed


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line with its end, and whether it goes on with a quoted cell of the line before."""
    inside = False
    for line in io.StringIO(text, newline=""):
        yield line, inside
        if inside:
            inside = line.count('"') % 2 == 0
        else:
            inside = bool(_OPENING.search(_QUOTED.sub("", _BULLET.sub("", line, count=1))))


@dataclass(frozen=True)
class MarkdownTable:
    """A table between other lines."""

    rows: list[Row]
    """The heading first."""
    outside: tuple[str, ...]
    """Lines with text that are not in it."""


def markdown_table(text: str) -> MarkdownTable | None:
    """The first Markdown table of a text; ``None`` where there is none."""
    lines = [("" if inside else line.strip()) for line, inside in _lines(text)]
    rule = next((at for at, line in enumerate(lines) if "|" in line and _RULE.fullmatch("".join(line.split()))), 0)
    if rule == 0 or "|" not in lines[rule - 1]:
        return None
    stop = next((at for at in range(rule, len(lines)) if "|" not in lines[at]), len(lines))
    rows = [Row(at + 1, _cells(lines[at])) for at in (rule - 1, *range(rule + 1, stop))]
    outside = tuple(line for line in (*lines[: rule - 1], *lines[stop:]) if line)
    return MarkdownTable([row for row in rows if any(row.cells)], outside)


def _cells(line: str) -> tuple[str, ...]:
    parts = _CELL_END.split(line.removeprefix("|"))
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    return tuple(part.replace("\\|", "|").strip() for part in parts)
