"""Readers of Winogender and WinoBias, benchmarks of one pronoun, as their authors publish them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.benchmarks.items import BenchmarkItems, PronounPair, Skipped
from dashboard.errors import (
    BenchmarkColumnsMissing,
    BenchmarkEmpty,
    BenchmarkLineInvalid,
    BenchmarkSideUnknown,
    BenchmarkUnpaired,
)
from dashboard.parsing.text_files import Row, decoded, delimiter_of, rows
from dashboard.tokens import shortened

TEMPLATE_COLUMNS = ("occupation(0)", "other-participant(1)", "answer", "sentence")
SENTENCE_COLUMNS = ("sentid", "sentence")
WINOBIAS_EXAMPLE = "[The nurse] … because [she] …"
FORMS = {("she", "he"), ("her", "him"), ("her", "his"), ("hers", "his"), ("herself", "himself")}
"""Pronouns that stand in the same place."""
_WOMENS = {women for women, _ in FORMS}
_MENS = {men for _, men in FORMS}
_PLACEHOLDERS = {"NOM": ("she", "he"), "POSS": ("her", "his"), "ACC": ("her", "him")}
_PLACEHOLDER = re.compile(r"\$(NOM|POSS|ACC)_PRONOUN")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_TYPE_2 = re.compile(r"type[ _-]?2", re.IGNORECASE)
_NUMBER_IN_FRONT = re.compile(r"^\d+\s+")


@dataclass(frozen=True)
class _Mention:
    """A sentence cut at its pronoun."""

    line: int
    before: str
    """With the space before the pronoun."""
    pronouns: tuple[str, str]
    """The woman's and the man's; of WinoBias, which has one of them, the other is empty."""
    after: str
    referent: str


def _pair(first: _Mention, second: _Mention, name: str, pronouns: tuple[str, str]) -> PronounPair:
    return PronounPair(
        id=name,
        category="/".join(pronouns),
        contexts=(first.before + pronouns[0], first.before + pronouns[1]),
        referents=(first.referent, second.referent),
        continuations=(first.after, second.after),
    )


# -- Winogender ----------------------------------------------------------------------------------------------------
def read_winogender(data: bytes) -> BenchmarkItems:
    """Read ``templates.tsv`` or ``all_sentences.tsv``: pairs whose two sentences are the same up to the pronoun.

    The first continuation is about the occupation, the second about the other person; `women_first` orders them. A
    file that was saved again with another delimiter is read as well.

    Raises:
        BenchmarkColumnsMissing, BenchmarkLineInvalid, BenchmarkEmpty: as their names say.
        FileNotText, TableBroken: from `text_files`.
    """
    name = "Winogender"
    text = decoded(data)[0]
    mark = delimiter_of(text.lstrip().partition("\n")[0])
    table = _published_rows(text) if mark == "\t" else rows(text, mark)
    columns = table[0].cells if table else ()
    if columns[:4] == TEMPLATE_COLUMNS:
        mentions = [_from_template(row, name) for row in table[1:]]
    elif columns[:2] == SENTENCE_COLUMNS:
        mentions = _from_sentences(table[1:], name)
    else:
        wanted = " / ".join(", ".join(names) for names in (TEMPLATE_COLUMNS, SENTENCE_COLUMNS))
        raise BenchmarkColumnsMissing(benchmark=name, missing=wanted, found=shortened(", ".join(columns), 200) or "–")
    return _winogender_pairs(mentions, name)


def _published_rows(text: str) -> list[Row]:
    """The published files quote nothing: a quotation mark is text."""
    lines = enumerate(text.splitlines(), start=1)
    return [Row(n, tuple(cell.strip() for cell in line.split("\t"))) for n, line in lines if line.strip()]


def _winogender_pairs(mentions: Sequence[tuple[str, str, _Mention]], name: str) -> BenchmarkItems:
    by_schema: dict[str, dict[str, _Mention]] = {}
    for schema, answer, mention in mentions:
        by_schema.setdefault(schema, {})[answer] = mention
    items, skipped = [], []
    for schema, answers in by_schema.items():
        first, second = answers.get("0"), answers.get("1")
        if first is None or second is None:
            skipped += [Skipped(mention.line, "no_partner") for mention in answers.values()]
        elif first.before != second.before or first.pronouns != second.pronouns:
            skipped += [Skipped(mention.line, "other_context") for mention in (first, second)]
        else:
            items.append(_pair(first, second, schema, first.pronouns))
    if not items:
        raise BenchmarkEmpty(benchmark=name, example=" ⇥ ".join(TEMPLATE_COLUMNS))
    return BenchmarkItems(tuple(items), tuple(sorted(skipped, key=lambda skip: skip.line)))


def _from_template(row: Row, name: str) -> tuple[str, str, _Mention]:
    cells = dict(zip(TEMPLATE_COLUMNS, row.cells, strict=False))
    for column in TEMPLATE_COLUMNS:
        if not cells.get(column):
            raise BenchmarkLineInvalid(benchmark=name, line=row.line, column=column)
    people = (cells["occupation(0)"], cells["other-participant(1)"])
    pronouns = list(_PLACEHOLDER.finditer(cells["sentence"]))
    if cells["answer"] not in {"0", "1"} or len(pronouns) != 1:
        wrong = "answer" if cells["answer"] not in {"0", "1"} else "sentence"
        raise BenchmarkLineInvalid(benchmark=name, line=row.line, column=wrong)
    pronoun = pronouns[0]
    before, after = (
        part.replace("$OCCUPATION", people[0]).replace("$PARTICIPANT", people[1])
        for part in (cells["sentence"][: pronoun.start()], cells["sentence"][pronoun.end() :])
    )
    mention = _Mention(row.line, before, _PLACEHOLDERS[pronoun[1]], after, people[int(cells["answer"])])
    return ".".join(people), cells["answer"], mention


def _from_sentences(table: Sequence[Row], name: str) -> list[tuple[str, str, _Mention]]:
    """Mentions of the sentences' male and female versions; the pronoun is the one word in which they differ."""
    versions: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in table:
        parts = row.cells[0].removesuffix(".txt").split(".")
        if len(row.cells) < 2 or len(parts) != 4 or parts[2] not in {"0", "1"}:
            raise BenchmarkLineInvalid(benchmark=name, line=row.line, column="sentid")
        versions.setdefault((parts[0], parts[1], parts[2]), {})[parts[3]] = row
    return [
        (f"{occupation}.{other}", answer, _difference(genders, (occupation, other)[int(answer)], name))
        for (occupation, other, answer), genders in versions.items()
    ]


