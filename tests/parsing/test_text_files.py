"""Text files of people: whatever the bytes are, there is their text or an error in words."""

import codecs
import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import FileNotText, TableBroken
from dashboard.parsing.text_files import DELIMITERS, decoded, delimited, rows

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"))
MARKED = {"utf-8-sig": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
MARKED |= {"utf-32-le": codecs.BOM_UTF32_LE, "utf-32-be": codecs.BOM_UTF32_BE}


@pytest.mark.parametrize("encoding", MARKED)
@given(text=TEXTS)
def test_any_text_with_a_byte_order_mark_is_read_as_it_was_written(encoding, text):
    assert decoded(MARKED[encoding] + text.encode(encoding))[0] == text


@given(st.binary())
def test_any_bytes_are_a_text_or_no_text(data):
    with contextlib.suppress(FileNotText):
        text, encoding = decoded(data)
        assert data.decode(encoding) == text


@given(st.text('ab",;\t \n\r'))
def test_any_text_is_a_table_or_says_in_which_line_it_breaks(text):
    try:
        found, delimiter = delimited(text)
    except TableBroken as error:
        assert 0 <= error.facts["line"] <= text.count("\n") + text.count("\r") + 1
    else:
        assert delimiter in DELIMITERS
        assert all(any(row.cells) for row in found)


@given(st.lists(st.lists(TEXTS.map(str.strip), min_size=2, max_size=4), max_size=5), st.sampled_from(DELIMITERS))
def test_a_table_that_a_program_wrote_has_the_same_cells(table, delimiter):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(table)
    assert [list(row.cells) for row in rows(file.getvalue(), delimiter)] == [cells for cells in table if any(cells)]
