"""Connections as an Apache Parquet table; needs pyarrow, which the extra ``[parquet]`` installs.

The columns are those of `tcptrace_py.report.formats.rows`. Like NDJSON it is written as connections
finish, a row group at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tcptrace_py.report.formats.rows import COLUMNS, row
from tcptrace_py.report.formats.target import open_whole
from tcptrace_py.report.model.model import SCHEMA_VERSION, Connection

#: Rows that are held in memory at most.
ROW_GROUP = 50_000


def table_schema() -> Any:
    """The columns as pyarrow's schema. Raises ``ImportError`` where pyarrow is missing."""
    import pyarrow

    types = {
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        str: pyarrow.string(),
        list: pyarrow.list_(pyarrow.string()),
    }
    return pyarrow.schema(
        [(column.name, types[column.type]) for column in COLUMNS],
        metadata={"tcptrace-py.schema_version": str(SCHEMA_VERSION)},
    )


def record_batch(rows: Sequence[Sequence[Any]], schema: Any) -> Any:
    """Rows of `COLUMNS` as a batch of pyarrow's."""
    import pyarrow

    values = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    arrays = [pyarrow.array(each, type=kind) for each, kind in zip(values, schema.types, strict=True)]
    return pyarrow.record_batch(arrays, schema=schema)


@contextmanager
def writer(target: str | os.PathLike[str]) -> Iterator[Callable[[Connection], None]]:
    """For a ``with`` block: call what it gives with each connection.

    Raises ``ImportError`` where pyarrow is missing; see `open_whole` for the other errors.
    """
    import pyarrow
    from pyarrow import parquet

    schema = table_schema()
    rows: list[list[Any]] = []
    with open_whole(target) as output:
        table = parquet.ParquetWriter(pyarrow.PythonFile(output, mode="w"), schema, compression="zstd")

        def write_group() -> None:
            table.write_batch(record_batch(rows, schema))
            rows.clear()

        def write(connection: Connection) -> None:
            rows.append(row(connection))
            if len(rows) >= ROW_GROUP:
                write_group()

        yield write
        if rows:
            write_group()
        table.close()
