"""Exports carry their origin, hide the prompt from names, and hold nothing that a reader would run."""

import codecs
import csv
import io
import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow.parquet as pq
import pytest

from components.charts.attention.heatmap import head_figure
from components.charts.theme import ChartTheme
from dashboard.export import caption, csv_bytes, figure_json, file_stem, html_bytes, json_bytes, parquet_bytes
from dashboard.frames.attention import head_frame, mosaic_frame
from dashboard.i18n import Catalogue
from tests.made import samples

KEY = samples.run_key()


@pytest.fixture
def figure():
    look = {"text": Catalogue("en"), "theme": ChartTheme("dark")}
    return head_figure(samples.weight_map(15), samples.tokens(15), **look)


def test_a_file_is_named_after_its_chart_and_run():
    assert file_stem(KEY, "head", "L9H0") == f"logitscope-head-L9H0-{KEY.digest}"
    assert file_stem(KEY, "mosaic") == f"logitscope-mosaic-{KEY.digest}"


def test_a_files_name_is_safe_whatever_is_in_it():
    stem = file_stem(KEY, "../../etc", 'a b/\\:*?"<>|' + "x" * 200)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", stem)
    assert len(stem) < 120


def read(data, **options):
    """A CSV as docs/numbers.md says to read it."""
    return pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""], **options)


