"""Strict JSON from a link or a file: only what can be shown, compared and sent again is read. Standard library only."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from dashboard.parsing.unreadable import Unreadable

MOST_DIGITS = 40
"""Of a whole number; longer ones no float can hold."""
_ESCAPES = re.compile(r"\\ud[89ab]..\\ud[c-f]..|(\\ud[89a-f]..)|\\.", re.IGNORECASE | re.DOTALL)
"""A character written as two halves, half a character (the group), any other escape."""


def read_json(text: str) -> Any:
    """What `text` says.

    Raises:
        Unreadable: as `parsed_json`, and a name that stands twice or a number that is none or has no end.
    """
    return parsed_json(text, parse_float=_number, parse_constant=_number, object_pairs_hook=_mapping)


def parsed_json(text: str, **hooks: Any) -> Any:
    """What `text` says, fractions and names as `json.loads` reads them with `hooks`.

    Raises:
        Unreadable: no JSON, nested too deeply, half a character, or a whole number of more than MOST_DIGITS.
    """
    try:
        _check_characters(text)
        return json.loads(text, **{"parse_int": _whole_number, **hooks})
    except json.JSONDecodeError as error:
        raise Unreadable("json.syntax", line=error.lineno, character=error.colno) from error
    except RecursionError as error:
        raise Unreadable("json.depth") from error


def _check_characters(text: str) -> None:
    """Refuse text with half a character (a lone surrogate), as it is or escaped."""
    half = next((match.start() for match in _ESCAPES.finditer(text) if match[1]), None)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = error.start
    if half is not None:
        line = text.count("\n", 0, half) + 1
        raise Unreadable("json.half_character", line=line, character=half - text.rfind("\n", 0, half))


def _whole_number(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise Unreadable("json.digits", digits=len(text))
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("json.not_finite", number=text[:MOST_DIGITS])
    return number


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Unreadable("json.repeated", name=repeated[:MOST_DIGITS])
    return mapping
