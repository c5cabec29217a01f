"""Text files that people upload: size, encoding, delimiter and rows; guesses are reported."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass

from dashboard.errors import FileNotText, FileTooLarge, TableBroken

DELIMITERS = "\t;,"
"""In the order in which a tie is decided: a decimal comma makes many rows look comma-separated as well."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\ufffe\uffff]")
_ZERO_SHARE = 0.3
"""Text in UTF-16 has a zero in this share of its even or odd bytes at least."""


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    line: int
    """In the file, 1 = first; of a row over several lines the last."""
    cells: tuple[str, ...]


def checked_size(nbytes: int, limit: int) -> None:
    """Refuse a file by its size alone, before anything of it is read.

    Raises:
        FileTooLarge: more than `limit` bytes.
    """
    if nbytes > limit:
        raise FileTooLarge(size=round(nbytes / 1e6, 1), limit=round(limit / 1e6, 1))


def decoded(data: bytes) -> tuple[str, str]:
    """The text of a file and the encoding it was read in.

    By its byte order mark; else UTF-16 where every other byte is 0; else UTF-8; else Windows-1252, else Latin-1, which
    fit any bytes and so are a guess: to be said.

    Raises:
        FileNotText: it has bytes that no text has (a spreadsheet, a picture, an archive).
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _utf16_without_mark(data)
    for candidate in [encoding] if encoding else ["utf-8", "cp1252", "latin-1"]:
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError:
            continue
        if _NOT_TEXT.search(text):
            raise FileNotText()
        return text, candidate
    raise FileNotText()


def _utf16_without_mark(data: bytes) -> str | None:
    half = len(data) / 2
    if half and data[1::2].count(0) > _ZERO_SHARE * half:
        return "utf-16-le"
    if half and data[::2].count(0) > _ZERO_SHARE * half:
        return "utf-16-be"
    return None


def delimited(text: str) -> tuple[list[Row], str]:
    """The rows of a table and its delimiter, the one of DELIMITERS that splits most rows; ``,`` where none does.

    Rows without any text are left out.

    Raises:
        TableBroken: a quote that is never closed, or text behind a closing one; it gives the line.
    """
    counts = {mark: sum(mark in line for line in text.splitlines()) for mark in DELIMITERS}
    ordered = sorted(DELIMITERS, key=lambda mark: -counts[mark])
    best: tuple[int, str, list[Row]] | None = None
    broken: TableBroken | None = None
    for mark in ordered:
        if best is not None and counts[mark] == 0:
            continue
        try:
            table = rows(text, mark)
        except TableBroken as error:
            broken = broken or error
            continue
        split = sum(len(row.cells) > 1 for row in table)
        if best is None or split > best[0]:
            best = split, mark, table
    if best is None:
        raise broken or TableBroken(line=1)
    return best[2], best[1] if best[0] else ","


def delimiter_of(heading: str) -> str:
    """The delimiter of a table whose column names have none in them: the commonest of DELIMITERS; ``,`` where none is.

    A published file that a spreadsheet saved again has another one than before, and the same columns.
    """
    return max(DELIMITERS[::-1], key=heading.count)


def rows(text: str, delimiter: str) -> list[Row]:
    """The rows of a table that is known to have this delimiter; those without any text are left out.

    Raises:
        TableBroken: a quote that is never closed, or text behind a closing one; it gives the line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    table = []
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                table.append(Row(reader.line_num, stripped))
    except csv.Error as error:
        raise TableBroken(line=reader.line_num) from error
    return table