def cells(data):
    """Rows of a CSV as text, whatever a reader makes of them."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_csv_says_where_its_numbers_come_from_and_reads_back():
    frame = head_frame(samples.weight_map(15), samples.tokens(15))
    found = read(csv_bytes(frame, KEY))
    assert list(found.columns) == [*frame.columns, "model", "revision", "run"]
    assert set(found["run"]) == {KEY.digest}
    np.testing.assert_array_equal(found["weight"].astype(np.float32), frame["weight"])
    assert "שלום" in set(found["query_token"])


def test_a_spreadsheet_knows_a_csv_by_its_mark_as_utf_8():
    data = csv_bytes(pd.DataFrame({"token": ["·nurse"]}), KEY)
    assert data.startswith(codecs.BOM_UTF8)
    assert not data.removeprefix(codecs.BOM_UTF8).startswith(codecs.BOM_UTF8)
    assert next(iter(read(data).columns)) == "token"


READERS = ["NA", "null", "NaN", "None", "n/a", "nan", "-", "#N/A", "1", "1e5", "TRUE", "", " ", "007", "a,b", 'q"x"']


def test_a_text_that_readers_take_for_a_missing_value_or_a_number_stays_a_text():
    frame = pd.DataFrame({"token": READERS, "prob": np.linspace(0, 1, len(READERS)), "n": range(len(READERS))})
    data = csv_bytes(frame, KEY)
    assert [row[0] for row in cells(data)[1:]] == READERS
    assert all(line.startswith(b'"') for line in data.removeprefix(codecs.BOM_UTF8).splitlines())
    found = read(data, dtype={"token": str})
    assert found["token"].fillna("").tolist() == READERS
    np.testing.assert_array_equal(found["prob"], frame["prob"])


@pytest.mark.parametrize("text", ["=1+1", "+a", "-2+3", "@SUM(A1)", "\tx", "\r=1", "'=1+1", "''-2"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text):
    rows = cells(csv_bytes(pd.DataFrame({"token": [text, "b", "'b"]}), KEY))
    assert [row[0] for row in rows[1:]] == ["'" + text, "b", "'b"]


def test_a_text_column_of_categories_is_quoted_too_and_stays_apart_from_its_twin():
    frame = pd.DataFrame({"token": pd.Categorical(["=1", "'=1", "=1"])})
    assert [row[0] for row in cells(csv_bytes(frame, KEY))[1:]] == ["'=1", "''=1", "'=1"]


def test_single_signs_numbers_and_missing_values_stay_as_they_are():
    frame = pd.DataFrame({"token": ["-", "=", None], "logit": [-1.5, -2.0, np.nan]})
    rows = cells(csv_bytes(frame, KEY))
    assert [row[:2] for row in rows[1:]] == [["-", "-1.5"], ["=", "-2.0"], ["", ""]]
    assert read(csv_bytes(frame, KEY))["logit"].dtype == np.float64


def test_a_models_own_name_cannot_be_a_formula():
    assert "'=cmd" in csv_bytes(pd.DataFrame({"a": [1]}), samples.run_key(model="=cmd")).decode()


def test_an_empty_table_still_has_its_heading():
    empty = head_frame(samples.weight_map(4, rows=(0, 1), cols=(2, 3)), samples.tokens(4))
    heading = ["query", "query_token", "key", "key_token", "weight", "model", "revision", "run"]
    assert cells(csv_bytes(empty, KEY)) == [heading]


def test_the_mosaics_csv_keeps_every_row():
    frame = mosaic_frame(samples.tiles(layers=4, heads=3, side=16), samples.tokens(16))
    assert len(csv_bytes(frame, KEY).decode().splitlines()) == 1 + 12 * 136


# -- Parquet and JSON ---------------------------------------------------------------------------------------------
HALF = "\ud83d"
"""Half a character, as a token can be."""


def mixed():
    token = pd.Series(["NA", None, HALF], dtype=object)
    frame = pd.DataFrame({"token": token, "prob": np.array([0.5, np.nan, 1], np.float32), "rank": [1, 2, 3]})
    return frame.assign(kind=pd.Categorical(["=1+1", "b", "b"]), known=[True, False, True])


def test_a_parquet_file_has_the_columns_types_and_says_where_they_come_from():
    data = parquet_bytes(mixed(), KEY)
    found = pd.read_parquet(io.BytesIO(data))
    assert list(found.columns) == ["token", "prob", "rank", "kind", "known"]
    assert (found["prob"].dtype, found["rank"].dtype, found["known"].dtype) == (np.float32, np.int64, bool)
    np.testing.assert_array_equal(found["prob"], mixed()["prob"])
    assert found["token"].fillna("missing").tolist() == ["NA", "missing", "?"]
    assert found["kind"].tolist() == ["=1+1", "b", "b"]
    provenance = json.loads(pq.read_schema(io.BytesIO(data)).metadata[b"logitscope"])
    assert {name: provenance[name] for name in KEY.columns()} == KEY.columns()


def test_a_table_as_json_reads_back_to_the_last_digit_and_says_where_it_comes_from():
    document = json.loads(json_bytes(mixed(), KEY))
    assert {name: document["provenance"][name] for name in KEY.columns()} == KEY.columns()
    assert document["rows"][0] == {"token": "NA", "prob": 0.5, "rank": 1, "kind": "=1+1", "known": True}
    assert document["rows"][1]["token"] is None and document["rows"][1]["prob"] is None
    assert document["rows"][2]["token"] == HALF
    frame = head_frame(samples.weight_map(15), samples.tokens(15))
    rows = pd.DataFrame(json.loads(json_bytes(frame, KEY))["rows"])
    np.testing.assert_array_equal(rows["weight"].astype(np.float32), frame["weight"])


def test_a_number_that_json_does_not_know_is_refused_not_written():
    with pytest.raises(ValueError, match="JSON"):
        json_bytes(pd.DataFrame({"a": [np.inf]}), KEY)


@pytest.mark.parametrize("written", [parquet_bytes, json_bytes])
def test_an_empty_table_is_a_file_too(written):
    empty = head_frame(samples.weight_map(4, rows=(0, 1), cols=(2, 3)), samples.tokens(4))
    assert KEY.digest.encode() in written(empty, KEY)


# -- a page of its own --------------------------------------------------------------------------------------------
def test_a_page_has_the_title_and_the_lines_that_were_asked_for(figure):
    page = html_bytes(figure, KEY.provenance(), title="<b>A</b>", paragraphs=["one", "<i>two"]).decode()
    assert "<h1>&lt;b&gt;A&lt;/b&gt;</h1>" in page
    assert "<footer>one<br>&lt;i&gt;two</footer>" in page
    bare = html_bytes(figure, KEY.provenance(), paragraphs=[]).decode()
    assert "<h1>" not in bare
    assert "<footer></footer>" in bare
    assert 'name="provenance"' in bare


def test_a_page_works_offline_and_shows_its_origin(figure):
    page = html_bytes(figure, KEY.provenance()).decode()
    assert len(page) > 3_000_000  # plotly.js is inside
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)
    footer = re.search(r"<footer>(.*)</footer>", page).group(1)
    assert KEY.digest in footer
    assert "2.13.0+cpu" in footer
    meta = re.search(r'<meta name="provenance" content="([^"]*)">', page).group(1)
    assert json.loads(meta.replace("&quot;", '"')) == KEY.provenance()
    assert "background: #101216" in page


def test_nothing_in_a_page_comes_from_a_name_or_token_as_markup(figure):
    page = html_bytes(figure, {"model": "<script>alert(1)</script>", "run": '"><img src=x>'}).decode()
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert (
        "</script><b>"
        not in html_bytes(ChartTheme().apply(go.Figure(layout_title_text="</script><b>")), KEY.provenance()).decode()
    )


def test_the_browsers_image_has_the_same_colours_as_the_screen(figure):
    import streamlit  # noqa: F401 - sets the placeholder template

    written = json.loads(figure_json(figure))
    assert written["layout"]["template"]["layout"]["paper_bgcolor"] == "#101216"
    assert "#000001" not in figure_json(figure)


def test_the_caption_is_one_line_with_every_fact():
    line = caption(KEY.provenance())
    assert "\n" not in line
    assert all(str(value) in line for value in KEY.provenance().values())
