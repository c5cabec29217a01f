"""Own lists: encodings, delimiters, headers, decimal commas, percent, duplicates, and what is refused by name."""

import contextlib
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import errors, i18n
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.parsing.text_files import checked_size, decoded
from dashboard.probes.articles import article_for
from dashboard.probes.lexicon import Completion
from dashboard.probes.own_lists import MAX_BYTES, MAX_CHARACTERS, MAX_COMPLETIONS, from_file, from_lines, to_lines

LOCALE = Path(i18n.__file__).with_name("locale")
TABLE = "Beruf;Anteil\nKöchin;0,87\nStraßenbauer;0,05\n"


def read(text, **options):
    return from_lines(text, articles=False, **options)


def pairs(found):
    return [(one.text, one.share) for one in found.lexicon.completions]


def kinds(found):
    return [note.kind for note in found.notes]


def test_pasted_lines_have_a_completion_and_perhaps_a_share():
    found = read("nurse, 0.87\n\n  engineer \nplumber,\n")
    assert pairs(found) == [("nurse", 0.87), ("engineer", None), ("plumber", None)]
    assert kinds(found) == ["no_share"]
    assert found.notes[0].facts == {"count": 2, "words": "engineer · plumber"}
    assert read("nurse\nplumber").notes == read("nurse, 0.5").notes == ()


def test_nouns_get_their_article_or_keep_the_one_that_was_written():
    found = from_lines("nurse\nengineer\na herb seller\nan herb seller of old")
    assert [(one.article, one.text) for one in found.lexicon.completions] == [
        ("a", "nurse"),
        ("an", "engineer"),
        ("a", "herb seller"),
        ("an", "herb seller of old"),
    ]


def test_what_takes_no_article_gets_none():
    assert [one.article for one in read("she\na nurse").lexicon.completions] == ["", ""]
    assert pairs(read("a nurse")) == [("a nurse", None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_every_usual_encoding_gives_the_same_words(encoding):
    found = from_file(TABLE.encode(encoding), "own", articles=False)
    assert pairs(found) == [("Köchin", 0.87), ("Straßenbauer", 0.05)]
    assert ("encoding" in kinds(found)) == (not encoding.startswith("utf-8"))


def test_bytes_that_only_latin_1_has_are_read_and_said():
    assert decoded(b"caf\xe9 \x81") == ("café \x81", "latin-1")
    found = from_file("técnico, 0.5".encode("latin-1"), "own", articles=False)
    assert pairs(found) == [("técnico", 0.5)]
    assert found.notes[0].facts == {"name": "cp1252"}


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04\x14\x00\x06\x00 sheet",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"nurse\x00, 0.5\n",
        b"\xff\xfe\x00",
        "nurse\0".encode("utf-16"),
    ],
)
def test_bytes_of_no_text_are_refused(data):
    with pytest.raises(errors.FileNotText):
        from_file(data, "own")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_found_out(mark, end):
    text = end.join([f"completion{mark}share", f"nurse{mark}0.87", f"clerk{mark}", ""])
    found = from_file(text.encode(), "own", articles=False)
    assert pairs(found) == [("nurse", 0.87), ("clerk", None)]


def test_a_decimal_comma_is_a_number_where_another_sign_splits_columns():
    found = read("nurse;0,87\nclerk;,5\n")
    assert pairs(found) == [("nurse", 0.87), ("clerk", 0.5)]
    assert kinds(found) == ["delimiter", "decimal_comma"]
    assert pairs(read('nurse,"0,87"\n')) == [("nurse", 0.87)]


def test_commas_inside_quotes_belong_to_the_completion():
    assert pairs(read('"cook, chef",0.4\n"say ""x""",\n')) == [("cook, chef", 0.4), ('say "x"', None)]


def test_a_completion_with_another_delimiter_inside_stays_whole():
    assert pairs(read("nurse, 0.87\ncook; chef, 0.4\nclerk, 0.1")) == [
        ("nurse", 0.87),
        ("cook; chef", 0.4),
        ("clerk", 0.1),
    ]


