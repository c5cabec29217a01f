"""Own lists of completions: pasted lines or an uploaded CSV or TSV file, with shares where they are given."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dashboard.errors import CompletionTooLong, ListColumnsUnknown, ListEmpty, ListTooLong, SharesContradict
from dashboard.parsing.pasted_lists import markdown_table, without_bullets
from dashboard.parsing.text_files import Row, checked_size, decoded, delimited
from dashboard.probes.articles import article_for, split_article
from dashboard.probes.lexicon import Completion, Lexicon
from dashboard.probes.shares import is_number, is_value, read_shares
from dashboard.tokens import shortened

MAX_BYTES = 5_000_000
"""Largest file of completions [bytes]; a larger one is refused before it is read."""
MAX_COMPLETIONS = 10_000
MAX_CHARACTERS = 200
"""Longest completion [characters]."""
TEXT_COLUMNS = {"completion", "word", "occupation", "job", "profession", "text", "term", "pronoun", "name"}
SHARE_COLUMNS = {
    *("share", "women", "female", "percent", "proportion", "value"),
    *("share_women", "women_share", "percent_women", "women_percent", "pct_women", "pct_female", "bls_pct_female"),
}
_NAMES_ALONE = {"completion", "occupation", "profession"}
"""Names of a single column; others could be completions themselves."""
TITLE_LINES = 10
"""The names of the columns may stand below so many other lines."""
_NAMED_AT_MOST = 5
"""A note names so many completions."""
_PLAIN = re.compile(r"[^\W\d][^,;\t\r\n|\"]*")
"""A completion that needs no quotation marks."""


@dataclass(frozen=True)
class Note:
    """Something that reading decided and a person should know; its words: ``probes.note.<kind>`` with the facts."""

    kind: str
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class OwnList:
    """A list of completions and what was decided in reading it."""

    lexicon: Lexicon
    notes: tuple[Note, ...]


def from_file(data: bytes, name: str, *, articles: bool = True) -> OwnList:
    """Read an uploaded CSV or TSV file.

    Args:
        data: its bytes; `checked_size` with MAX_BYTES refuses a large one before they are there.
        name: the list's name.
        articles: whether the completions are nouns that take ``a`` or ``an``.

    Raises:
        FileTooLarge, FileNotText, TableBroken, ListColumnsUnknown, ListTooLong, ListEmpty, CompletionTooLong,
            ShareInvalid, SharesContradict: as their names say.
    """
    checked_size(len(data), MAX_BYTES)
    text, encoding = decoded(data)
    return _read(text, name, articles, [] if encoding.startswith("utf-8") else [Note("encoding", {"name": encoding})])


def from_lines(text: str, name: str = "", *, articles: bool = True) -> OwnList:
    """Read pasted lines, ``nurse`` or ``nurse, 0.87``; errors as `from_file`."""
    checked_size(len(text.encode("utf-8", "surrogatepass")), MAX_BYTES)
    return _read(text, name, articles, [])


def to_lines(completions: Sequence[Completion]) -> str:
    """The list as lines that `from_lines` reads back, equal in every completion, article and share."""
    lines = [_line(completion) for completion in completions]
    alone = all(completion.share is None for completion in completions)
    # the first line would be read as the name of the column
    heading = ["completion"] if alone and _names([Row(1, (_words(completions[0]),))], 1) else []
    return "\n".join([*heading, *lines])


def _line(completion: Completion) -> str:
    words = _words(completion)
    cell = words if _PLAIN.fullmatch(words) else '"' + words.replace('"', '""') + '"'
    if completion.share is None:
        return cell
    short = f"{completion.share:g}"
    return f"{cell}, {short if float(short) == completion.share else repr(completion.share)}"


def _words(completion: Completion) -> str:
    """With its article where another one, or none, would be read."""
    read = _completion(completion.text, completion.share, articles=True)
    if (read.article, read.text) == (completion.article, completion.text):
        return completion.text
    return f"{completion.article} {completion.text}"


def _read(text: str, name: str, articles: bool, notes: list[Note]) -> OwnList:
    table, has_heading = _table(text, notes)
    if not table:
        raise ListEmpty()
    body, text_at, share_at = _columns(table, has_heading, notes)
    rows = [(row.line, _cell(row, text_at), _cell(row, share_at)) for row in body]
    filled = [cells for cells in rows if cells[1]]
    if len(filled) < len(rows):
        notes.append(Note("empty", {"count": len(rows) - len(filled)}))
    if not filled:
        raise ListEmpty()
    if len(filled) > MAX_COMPLETIONS:
        raise ListTooLong(count=len(filled), limit=MAX_COMPLETIONS)
    named = len(body) < len(table) and _cell(table[0], share_at)
    shares, kinds = read_shares([(line, share) for line, _, share in filled], named or "")
    notes += [Note(kind) for kind in kinds]
    read = [(line, _completion(words, share, articles)) for (line, words, _), share in zip(filled, shares, strict=True)]
    completions = _merged(read, notes)
    unknown = [completion.text for completion in completions if completion.share is None]
    if 0 < len(unknown) < len(completions):
        notes.append(Note("no_share", {"count": len(unknown), "words": _first(unknown)}))
    return OwnList(Lexicon(name, completions), tuple(notes))


def _first(words: Sequence[str]) -> str:
    return " · ".join(words[:_NAMED_AT_MOST]) + (" …" if len(words) > _NAMED_AT_MOST else "")


def _table(text: str, notes: list[Note]) -> tuple[list[Row], bool]:
    """The rows, and whether the first is sure to name the columns."""
    markdown = markdown_table(text)
    if markdown is not None:
        notes.append(Note("markdown"))
        if markdown.outside:
            notes.append(Note("outside", {"lines": _first([shortened(line, 80) for line in markdown.outside])}))
        return markdown.rows, True
    plain, bullets = without_bullets(text)
    if bullets:
        notes.append(Note("bullets", {"count": bullets}))
    table, delimiter = delimited(plain)
    if delimiter != ",":
        notes.append(Note("delimiter", {"delimiter": {";": ";", "\t": "⇥"}[delimiter]}))
    elif _width(table or [Row(1, ())]) > 2 and '"' not in plain and all(map(_ends_in_share, table)):
        notes.append(Note("commas"))
        lines = list(io.StringIO(plain, newline=""))
        table = [_cut_at_last_comma(row, lines[row.line - 1]) for row in table]
    return _below_title(table, notes), False


def _ends_in_share(row: Row) -> bool:
    """Whether a row is a completion alone, or one in which commas may stand and its share; no other cell is a value."""
    *words, last = row.cells
    return not words or (is_number(last) and not any(map(is_value, words)))


def _cut_at_last_comma(row: Row, line: str) -> Row:
    words, comma, share = line.rpartition(",")
    return Row(row.line, (words.strip(), share.strip())) if comma else row


def _below_title(table: list[Row], notes: list[Note]) -> list[Row]:
    """The table from the names of its columns on, where a title stands above them; rows with a share are no title."""
    for at in range(min(len(table), TITLE_LINES + 1)):
        below = table[at:]
        width = _width(below)
        if width > 1 and _names(below, width):
            if any(len(row.cells) == width and any(map(is_number, row.cells)) for row in table[:at]):
                break
            if at:
                above = [shortened(" · ".join(row.cells), 80) for row in table[:at]]
                notes.append(Note("outside", {"lines": _first(above)}))
            return below
    return table


def _width(table: Sequence[Row]) -> int:
    return max(len(row.cells) for row in table)


def _cell(row: Row, at: int | None) -> str:
    return row.cells[at] if at is not None and at < len(row.cells) else ""


def _completion(words: str, share: float | None, articles: bool) -> Completion:
    article, rest = split_article(words) if articles else ("", words)
    return Completion(rest, (article or article_for(rest)) if articles else "", share)


def _columns(table: list[Row], has_heading: bool, notes: list[Note]) -> tuple[list[Row], int, int | None]:
    """The rows below the column names, and the places of the completions and of the shares (None: no such column)."""
    width = _width(table)
    names = _lower(table[0]) if has_heading else _names(table, width)
    texts = [at for at, name in enumerate(names) if name in TEXT_COLUMNS]
    shares = [at for at, name in enumerate(names) if name in SHARE_COLUMNS]
    if width > 2 and (len(texts) != 1 or len(shares) > 1):
        raise ListColumnsUnknown(columns=shortened(" · ".join(table[0].cells), 200))
    if names:
        columns = shortened(" · ".join(table[0].cells), 200)
        notes.append(Note("header", {"line": table[0].line, "columns": columns}))
    body = table[1:] if names else table
    if width == 1:
        return body, 0, None
    if width == 2:
        text_at = texts[0] if len(texts) == 1 else int(shares == [0])
        return body, text_at, 1 - text_at
    ignored = [cell for at, cell in enumerate(table[0].cells) if at not in (*texts, *shares)]
    if ignored:
        notes.append(Note("ignored", {"columns": shortened(" · ".join(ignored), 200)}))
    return body, texts[0], shares[0] if shares else None


def _names(table: list[Row], width: int) -> tuple[str, ...]:
    """The column names in the first row; none where it is a completion already."""
    first = table[0].cells
    names = _lower(table[0])
    if width == 1:
        return names if names[0] in _NAMES_ALONE else ()
    # a column of row numbers often has no name, but not one of two
    whole = len(first) == width and (width > 2 or all(first))
    values = any(cell and is_value(cell) for cell in first)
    known = any(name in TEXT_COLUMNS | SHARE_COLUMNS for name in names)
    below = [_cell(row, 1) for row in table[1:]]
    over_shares = any(map(is_number, below)) and all(map(is_value, below))
    return names if whole and not values and (known or over_shares) else ()


def _lower(row: Row) -> tuple[str, ...]:
    return tuple(cell.lower().replace(" ", "_") for cell in row.cells)


def _merged(read: Sequence[tuple[int, Completion]], notes: list[Note]) -> tuple[Completion, ...]:
    """Each completion once, in order: equal ones are one, unless their shares contradict each other."""
    merged: dict[str, Completion] = {}
    again: dict[str, None] = {}
    for line, completion in read:
        if len(completion.text) > MAX_CHARACTERS:
            raise CompletionTooLong(line=line, characters=len(completion.text), limit=MAX_CHARACTERS)
        before = merged.get(completion.text)
        if before is not None:
            again[completion.text] = None
            if completion.share is not None and before.share not in (None, completion.share):
                raise SharesContradict(completion=completion.text, line=line)
        if before is None or before.share is None:
            merged[completion.text] = completion
    if again:
        notes.append(Note("repeated", {"count": len(again), "words": _first(list(again))}))
    return tuple(merged.values())
