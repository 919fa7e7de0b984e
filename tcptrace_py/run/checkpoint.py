"""What a run keeps for those after it: the segments of each capture that was read, and which these were.

A directory (or a URL of one) with a table of contents, and for each capture that was read to its end a file
of rows and one that says so, which is written last. A run that is broken off goes on from there; captures
that are named later add to those that are kept, and those kept may be gone by then.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated

import fsspec
from msgspec import Meta, Struct

from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.shuffle import Kept, kept_at
from tcptrace_py.run.store import (
    from_json,
    local_path,
    make_folder,
    read_bytes,
    remove,
    stored,
    to_json,
    write_bytes,
)
from tcptrace_py.version import __version__
from tcptrace_py.wire.place import PLACES
from tcptrace_py.wire.records import ROW_BYTES

_CONTENTS = "checkpoint.json"
_LOCK = "lock"
# What may be left behind: rows, what is written beside its place, and the store of a run.
_OURS = re.compile(
    r"[0-9a-f]{32}-[0-9a-f]{32}\.arrow(\.pieces)?|.*\.[0-9a-f]{32}\.tmp|tcptrace-py-[0-9a-f]{32}"
)
#: Into so many parts connections are split at least, for however many processes there will be.
LEAST_PARTS = 16
# What rows are: of another version they are not the same.
_FORMAT = f"tcptrace-py {__version__}, rows of {ROW_BYTES} bytes, {sys.byteorder}-endian"


class Named(Struct, array_like=True):
    """A capture: its absolute path or URL, and its name as the user gave it last."""

    path: str
    shown: str


class Contents(Struct):
    """What `_CONTENTS` says. ``captures``: in the order in which they were first named."""

    format: str
    parts: Annotated[int, Meta(ge=1, le=PLACES)]
    filter: str | None
    captures: list[Named]


class Checkpoint:
    """One that is open: ``url``, where it is; ``parts``, into how many the connections are split."""

    def __init__(self, url: str, contents: Contents) -> None:
        self.url = url
        self._contents = contents

    @property
    def parts(self) -> int:
        return self._contents.parts

    def with_named(self, captures: Sequence[Named]) -> list[Named]:
        """All captures of the report: those it has, then those of ``captures`` that are new to it."""
        known = {each.path: each for each in self._contents.captures}
        for each in captures:
            known.setdefault(each.path, each).shown = each.shown
        self._keep(list(known.values()))
        return self._contents.captures

    def forget(self, captures: Sequence[Named]) -> None:
        """There is nothing of these, as there are no such files."""
        gone = {each.path for each in captures}
        self._keep([each for each in self._contents.captures if each.path not in gone])

    def _keep(self, captures: list[Named]) -> None:
        self._contents.captures = captures
        write_bytes(f"{self.url}/{_CONTENTS}", to_json(self._contents))


@contextmanager
def opened(url: str, parts: int, bpf: str | None) -> Iterator[Checkpoint]:
    """The checkpoint at ``url``, a new one of so many ``parts`` where there is nothing.

    Raises ``JobLost`` where what is there is no checkpoint, or one of another version or filter, or where
    another run of this machine has it open.
    """
    url = url.rstrip("/")
    make_folder(url)
    with _alone(url):
        known = read_bytes(f"{url}/{_CONTENTS}")
        if known is None:
            _only_if_empty(url)
            contents = Contents(_FORMAT, max(parts, LEAST_PARTS), bpf, [])
        else:
            contents = _checked(url, known, bpf)
            _sweep(url, contents)
        yield Checkpoint(url, contents)


def _checked(url: str, known: bytes, bpf: str | None) -> Contents:
    try:
        contents = from_json(known, Contents)
    except ValueError as error:
        raise JobLost(f"{url}: is no checkpoint: its {_CONTENTS} is damaged") from error
    if contents.format != _FORMAT:
        raise JobLost(f"{url}: is a checkpoint of {contents.format}; this is {_FORMAT}")
    if contents.filter != bpf:
        kept = "all packets" if contents.filter is None else f"what '{contents.filter}' lets pass"
        raise JobLost(f"{url}: has {kept}: another --filter needs another checkpoint")
    return contents


def _only_if_empty(url: str) -> None:
    with stored(url, "read"):
        system, path = fsspec.core.url_to_fs(url)
        try:
            found = system.ls(path, detail=False)
        except FileNotFoundError:
            # Stores of objects have no empty directories.
            found = []
    names = {name.rstrip("/").rpartition("/")[2] for name in found}
    if names - {_LOCK, path.rstrip("/").rpartition("/")[2]}:
        raise JobLost(f"{url}: is no checkpoint, and not empty")


def _sweep(url: str, contents: Contents) -> None:
    """Take away what a run that was broken off had begun, where no other can be writing."""
    path = local_path(url)
    if path is None:
        return
    wanted: set[str] = set()
    for each in contents.captures:
        known = read_bytes(kept_at(path, each.path))
        # One that is damaged is told when that capture's turn has come.
        with suppress(ValueError):
            rows = from_json(known or b"", Kept).split.rows
            wanted.update((rows, f"{rows}.pieces"))
    for name in os.listdir(path):
        if _OURS.fullmatch(name) and name not in wanted:
            remove(f"{path}/{name}")


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """No other run of this machine has it open; of a store elsewhere nobody can know."""
    path = local_path(url)
    try:
        import fcntl
    except ImportError:
        path = None
    if path is None:
        yield
        return
    with stored(url, "written to"):
        file = open(f"{path}/{_LOCK}", "wb")
    with file:
        try:
            # Not inherited by processes that outlive this one.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JobLost(f"{url}: another run has this checkpoint open") from error
        yield