def test_the_delimiter_is_the_one_that_splits_most_rows_not_the_commonest_sign():
    assert pairs(read('"cook; chef"\n"clerk; teller"\nnurse,0.5')) == [
        ("cook; chef", None),
        ("clerk; teller", None),
        ("nurse", 0.5),
    ]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("nurse,0.87\n", False),
        ("completion,share\nnurse,0.87\n", True),
        ("Share,Word\n0.87,nurse\n", True),
        ("Beruf,Anteil\nnurse,0.87\n", True),
        ("occupation\nnurse\n", True),
    ],
)
def test_names_of_columns_are_told_from_a_first_completion(text, header):
    found = read(text)
    assert [words for words, _ in pairs(found)] == ["nurse"]
    assert ("header" in kinds(found)) == header


@pytest.mark.parametrize(
    "text", ["female\nmale", "female, 0.5\nmale, 0.5", "female\nmale, 0.5", "job,\nname, 0.5", "value"]
)
def test_a_completion_that_could_name_a_column_is_not_lost(text):
    assert [words for words, _ in pairs(read(text))] == [line.partition(",")[0] for line in text.splitlines()]


def test_named_columns_are_taken_from_among_others_and_the_others_are_named():
    found = read("id,occupation,bergsma_pct_female,bls_pct_female\n1,nurse,88.31,89.58\n2,plumber,3.34,0.7\n")
    assert pairs(found) == [("nurse", pytest.approx(0.8958)), ("plumber", pytest.approx(0.007))]
    assert [note.facts for note in found.notes if note.kind == "ignored"] == [{"columns": "id · bergsma_pct_female"}]


def test_winogenders_own_table_can_be_uploaded(reference):
    found = from_file(reference("winogender_occupations.tsv"), "winogender")
    assert len(found.lexicon.completions) == 60
    assert found.lexicon.shares()["technician"] == pytest.approx(0.4034)
    assert kinds(found) == ["delimiter", "header", "ignored", "percent"]


@pytest.mark.parametrize("text", ["a,b,c\n1,2,3\n", "nurse,0,87\nclerk,0,5\n", "word,percent,women\nnurse,1,2\n"])
def test_columns_that_could_be_anything_are_not_guessed(text):
    with pytest.raises(errors.ListColumnsUnknown):
        read(text)


def test_percentages_are_taken_where_they_are_clear_and_said():
    for text in ("nurse, 87.9\nplumber, 1.1\npilot, 0.5", "nurse, 87.9%\nplumber, 1.1 %\npilot, 0.5%"):
        found = read(text)
        assert [share for _, share in pairs(found)] == pytest.approx([0.879, 0.011, 0.005])
        assert kinds(found) == ["percent"]
    assert pairs(read("nurse, 88%\npilot, 0.5")) == [("nurse", 0.88), ("pilot", 0.5)]
    assert kinds(read("nurse, 0.9\npilot, 1")) == []
    assert pairs(read("word, Percent women\nnurse, 88\npilot, 0.5")) == [("nurse", 0.88), ("pilot", 0.005)]
    assert pairs(read("word, percent\nnurse, 0.88\npilot, 0.5")) == [("nurse", 0.88), ("pilot", 0.5)]


@pytest.mark.parametrize(
    ("text", "line", "value"),
    [
        ("nurse, 0.9\npilot, 1.2", 2, "1.2"),
        ("nurse, -0.1", 1, "-0.1"),
        ("nurse, 101\npilot, 20", 1, "101"),
        ("nurse, 104%", 1, "104%"),
        ("nurse, 87%\npilot, 20", 2, "20"),
        ("nurse, 0.9\n\npilot, 87", 3, "87"),
        ("nurse, 1.5", 1, "1.5"),
        ("nurse, inf", 1, "inf"),
        ("nurse, 0x1", 1, "0x1"),
        ("nurse; 1.234,5", 1, "1.234,5"),
        ("nurse, engineer", 1, "engineer"),
    ],
)
def test_a_share_that_is_none_is_named_with_its_line(text, line, value):
    with pytest.raises(errors.ShareInvalid) as raised:
        read(text)
    assert raised.value.facts == {"line": line, "value": value}


