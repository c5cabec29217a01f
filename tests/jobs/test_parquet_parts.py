"""Parts of results: any rows go in and come out, and parts that differ in their columns fit together."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.jobs.parquet_parts import common_schema, read_parts, table_of, write_joined, write_part
from tests.made.jobs import HOSTILE


def written(folder, *chunks):
    paths = []
    for number, rows in enumerate(chunks):
        paths.append(folder / f"{number}.parquet")
        with paths[-1].open("wb") as file:
            write_part(table_of(rows), file)
    return paths


def test_rows_and_frames_give_the_same_table():
    rows = [
        {"item": 1, "value": 0.5, "text": "a", "flag": True},
        {"item": 2, "value": -1.0, "text": "b", "flag": False},
    ]
    assert table_of(rows).to_pylist() == rows
    assert table_of(pd.DataFrame(rows, index=[7, 9])).to_pylist() == rows


def test_a_column_that_a_row_lacks_is_empty_there():
    assert table_of([{"a": 1}, {"b": "x"}]).to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_hostile_texts_come_out_as_they_went_in(tmp_path):
    for rows in ([{"text": text} for text in HOSTILE], pd.DataFrame({"text": HOSTILE})):
        (found,) = read_parts(written(tmp_path, rows))
        assert found["text"].to_pylist() == HOSTILE


def test_lone_surrogates_become_the_replacement_character_and_nothing_else_changes():
    rows = [{"text": "a\ud800b", "deep": ["\udc00", {"k": "v\udfff"}], "n": 1}, {"text": "👩‍👧", "deep": [], "n": 2}]
    found = table_of([{**row, "deep": row["deep"][:1]} for row in rows])
    assert found["text"].to_pylist() == ["a\ufffdb", "👩‍👧"]
    assert found["deep"].to_pylist() == [["\ufffd"], []]
    assert found["n"].type == pa.int64()
    texts = pd.Series(["a\ud800b", None], dtype=object)
    frame = table_of(pd.DataFrame({"text": texts, "n": [1, 2], "x": [0.5, np.nan]}))
    assert frame["text"].to_pylist() == ["a\ufffdb", None]
    assert frame["n"].to_pylist() == [1, 2]


def test_parts_whose_columns_are_empty_or_narrower_fit_the_others(tmp_path):
    paths = written(
        tmp_path,
        [],
        [{"x": None, "t": None}],
        [{"x": 1, "t": "a"}],
        [{"t": "b", "x": 1.5, "new": True}],
        pd.DataFrame(),
    )
    tables = list(read_parts(paths))
    assert len({str(table.schema) for table in tables}) == 1
    assert pa.concat_tables(tables).to_pylist() == [
        {"x": None, "t": None, "new": None},
        {"x": 1.0, "t": "a", "new": None},
        {"x": 1.5, "t": "b", "new": True},
    ]


def test_only_the_columns_asked_for_are_read_in_that_order(tmp_path):
    paths = written(tmp_path, [{"a": 1, "b": 2, "c": 3}], [{"a": 4, "c": 6}])
    assert [table.to_pylist() for table in read_parts(paths, ["c", "b"])] == [[{"c": 3, "b": 2}], [{"c": 6, "b": None}]]
    with pytest.raises(KeyError):
        list(read_parts(paths, ["d"]))


def test_a_column_of_two_kinds_is_our_mistake():
    with pytest.raises(TypeError, match="x"):
        common_schema([table_of([{"x": 1}]).schema, table_of([{"x": "1"}]).schema])


def test_the_joined_file_has_the_parts_rows_and_says_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setattr("dashboard.jobs.parquet_parts.GROUP_ROWS", 4)
    chunks = [[{"item": 3 * chunk + i} for i in range(3)] for chunk in range(5)]
    paths = written(tmp_path, *chunks)
    file = io.BytesIO()
    write_joined(paths, {"model": "m", "request": {"text": "é\n"}}, file)
    found = pq.ParquetFile(file)
    assert found.read()["item"].to_pylist() == list(range(15))
    assert json.loads(found.schema_arrow.metadata[b"provenance"]) == {"model": "m", "request": {"text": "é\n"}}
    assert [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)] == [6, 6, 3]
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"
