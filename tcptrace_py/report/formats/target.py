"""Where a report goes: a file that is written whole or not at all, or standard output."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

STANDARD_OUTPUT = "-"
_STANDARD_OUTPUT_NAME = "standard output"
#: Python's own would be a block of the file system: two connections of a report.
_BUFFER_BYTES = 1 << 16


class WriteError(OSError):
    """A report cannot be written. ``str(error)`` is one line that names the target first."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"{target}: cannot write: {reason}")


class Output:
    """Where bytes of a report go; ``write`` raises `WriteError`."""

    #: Asked by libraries that write to it.
    closed = False

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._stream = stream
        #: What is still written is not wanted any more: a library's own clearing up after a failure.
        self.abandoned = False

    def write(self, data: bytes) -> int:
        if self.abandoned:
            return len(data)
        try:
            return self._stream.write(data)
        except OSError as error:
            raise _as_write_error(error, self.name) from None


def write_whole(chunks: Iterable[bytes], target: str | os.PathLike[str]) -> None:
    """Write ``chunks`` to ``target``, as `open_whole` does."""
    with open_whole(target) as output, _told(output.name):
        for chunk in chunks:
            output.write(chunk)


@contextmanager
def open_whole(target: str | os.PathLike[str]) -> Iterator[Output]:
    """For a ``with`` block that writes to a file, or to standard output where ``target`` is ``-``.

    A file appears with its full content or is left as it was: the bytes go into a temporary file
    in the same directory, which takes its place when the block ends well. What is no regular file
    (a pipe, ``/dev/stdout``) is written directly. Raises `WriteError`; on standard output a
    reader that went away raises ``BrokenPipeError``.
    """
    path = os.fspath(target)
    if path == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise WriteError(_STANDARD_OUTPUT_NAME, "closed")
        # Text that was printed before belongs before it.
        with _told(_STANDARD_OUTPUT_NAME):
            sys.stdout.flush()
        yield Output(_STANDARD_OUTPUT_NAME, sys.stdout.buffer)
        with _told(_STANDARD_OUTPUT_NAME):
            sys.stdout.buffer.flush()
        return
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    with _told(shown):
        # Through a symbolic link, so that the link stays one.
        file = _Replacement(os.path.realpath(path))
    output = Output(shown, file.stream)
    try:
        yield output
        with _told(shown):
            file.commit()
    except BaseException:
        output.abandoned = True
        file.discard()
        raise


@contextmanager
def _told(name: str) -> Iterator[None]:
    """An ``OSError`` inside is a `WriteError` of ``name``; a broken pipe stays one on standard output."""
    try:
        yield
    except OSError as error:
        raise _as_write_error(error, name) from None
    except ValueError as error:
        # A NUL byte in the name.
        raise WriteError(repr(name), str(error)) from error


def _as_write_error(error: OSError, name: str) -> OSError:
    if isinstance(error, WriteError) or (
        isinstance(error, BrokenPipeError) and name == _STANDARD_OUTPUT_NAME
    ):
        return error
    return WriteError(name, error.strerror or str(error))


class _Replacement:
    """A file under a temporary name until ``commit``, or, where ``path`` is no regular file, itself."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._mode: int | None = None
        self._temporary: str | None = None
        try:
            before = os.stat(path)
        except FileNotFoundError:
            before = None
        if before is not None and not stat.S_ISREG(before.st_mode):
            self.stream: BinaryIO = open(path, "wb", buffering=_BUFFER_BYTES)
            return
        if before is not None:
            self._mode = stat.S_IMODE(before.st_mode)
        directory, name = os.path.split(path)
        # Cut, so that a name of the greatest length still has room for the rest.
        temporary = os.path.join(directory, f".{name[:50]}.{os.urandom(8).hex()}.tmp")
        self.stream = open(temporary, "xb", buffering=_BUFFER_BYTES)
        self._temporary = temporary

    def commit(self) -> None:
        self.stream.flush()
        self.stream.close()
        if self._temporary is not None:
            if self._mode is not None:
                os.chmod(self._temporary, self._mode)
            os.replace(self._temporary, self._path)

    def discard(self) -> None:
        # What is still buffered may fail to be written once more, and is not wanted.
        with suppress(OSError):
            self.stream.close()
        if self._temporary is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary)