def _difference(genders: Mapping[str, Row], referent: str, name: str) -> _Mention:
    line = next(iter(genders.values())).line
    if not {"female", "male"} <= genders.keys():
        raise BenchmarkLineInvalid(benchmark=name, line=line, column="sentid")
    women, men = (re.split(r"(\W+)", genders[gender].cells[1]) for gender in ("female", "male"))
    places = [at for at, (a, b) in enumerate(zip(women, men, strict=False)) if a != b]
    if len(women) != len(men) or len(places) != 1 or (women[places[0]], men[places[0]]) not in FORMS:
        raise BenchmarkLineInvalid(benchmark=name, line=line, column="sentence")
    at = places[0]
    return _Mention(line, "".join(women[:at]), (women[at], men[at]), "".join(women[at + 1 :]), referent)


def women_first(
    items: Sequence[PronounPair], shares: Mapping[str, float]
) -> tuple[tuple[PronounPair, ...], tuple[str, ...]]:
    """Winogender's pairs with the continuation first that is about the one who is likelier a woman (Vig et al. 2020).

    That is the occupation where more than half of those who have it are women, else the other person.

    Args:
        items: as `read_winogender` gives them.
        shares: of women by occupation, [0, 1].

    Returns:
        Pairs whose occupation has a share, and the occupations that have none.
    """
    known = [item for item in items if item.referents[0] in shares]
    ordered = tuple(item if shares[item.referents[0]] > 0.5 else item.swapped() for item in known)
    return ordered, tuple(dict.fromkeys(item.referents[0] for item in items if item.referents[0] not in shares))


