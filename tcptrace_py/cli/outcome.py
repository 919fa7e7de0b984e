"""How a run of the command line ends: its exit status, and one line on standard error that says why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

FINE = 0
#: A rule that the user set over the report did not hold.
GATE_FAILED = 1
#: Wrong usage (also click's own status), or a target that cannot be written.
USAGE = 2
#: Input that could not be read, or only in part; what was read is reported.
INPUT = 3
#: A defect of the program itself (``EX_SOFTWARE``); never mistaken for a gate.
DEFECT = 70
#: 128 + SIGINT, as shells have it.
INTERRUPTED = 130

PROGRAM = "tcptrace-py"


class OutputError(click.ClickException):
    """A report could not be written to ``target``; the message names it and the system's reason.

    An ``error`` without a number comes from a writer, whose text says all of that already.
    """

    exit_code = USAGE

    def __init__(self, target: str, error: OSError) -> None:
        named = "standard output" if target == "-" else target
        super().__init__(str(error) if error.errno is None else f"{named}: {reason(error)}")


def reason(error: OSError) -> str:
    """What the system says about ``error``, without number and path."""
    text = error.strerror or str(error) or type(error).__name__
    return text[:1].lower() + text[1:]


def complain(text: str) -> None:
    """Writes ``text`` to standard error, a line for each of its lines, each after the program's name.

    File names are other people's text: what does not print is escaped, so that
    no name can move the cursor or fake a line.
    """
    for line in text.splitlines() or [""]:
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
        # GitHub's runner takes this as a command wherever it is in a line.
        shown = shown.replace("##[", "\\x23#[")
        try:
            print(_folded(f"{PROGRAM}: {shown}"), file=sys.stderr, flush=True)
        except (OSError, ValueError, AttributeError):
            # Nobody listens to standard error; the status still tells.
            return


def _folded(line: str) -> str:
    """The line as a terminal has room for it, folded between words; whole where there is no terminal."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):
        return line
    if len(line) <= columns or columns < 20:
        return line
    import textwrap

    return "\n".join(
        textwrap.wrap(line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    )


@contextmanager
def output_to(target: str) -> Iterator[None]:
    """What is written inside goes to ``target``: a path, ``-`` for standard output, or another name for it.

    A reader that goes away (``| head``) has seen enough: no complaint, and the
    status stays what the captures made it. Any other failure is an `OutputError`.
    """
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        raise OutputError(target, error) from error


def silence_stdout() -> None:
    """Sends what is still buffered nowhere, so that the interpreter's last flush cannot fail."""
    if sys.stdout is None:
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