@pytest.mark.parametrize("missing", ["", "-", "–", "n/a", "NA", "NaN"])
def test_a_share_may_be_missing(missing):
    assert pairs(read(f"nurse, {missing}\nclerk, 0.5")) == [("nurse", None), ("clerk", 0.5)]


def test_equal_completions_are_one_and_that_is_said():
    found = read("nurse\nclerk\nnurse, 0.5\nNurse\nnurse, 0.5\n nurse ")
    assert pairs(found) == [("nurse", 0.5), ("clerk", None), ("Nurse", None)]
    assert found.notes[0].facts == {"count": 1, "words": "nurse"}
    assert kinds(found) == ["repeated", "no_share"]


def test_with_and_without_its_article_a_completion_is_the_same():
    assert len(from_lines("nurse\na nurse").lexicon.completions) == 1


def test_equal_completions_with_different_shares_are_refused():
    with pytest.raises(errors.SharesContradict) as raised:
        read("nurse, 0.5\nclerk\nnurse, 0.6")
    assert raised.value.facts == {"completion": "nurse", "line": 3}


def test_an_error_repeats_no_more_than_a_little_of_a_file():
    with pytest.raises(errors.ShareInvalid) as raised:
        read("nurse, " + "x" * 1000)
    assert raised.value.facts["value"] == "x" * 39 + "…"


def test_lines_without_a_completion_are_left_out_and_counted():
    found = read("nurse, 0.5\n, 0.6\n,\n")
    assert pairs(found) == [("nurse", 0.5)]
    assert [note.facts for note in found.notes] == [{"count": 1}]


@pytest.mark.parametrize("text", ["", " \n\t\n", "completion,share\n", ",0.5\n"])
def test_a_list_without_completions_is_refused(text):
    with pytest.raises(errors.ListEmpty):
        read(text)


def test_formulas_and_markup_are_data():
    words = ['=HYPERLINK("x")', "+1", "-nurse", "@sum", "<img src=x>", "{race}", "$x$"]
    assert [one for one, _ in pairs(read("\n".join(words)))] == words


def test_a_file_of_200_megabytes_is_refused_by_its_size_alone():
    with pytest.raises(errors.FileTooLarge) as raised:
        checked_size(200_000_000, MAX_BYTES)
    assert raised.value.facts == {"size": 200, "limit": 5}
    with pytest.raises(errors.FileTooLarge):
        from_file(b"x" * (MAX_BYTES + 1), "own")
    checked_size(MAX_BYTES, MAX_BYTES)


def test_more_completions_than_are_scored_are_refused_with_their_number():
    many = "\n".join(f"word{n}" for n in range(MAX_COMPLETIONS))
    assert len(read(many).lexicon.completions) == MAX_COMPLETIONS
    with pytest.raises(errors.ListTooLong) as raised:
        read(many + "\none more")
    assert raised.value.facts["count"] == MAX_COMPLETIONS + 1


def test_a_completion_is_no_whole_text():
    with pytest.raises(errors.CompletionTooLong) as raised:
        read("nurse\n" + "x" * (MAX_CHARACTERS + 1))
    assert raised.value.facts == {"line": 2, "characters": MAX_CHARACTERS + 1, "limit": MAX_CHARACTERS}


@pytest.mark.parametrize(("text", "line"), [('nurse\n"clerk, 0.5\nmore', 3), ('"a"b, 0.5\n', 1), ("x" * 200_000, 1)])
def test_quotes_that_do_not_match_are_named_with_their_line(text, line):
    with pytest.raises(errors.TableBroken) as raised:
        read(text)
    assert raised.value.facts["line"] == line


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_note_has_its_words(language):
    text = Catalogue(language)
    found = from_file("Wort;Anteil\nnurse;87,9\nnurse;\n;5\n".encode("utf-16"), "own")
    more = read("id,word,share\n1,a,0.5\n")
    pasted = read("Title\n| Job | Share |\n|---|---|\n| nurse | 0.5 |\n| clerk | * |")
    notes = (*found.notes, *more.notes, *pasted.notes, *read("• nurse").notes, *read("a, b, 0.5").notes)
    known = tomllib.loads((LOCALE / language / "probes.toml").read_text(encoding="utf-8"))["probes"]["note"]
    assert {note.kind for note in notes} == set(known)
    for note in notes:
        words = text(f"probes.note.{note.kind}", **note.facts)
        assert all(str(fact) in words for fact in note.facts.values())


