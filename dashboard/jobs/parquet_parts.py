"""Parquet parts: one file a chunk, read one by one, joined into one file without holding them all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.tokens import without_surrogates

Rows = Sequence[Mapping[str, Any]] | pd.DataFrame
"""What the work of a chunk gives: one row a mark."""
PROVENANCE = b"provenance"
"""Key of the schema's metadata under which a joined file says where its numbers come from, as JSON."""
GROUP_ROWS = 1 << 16
"""At least so many rows stand in a row group of a joined file, but for the last."""


def table_of(rows: Rows) -> pa.Table:
    """Rows as a table without metadata.

    Lone surrogates in texts become the replacement character, as for tokenizers: UTF-8 has none (nor have pandas' own
    text columns: a frame can hold them as objects only). A column that a row lacks is empty there.
    """
    try:
        table = _table(rows)
    except UnicodeEncodeError:
        table = _table(_readable(rows))
    return table.replace_schema_metadata(None)


def _table(rows: Rows) -> pa.Table:
    if isinstance(rows, pd.DataFrame):
        return pa.Table.from_pandas(rows, preserve_index=False)
    columns = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns})


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, pd.DataFrame):
        return value.apply(lambda column: column.astype(object).map(_readable) if column.dtype.kind == "O" else column)
    if isinstance(value, Mapping):
        return {_readable(name): _readable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    return value


def write_part(table: pa.Table, file: BinaryIO) -> None:
    """Write one part."""
    pq.write_table(table, file, compression="zstd")


def schema_of(path: Path) -> pa.Schema:
    """The columns of a part."""
    return pq.read_schema(path)


def common_schema(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """The one schema that all parts fit: columns that are empty or whole numbers in some may be wider in others.

    Raises:
        TypeError: a column is of two kinds.
    """
    return pa.unify_schemas([pa.schema([]), *schemas], promote_options="permissive")


def read_parts(paths: Sequence[Path], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Table after table, all with the same schema, in the order of `paths`.

    Args:
        paths: of whole parts; none may be missing.
        columns: those to read; ``None``: all.
    """
    schema = common_schema(map(schema_of, paths))
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    empty = schema.empty_table()
    for path in paths:
        with pq.ParquetFile(path) as file:
            there = [name for name in schema.names if name in file.schema_arrow.names]
            yield pa.concat_tables([empty, file.read(there)], promote_options="permissive").combine_chunks()


def write_joined(paths: Sequence[Path], provenance: Mapping[str, Any], file: BinaryIO) -> None:
    """All parts as one file, with `provenance` in its schema's metadata."""
    schema = common_schema(map(schema_of, paths))
    metadata = {PROVENANCE: json.dumps(provenance).encode()}
    with pq.ParquetWriter(file, schema.with_metadata(metadata), compression="zstd") as writer:
        waiting: list[pa.Table] = []
        for table in read_parts(paths):
            waiting.append(table)
            if sum(len(each) for each in waiting) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
