"""The console that a report is shown on, and the pager for what is longer than the screen."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console

# Wider than any line: where nobody's screen has a width, nothing is folded.
_NO_WIDTH = 100_000
# Of less: leave if it all fits, show colours, and leave the text on the screen.
_LESS = "FRX"


class _ReportConsole(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process, with a status that means something else here.
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def report_console(stream: TextIO | None, *, fold: bool = False) -> Console:
    """A rich console on ``stream`` for text that others wrote: no emoji codes, no guesses at highlights.

    Lines are folded at the width of a terminal, or at $COLUMNS; in a pipe or a file only if ``fold`` asks
    for it (a drawing needs a width, a text does not). A character that the stream's encoding lacks becomes
    ``?``. Raises `OSError` where the stream is closed, and when its reader went away `BrokenPipeError`, like
    any other stream.
    """
    if stream is None:
        raise OSError("standard output: cannot write: closed")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    free = not (fold or stream.isatty() or os.environ.get("COLUMNS", "").isdecimal())
    return _ReportConsole(file=stream, highlight=False, emoji=False, width=_NO_WIDTH if free else None)


def show_on(
    console: Console,
    draws: Sequence[Callable[[Console], None]],
    verdict: Callable[[Console], None] | None,
    pager: bool,
) -> None:
    """Draw on the console: the first of ``draws`` that fits on the screen, where there is one.

    If none fits, the first, with the ``verdict``, if any, again at its end, through a pager if one is wanted.
    """
    if not console.file.isatty():
        draws[0](console)
        return
    texts = []
    for draw in draws:
        with console.capture() as capture:
            draw(console)
        texts.append(capture.get())
    # The last line is the prompt's.
    fitting = [text for text in texts if text.count("\n") < console.height]
    text = fitting[0] if fitting else texts[0]
    if not fitting:
        if verdict is not None:
            with console.capture() as capture:
                console.print()
                verdict(console)
            text += capture.get()
        if pager and _paged(text):
            return
    console.file.write(text)
    console.file.flush()


def _paged(text: str) -> bool:
    """Whether a pager showed it: that of $PAGER, or less."""
    command = os.environ.get("PAGER")
    if command is None:
        command = shutil.which("less") or ""
    if command.strip() in ("", "cat"):
        return False
    try:
        pager = subprocess.Popen(
            command,
            shell=True,
            stdin=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={"LESS": _LESS, **os.environ},
        )
    except OSError:
        return False
    # Ctrl-C is the pager's while it runs.
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pager.communicate(text)
    except BrokenPipeError:
        pager.wait()
    finally:
        signal.signal(signal.SIGINT, ours)
    # What a shell says where there is no such program.
    return pager.returncode not in (126, 127)