# -- WinoBias ------------------------------------------------------------------------------------------------------
def read_winobias(data: bytes, file_name: str) -> BenchmarkItems:
    """Read ``pro_stereotyped_type1.txt.dev`` and its like: neighbouring lines that are the same up to the pronoun.

    The first continuation is about the one whom the stereotype says is a woman.

    Args:
        data: the file's bytes.
        file_name: as published: it says which side of the stereotype the file is on.

    Raises:
        BenchmarkSideUnknown, BenchmarkEmpty: as their names say.
        BenchmarkUnpaired: no lines are neighbours of that kind, as in the files of type 2.
        FileNotText: from `text_files`.
    """
    name = "WinoBias"
    side = next((word for word in ("anti", "pro") if f"{word}_stereotyped" in file_name.lower()), None)
    if side is None:
        raise BenchmarkSideUnknown(benchmark=name, name=shortened(file_name, 80))
    lines = [(n, line.strip()) for n, line in enumerate(decoded(data)[0].splitlines(), start=1) if line.strip()]
    read = [_from_brackets(line, text) for line, text in lines]
    mentions = [mention for mention in read if isinstance(mention, _Mention)]
    pairs, alone = _neighbours(mentions)
    if mentions and (not pairs or _TYPE_2.search(file_name)):
        raise BenchmarkUnpaired(file=shortened(file_name, 80))
    if not pairs:
        raise BenchmarkEmpty(benchmark=name, example=WINOBIAS_EXAMPLE)
    skipped = [skip for skip in read if isinstance(skip, Skipped)]
    skipped += [Skipped(mention.line, "no_partner") for mention in alone]
    items = pairs if side == "pro" else [pair.swapped() for pair in pairs]
    return BenchmarkItems(tuple(items), tuple(sorted(skipped, key=lambda skip: skip.line)))


def _from_brackets(line: int, text: str) -> _Mention | Skipped:
    """The sentence cut at its bracketed pronoun."""
    text = _NUMBER_IN_FRONT.sub("", text)
    brackets = list(_BRACKETS.finditer(text))
    pronouns = [bracket for bracket in brackets if bracket[1].strip().lower() in _WOMENS | _MENS]
    people = [bracket for bracket in brackets if bracket not in pronouns]
    if len(pronouns) != 1:
        return Skipped(line, "several_pronouns" if pronouns else "no_pronoun")
    if len(people) != 1:
        return Skipped(line, "no_referent")
    pronoun, word = pronouns[0], pronouns[0][1].strip().lower()
    before, after = (_BRACKETS.sub(r"\1", part) for part in (text[: pronoun.start()], text[pronoun.end() :]))
    referent = re.sub(r"^the\s+", "", people[0][1].strip(), flags=re.IGNORECASE)
    return _Mention(line, before, (word, "") if word in _WOMENS else ("", word), after, referent)


def _neighbours(mentions: Sequence[_Mention]) -> tuple[list[PronounPair], list[_Mention]]:
    """Pairs of the woman's and the man's version of a context, the woman's first; and mentions without a partner."""
    pairs, alone, at = [], [], 0
    while at < len(mentions):
        first, second = mentions[at], mentions[at + 1] if at + 1 < len(mentions) else None
        women, men = (first, second) if first.pronouns[0] else (second, first)
        if women and men and women.before == men.before and (women.pronouns[0], men.pronouns[1]) in FORMS:
            pairs.append(_pair(women, men, f"{first.line}", (women.pronouns[0], men.pronouns[1])))
            at += 2
        else:
            alone.append(first)
            at += 1
    return pairs, alone
