"""Where a report goes: a file that is written whole or not at all, or standard output."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable

STANDARD_OUTPUT = "-"


class WriteError(OSError):
    """A report cannot be written. ``str(error)`` is one line that names the target first."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"{target}: cannot write: {reason}")


def write_whole(chunks: Iterable[bytes], target: str | os.PathLike[str]) -> None:
    """Write ``chunks`` to a file, or to standard output where ``target`` is ``-``.

    A file appears with its full content or is left as it was: the bytes go into a temporary file
    in the same directory, which then takes its place. What is no regular file (a pipe,
    ``/dev/stdout``) is written directly. Raises `WriteError`; on standard output a reader that
    went away raises ``BrokenPipeError``.
    """
    path = os.fspath(target)
    if path == STANDARD_OUTPUT:
        _write_standard_output(chunks)
        return
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    try:
        # Through a symbolic link, so that the link stays one.
        _replace(chunks, os.path.realpath(path))
    except OSError as error:
        raise WriteError(shown, error.strerror or str(error)) from error
    except ValueError as error:
        # A NUL byte in the name.
        raise WriteError(repr(shown), str(error)) from error


def _write_standard_output(chunks: Iterable[bytes]) -> None:
    # Text that was printed before belongs before it.
    sys.stdout.flush()
    try:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError("standard output", error.strerror or str(error)) from error


def _replace(chunks: Iterable[bytes], path: str) -> None:
    try:
        before = os.stat(path)
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        with open(path, "wb") as stream:
            stream.writelines(chunks)
        return
    directory, name = os.path.split(path)
    # Cut, so that a name of the greatest length still has room for the rest.
    temporary = os.path.join(directory, f".{name[:50]}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as stream:
            stream.writelines(chunks)
            if before is not None:
                os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
