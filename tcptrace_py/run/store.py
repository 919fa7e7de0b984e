"""Where what passes between the steps of a run lies: any place that fsspec opens, a directory or a URL."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import fsspec
import msgspec
from msgspec import Struct

from tcptrace_py.run.captures import JobLost

_S = TypeVar("_S", bound=Struct)


def one_line(error: BaseException) -> str:
    """What went wrong, as each store's own library says it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def stored(url: str, doing: str) -> Iterator[None]:
    """What fails inside is a ``JobLost``: ``url`` cannot be ``doing`` (read, written), and why."""
    try:
        yield
    except JobLost:
        raise
    except Exception as error:
        raise JobLost(f"{url}: cannot be {doing}: {one_line(error)}") from error


def write_bytes(url: str, data: bytes) -> None:
    """All of it or nothing, for whoever reads ``url``; other stores than directories see to it themselves."""
    with stored(url, "written"):
        system, path = fsspec.core.url_to_fs(url)
        if "file" not in _protocols(system):
            system.pipe_file(path, data)
            return
        beside = f"{path}.{uuid.uuid4().hex}.tmp"
        try:
            system.pipe_file(beside, data)
            os.replace(beside, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)
            raise


def read_bytes(url: str) -> bytes | None:
    """None where there is nothing."""
    with stored(url, "read"):
        system, path = fsspec.core.url_to_fs(url)
        # Another machine may have written there since this one looked.
        system.invalidate_cache()
        try:
            data: bytes = system.cat_file(path)
        except FileNotFoundError:
            return None
        return data


def to_json(value: Struct) -> bytes:
    """With names of files that are no UTF-8, as msgspec's own does not."""
    return json.dumps(msgspec.to_builtins(value, str_keys=True), indent=1).encode()


def from_json(data: bytes, kind: type[_S]) -> _S:
    """Raises ``ValueError``."""
    try:
        return msgspec.convert(json.loads(data), kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def local_path(url: str) -> str | None:
    """The path of a directory or file of this machine, None for what lies elsewhere."""
    with stored(url, "used"):
        system, path = fsspec.core.url_to_fs(url)
        return str(path) if "file" in _protocols(system) else None


def make_folder(url: str) -> None:
    with stored(url, "written to"):
        system, path = fsspec.core.url_to_fs(url)
        system.makedirs(path, exist_ok=True)


def remove(url: str) -> None:
    """As far as that can be done."""
    with suppress(Exception):
        system, path = fsspec.core.url_to_fs(url)
        system.rm(path, recursive=True)


@contextmanager
def place_in(store: str) -> Iterator[str]:
    """A directory of this run alone in the store, which is gone in the end."""
    place = f"{store.rstrip('/')}/tcptrace-py-{uuid.uuid4().hex}"
    with stored(store, "written to"):
        make = fsspec.core.url_to_fs(place)
        make[0].makedirs(make[1], exist_ok=True)
    try:
        yield place
    finally:
        remove(place)


@contextmanager
def new_folder(target: str) -> Iterator[str]:
    """For a ``with`` block that writes the files of a directory ``target``, which is empty or not there yet.

    It appears with all of them or not at all; of a URL they are taken away where the block fails.
    """
    target = target.rstrip("/")
    path = local_path(target)
    folder = target if path is None else f"{path}.{uuid.uuid4().hex}.tmp"
    make_folder(folder)
    try:
        yield folder
        if path is not None:
            with stored(target, "written"):
                os.replace(folder, path)
    except BaseException:
        remove(folder)
        raise


def fetch(url: str, path: str) -> None:
    """Have a file of the store here."""
    with stored(url, "read"):
        system, inside = fsspec.core.url_to_fs(url)
        system.get_file(inside, path)


def default_store() -> str:
    """Where there is one machine only: a directory for temporary files."""
    return tempfile.gettempdir()


def _protocols(system: Any) -> tuple[str, ...]:
    named = system.protocol
    return (named,) if isinstance(named, str) else tuple(named)