# -- pasted from notes and documents --------------------------------------------------------------------------------
@pytest.mark.parametrize("mark", ["• ", "•\t", "- ", "* ", "  – ", "◦ ", "+ ", "·\u00a0"])
def test_bullets_are_removed_and_said(mark):
    found = read(f"{mark}nurse, 0.87\n{mark}clerk\nplumber, 0.1\n")
    assert pairs(found) == [("nurse", 0.87), ("clerk", None), ("plumber", 0.1)]
    assert ("bullets", {"count": 2}) in [(note.kind, note.facts) for note in found.notes]


def test_numbers_that_count_the_lines_are_removed_and_others_stay():
    assert pairs(read("1. nurse\n2. clerk, 0.5\n\n3. plumber")) == [("nurse", None), ("clerk", 0.5), ("plumber", None)]
    assert pairs(read("9) nurse\n10) clerk")) == [("nurse", None), ("clerk", None)]
    for text in ("1. nurse\nclerk", "3. nurse\n1. clerk", "1. nurse", "1.5 nurse\n2.5 clerk"):
        assert [words for words, _ in pairs(read(text))] == text.split("\n")


def test_a_sign_that_belongs_to_a_word_is_no_bullet_and_quotation_marks_keep_one():
    words = ["-nurse", "*nurse", "–", "'- nurse", "·nurse"]
    assert [one for one, _ in pairs(read("\n".join(words)))] == words
    assert pairs(read('"- nurse"\n"• clerk", 0.5\n"two\n- lines"')) == [
        ("- nurse", None),
        ("• clerk", 0.5),
        ("two\n- lines", None),
    ]
    assert pairs(read('• "Cooks, all other", 0.4')) == [("Cooks, all other", 0.4)]


@pytest.mark.parametrize("share", ["*", "–", "-", "n/a"])
def test_a_sign_for_a_missing_share_is_read_as_one_and_its_completion_named(share):
    found = read(f"Occupation,Percent women\nnurse,87.4\nclerk,{share}\n")
    assert pairs(found) == [("nurse", 0.874), ("clerk", None)]
    assert [note.facts for note in found.notes if note.kind == "no_share"] == [{"count": 1, "words": "clerk"}]


@pytest.mark.parametrize(
    "table",
    [
        "| Occupation | Percent women |\n| :--- | ---: |\n| Cooks, all other | 42.5 |\n| clerk | 71 |",
        "Occupation | Percent women\n--- | ---\nCooks, all other | 42.5\nclerk | 71",
    ],
)
def test_a_markdown_table_is_read_and_what_stands_around_it_named(table):
    found = read(f"Table 11\n\n{table}\n\nSource: BLS\n")
    assert pairs(found) == [("Cooks, all other", 0.425), ("clerk", 0.71)]
    assert [note.facts for note in found.notes if note.kind == "outside"] == [{"lines": "Table 11 · Source: BLS"}]
    assert kinds(found) == ["markdown", "outside", "header", "percent"]


def test_a_markdown_table_of_one_column_has_its_heading_too():
    assert pairs(read("| Job |\n|---|\n| nurse |\n| a \\| b |")) == [("nurse", None), ("a | b", None)]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_lines_above_the_names_of_the_columns_are_left_out_and_named(mark):
    title = "Table 11. Employed persons by occupation"
    rows = [["Numbers in thousands"], ["Occupation", "Women"], ["nurse", "87.4"], ["clerk", "71"]]
    found = read("\n".join([title, *(mark.join(row) for row in rows)]))
    assert pairs(found) == [("nurse", 0.874), ("clerk", 0.71)]
    assert [note.facts for note in found.notes if note.kind == "outside"] == [
        {"lines": f"{title} · Numbers in thousands"}
    ]


