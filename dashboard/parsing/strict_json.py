"""JSON that somebody else wrote, in a link or a file: only what can be shown, compared and sent again is read."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MOST_DIGITS = 40
"""Of a whole number; longer ones no float can hold."""
_ESCAPES = re.compile(r"\\ud[89ab]..\\ud[c-f]..|(\\ud[89a-f]..)|\\.", re.IGNORECASE | re.DOTALL)
"""A character written as two halves, half a character (the group), any other escape."""


def read_json(text: str) -> Any:
    """What `text` says.

    Raises:
        ValueError: no JSON, nested too deeply, a name that stands twice, a number that is none or has no end, or half
            a character; what, as the exception's text.
    """
    try:
        return json.loads(
            whole_characters(text),
            parse_int=_whole_number,
            parse_float=_number,
            parse_constant=_number,
            object_pairs_hook=_mapping,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def whole_characters(text: str) -> str:
    """`text` itself. Raises json.JSONDecodeError where it holds half a character, as it is or escaped."""
    half = next((found.start() for found in _ESCAPES.finditer(text) if found[1]), None)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = error.start
    if half is not None:
        raise json.JSONDecodeError("half a character (a lone surrogate)", text, half)
    return text


def _whole_number(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MOST_DIGITS]} is no number to calculate with")
    return number


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"“{twice[:MOST_DIGITS]}” stands twice")
    return found
