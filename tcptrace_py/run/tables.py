"""Connections as a Parquet table of several files: each part's are written by whoever followed that part.

While a part is followed its connections have numbers of its own; they lie in the store until all parts are
merged, and are written then with the numbers, and the findings, that they have in the whole.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import fsspec
import pyarrow
import pyarrow.ipc
from pyarrow import parquet

from tcptrace_py.findings.causes.claims import Revised
from tcptrace_py.findings.diagnosis import revised_kinds
from tcptrace_py.report.formats.parquet import ROW_GROUP, record_batch, table_schema
from tcptrace_py.report.formats.rows import row
from tcptrace_py.report.model.model import Connection
from tcptrace_py.report.model.ranks import places
from tcptrace_py.run.owners import Owners, name_connection
from tcptrace_py.run.store import read_bytes, stored, write_bytes

#: When the connections of a part, or of the whole, began, and Wireshark's streams likewise.
Begins = tuple["array[int]", "array[int]"]


@contextmanager
def spooled(url: str, owners: Owners) -> Iterator[Callable[[Connection], None]]:
    """For a ``with`` block: what takes each connection of a part; they lie at ``url`` then."""
    schema = table_schema()
    rows: list[list[Any]] = []
    with stored(url, "written"):
        file = fsspec.open(url, "wb").open()
        writer = pyarrow.ipc.new_file(file, schema, options=pyarrow.ipc.IpcWriteOptions(compression="zstd"))

    def write() -> None:
        with stored(url, "written"):
            writer.write_batch(record_batch(rows, schema))
        rows.clear()

    def take(connection: Connection) -> None:
        name_connection(connection, owners)
        rows.append(row(connection))
        if len(rows) == ROW_GROUP:
            write()

    try:
        yield take
        if rows:
            write()
        with stored(url, "written"):
            writer.close()
    finally:
        file.close()


def keep_begins(url: str, begins: Begins, revised: Revised | None = None) -> None:
    """Of a part, or of the whole with what it has told of single connections."""
    write_bytes(url, pickle.dumps((begins, revised), protocol=pickle.HIGHEST_PROTOCOL))


def _begins(url: str) -> tuple[Begins, Revised | None]:
    found: tuple[Begins, Revised | None] = pickle.loads(read_bytes(url) or b"")
    return found


def write_table(rows: str, begins: str, whole: str, target: str) -> int:
    """Write the connections of a part to ``target``, in the order of their numbers; how many there are.

    ``rows``: where they are `spooled`. ``begins`` and ``whole``: what `keep_begins` has of the part and of
    the whole.
    """
    (mine, my_streams), _ = _begins(begins)
    (all_of_them, all_streams), revised = _begins(whole)
    with stored(rows, "read"), fsspec.open(rows, "rb") as file:
        table = pyarrow.ipc.open_file(file).read_all()
    numbers = pyarrow.array(places(all_of_them, mine), pyarrow.int64())
    streams = pyarrow.array(places(all_streams, my_streams), pyarrow.int64())
    for name, new in (("id", numbers), ("reuse_of", numbers), ("reused_by", numbers), ("stream", streams)):
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), new.take(table[name].combine_chunks()))
    if revised:
        index = table.schema.get_field_index("findings")
        kinds = [
            revised_kinds(revised, number, each)
            for number, each in zip(table["id"].to_pylist(), table["findings"].to_pylist(), strict=True)
        ]
        table = table.set_column(
            index, table.schema.field(index), pyarrow.array(kinds, table.schema.field(index).type)
        )
    _write(table.sort_by("id"), target)
    return int(table.num_rows)


def write_records(connections: Sequence[Connection], target: str) -> None:
    """Write these connections, whose numbers are those of the whole, to ``target``."""
    schema = table_schema()
    rows = [row(each) for each in connections]
    _write(pyarrow.Table.from_batches([record_batch(rows, schema)], schema).sort_by("id"), target)


def _write(table: Any, target: str) -> None:
    with stored(target, "written"), fsspec.open(target, "wb") as file:
        parquet.write_table(table, file, row_group_size=ROW_GROUP, compression="zstd")