def test_a_title_with_commas_above_a_wide_table_is_left_out_too():
    found = read("Table 11, by occupation, 2023, all\nid,occupation,share\n1,nurse,0.87\n")
    assert pairs(found) == [("nurse", 0.87)]
    assert "outside" in kinds(found)


def test_names_with_commas_and_no_quotation_marks_are_read_where_every_line_ends_in_its_share():
    found = read("Cooks, all other, 0.425\nSales workers,counter, 55%\nNurses, 0.874\nclerk")
    assert pairs(found) == [
        ("Cooks, all other", 0.425),
        ("Sales workers,counter", 0.55),
        ("Nurses", 0.874),
        ("clerk", None),
    ]
    assert "commas" in kinds(found)
    header = read("Cooks, all other\nNurses, 0.874").notes[0]
    assert header.facts == {"line": 1, "columns": "Cooks · all other"}, "it may be a name: what was left out is said"
    for text in ("Nurses, 0.874\nCooks, all other", "Cooks, 3, 0.425", "a, b, 0.5\nc, 0, 5", 'a, b, 0.5\n"c", d, 0.5'):
        with pytest.raises((errors.ListColumnsUnknown, errors.ShareInvalid)) as raised:
            read(text)
        assert '"Cooks, all other"' in Catalogue("en")(raised.value.message_id, **raised.value.facts)


def test_completions_are_never_taken_for_a_title():
    with pytest.raises(errors.ShareInvalid) as raised:
        read("nurse, 0.87\nclerk, 0.3\njob, share\nplumber, 0.1")
    assert raised.value.facts["line"] == 3


# -- written and read back ------------------------------------------------------------------------------------------
NASTY = [
    *("Cooks, all other", 'say "x"', '"', '""', "a;b", "a\tb", "=1+1", "- nurse", "• nurse", "* nurse", "1. nurse"),
    *("2. clerk", "a|b", "|---|", "| a |", "two\nlines", "two\n- lines", "x\n|---|\ny", "occupation", "Completion"),
    *("share", "0.5", "87%", "na", "-", "*", "a nurse", "an", "a", "Köchin", "שלום", "👩\u200d👧", "<b>", "$x$", "#"),
    *("a, b; c\td", 'x, "y"', '", "', "nurse", "engineer", "e\u2028f", "- ", ",", ";", "{race}", '5" pipe'),
]


WORDS = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
SHARES = st.none() | st.sampled_from([0.0, 0.425, 1.0, 1e-7]) | st.floats(0, 1)


@given(st.lists(WORDS.map(str.strip).filter(bool), min_size=1, max_size=8, unique=True), st.data())
def test_any_list_survives_being_written_and_read_back(words, data):
    """With and without shares and articles."""
    shares = data.draw(st.sampled_from([SHARES, st.none()]))
    articles = [st.sampled_from([article_for(word), "a", "an"]) for word in words]
    completions = tuple(
        Completion(word, data.draw(article), data.draw(shares)) for word, article in zip(words, articles, strict=True)
    )
    lines = to_lines(completions)
    assert from_lines(lines).lexicon.completions == completions


def test_a_file_survives_being_shown_as_lines():
    table = b'Occupation,Women\n"Cooks, all other",42.5\n"Sales workers, counter",55.1\nNurses,87.4\n'
    found = from_file(table, "x.csv").lexicon.completions
    lines = to_lines(found)
    assert lines == '"Cooks, all other", 0.425\n"Sales workers, counter", 0.551\nNurses, 0.874'
    assert from_lines(lines).lexicon.completions == found


@pytest.mark.parametrize(
    "line", ["| --" + " " * 200_000 + "x", ',"' * 100_000, '"' * 200_001, "- " * 100_000, "|-" * 100_000]
)
def test_no_line_takes_long(line):
    """Time that grows with the square of a line's length would be minutes here."""
    began = time.monotonic()
    with contextlib.suppress(errors.DashboardError):
        read(f"a\n{line}\nb")
    assert time.monotonic() - began < 5
