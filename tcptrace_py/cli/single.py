"""The one connection that ``show`` and ``graph`` draw: which is meant, and its reading."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from tcptrace_py.cli.outcome import INPUT, PROGRAM, USAGE, complain
from tcptrace_py.cli.progress import ProgressBar, shows_progress

if TYPE_CHECKING:
    from tcptrace_py.report.people.wanted import Wanted
    from tcptrace_py.run.single import SingleConnection
    from tcptrace_py.settings import Settings


def wanted_from(command: str, connection: str, captures: Sequence[str]) -> Wanted:
    """The connection that the last argument names. Raises `click.UsageError`."""
    from tcptrace_py.report.people.wanted import parse_wanted

    if not captures:
        if not os.path.exists(connection):
            raise click.UsageError("Missing argument 'CAPTURE...'.")
        listed = shlex.join([PROGRAM, "analyze", "--connections", connection])
        raise click.UsageError(f"Missing argument 'CONNECTION': {listed} lists what there is.")
    try:
        return parse_wanted(connection)
    except ValueError as error:
        if os.path.exists(connection):
            meant = shlex.join([PROGRAM, command, connection, *captures])
            raise click.UsageError(f"the connection comes last: {meant}") from error
        raise click.BadParameter(f"{error}.", param_hint="'CONNECTION'") from error


def read_single(
    captures: Sequence[str],
    wanted: Wanted,
    settings: Settings,
    bpf: str | None,
    *,
    keep_frames: bool = False,
) -> SingleConnection:
    """Read it, and tell the warnings. Where that fails, tell why and raise `click.exceptions.Exit`."""
    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.run.single import NoSuchConnection, single

    try:
        with ProgressBar() if shows_progress(sys.stderr) else nullcontext() as progress:
            found = single(
                *captures,
                wanted=wanted,
                settings=settings,
                bpf=bpf,
                keep_frames=keep_frames,
                progress=progress,
            )
    except (CaptureError, NoSuchConnection) as error:
        complain(str(error))
        raise click.exceptions.Exit(INPUT if isinstance(error, CaptureError) else USAGE) from error
    for warning in found.warnings:
        complain(warning)
    return found
