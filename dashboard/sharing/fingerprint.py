"""Fingerprint: a chart's numbers in 80 characters, so that a link tells whether they are the same elsewhere."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.engine.api.request import Request
from dashboard.export import Export
from dashboard.parsing.unreadable import Unreadable
from dashboard.run_key import Origin, RunKey, digest_of

SAMPLED = 8
"""Values that a fingerprint holds, so that it can be told by how much numbers differ."""
VERSION = 1
_HEAD = struct.Struct(">BB6s12sI")
"""Version, number of values with `WHOLE` for ids, question, checksum, count."""
_WHOLE = 0x80
_MISSING = int(np.iinfo(np.int64).min)
_CHECK = 4
"""Bytes of the checksum at the end, by which an edited or cut fingerprint is known."""


@dataclass(frozen=True)
class Comparison:
    """How a chart's numbers differ from those that a fingerprint was made of."""

    identical: bool
    """All of them, to the last bit."""
    counts: tuple[int, int]
    """How many numbers there were, and are; the others are compared where these agree."""
    sampled: int = 0
    """How many values were compared one by one."""
    unequal: int = 0
    """How many of these differ."""
    absolute: float = 0.0
    """Largest difference of these."""
    relative: float = 0.0
    """Largest difference of these by the size of the value then; 0 values are left out."""
    ids: bool = False
    """The values are ids of tokens, or counts: they are equal or not."""


@dataclass(frozen=True)
class Fingerprint:
    """Of the numbers of one chart."""

    question: bytes
    """What was asked for, whichever version of the model answers: six bytes."""
    checksum: bytes
    """Of all numbers: float32, integers as they are."""
    count: int
    """How many values there are to sample from: finite floats, or integers where the chart has no float."""
    ids: bool
    """Integers were sampled."""
    values: tuple[float, ...]
    """At places that the question fixes."""

    @classmethod
    def of(cls, export: Export, frame: pd.DataFrame) -> Fingerprint:
        """Of a chart that shows `frame`; texts in it do not count."""
        question = question_of(export)
        columns = [_numbers(frame[name]) for name in frame if _is_number(frame[name])]
        floats = [column for column in columns if column.dtype == np.float32]
        sampled = np.concatenate(floats or columns or [np.empty(0, np.int64)])
        sampled = sampled[np.isfinite(sampled)]
        places = _places(question, len(sampled))
        return cls(question, _checksum(columns), len(sampled), not floats, tuple(map(float, sampled[places])))

    def written(self) -> str:
        """As a link has it."""
        head = _HEAD.pack(
            VERSION, len(self.values) | (_WHOLE if self.ids else 0), self.question, self.checksum, self.count
        )
        data = head + struct.pack(f">{len(self.values)}{'q' if self.ids else 'f'}", *self._plain())
        return base64.urlsafe_b64encode(data + _crc(data)).decode().rstrip("=")

    def _plain(self) -> tuple[float, ...] | tuple[int, ...]:
        return tuple(map(int, self.values)) if self.ids else self.values

    @classmethod
    def read(cls, text: str) -> Fingerprint:
        """The fingerprint that `written` wrote.

        Raises:
            Unreadable: it is of a later release, cut off or edited.
        """
        try:
            data = (
                base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
                if len(text) < 200
                else b""
            )
        except ValueError as error:
            raise Unreadable("share.unreadable.numbers") from error
        if data and data[0] != VERSION:
            raise Unreadable("share.unreadable.version", version=data[0])
        if len(data) < _HEAD.size + _CHECK or _crc(data[:-_CHECK]) != data[-_CHECK:]:
            raise Unreadable("share.unreadable.numbers")
        _, kind, question, checksum, count = _HEAD.unpack_from(data)
        ids, number = bool(kind & _WHOLE), kind & ~_WHOLE
        layout = f">{number}{'q' if ids else 'f'}"
        if number > SAMPLED or struct.calcsize(layout) != len(data) - _HEAD.size - _CHECK:
            raise Unreadable("share.unreadable.numbers")
        return cls(question, checksum, count, ids, tuple(map(float, struct.unpack_from(layout, data, _HEAD.size))))

    def compared(self, now: Fingerprint) -> Comparison:
        """How the numbers of `now` differ from these; both are of one question."""
        same = self.checksum == now.checksum and self.count == now.count
        if same or (self.count, self.ids, len(self.values)) != (now.count, now.ids, len(now.values)):
            return Comparison(same, (self.count, now.count), ids=self.ids)
        before, after = np.array(self.values), np.array(now.values)
        apart = np.abs(after - before)
        sizes = np.abs(before)
        relative = np.divide(apart, sizes, out=np.zeros_like(apart), where=sizes > 0)
        return Comparison(
            False,
            (self.count, now.count),
            len(before),
            int((apart > 0).sum()),
            float(apart.max(initial=0)),
            float(relative.max(initial=0)),
            self.ids,
        )


def question_of(export: Export) -> bytes:
    """What a chart asks for, whichever version of the model answers: its requests, tokens and options."""
    asked = [_asked(origin) for origin in export.origins]
    return bytes.fromhex(digest_of([export.chart, asked, export.options]))[:6]


def _asked(origin: Origin) -> list[object]:
    if isinstance(origin, Request):
        return [origin.text(), origin.token_ids]
    return [origin.template, origin.token_ids] if isinstance(origin, RunKey) else [origin.digest]


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype))


def _numbers(column: pd.Series) -> NDArray[Any]:
    """(row,) float32, or int64 (of what is missing the smallest); 0 and NaN in one form."""
    if pd.api.types.is_float_dtype(column.dtype):
        values = column.to_numpy(np.float32, na_value=np.nan) + np.float32(0)
        return np.where(np.isnan(values), np.float32(np.nan), values)
    return (column.astype("Int64").fillna(_MISSING) if column.hasnans else column).to_numpy(np.int64)


def _checksum(columns: list[NDArray[Any]]) -> bytes:
    total = hashlib.sha256()
    for column in columns:
        total.update(f"{column.dtype.str}{len(column)};".encode())
        total.update(column.tobytes())
    return total.digest()[:12]


def _places(question: bytes, count: int) -> list[int]:
    """SAMPLED places below `count`, always the same ones for a question; all where there are no more."""
    if count <= SAMPLED:
        return list(range(count))
    drawn = (hashlib.sha256(question + bytes([place])).digest()[:8] for place in range(SAMPLED))
    return [int.from_bytes(number) % count for number in drawn]


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_CHECK)
