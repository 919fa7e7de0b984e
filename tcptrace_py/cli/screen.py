"""The console that a report is shown on."""

from __future__ import annotations

import errno
import os
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console


class _ReportConsole(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process, with a status that means something else here.
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def report_console(stream: TextIO | None) -> Console:
    """A rich console on ``stream`` for text that others wrote: no emoji codes, no guesses at highlights.

    A character that the stream's encoding lacks becomes ``?``. Raises `OSError` where the stream is closed,
    and when its reader went away `BrokenPipeError`, like any other stream.
    """
    if stream is None:
        raise OSError("closed")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return _ReportConsole(file=stream, highlight=False, emoji=False)
