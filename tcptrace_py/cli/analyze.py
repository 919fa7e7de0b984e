"""``tcptrace-py analyze``: capture files in, a report out."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import nullcontext

import click

from tcptrace_py.cli.outcome import FINE, INPUT, complain, output_to
from tcptrace_py.cli.progress import ProgressBar, shows_progress
from tcptrace_py.cli.thresholds import settings_from, threshold_options

STDIN = "-"
STDOUT = "-"


def _captures(_ctx: click.Context, _param: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    if paths.count(STDIN) > 1:
        raise click.BadParameter("standard input (-) can be read only once.")
    if STDIN in paths:
        if sys.stdin is None:
            raise click.BadParameter("standard input (-) is closed.")
        if sys.stdin.isatty():
            raise click.BadParameter("standard input (-) is a terminal: pipe a capture into it.")
    return paths


def _target(_ctx: click.Context, _param: click.Parameter, path: str | None) -> str | None:
    """Refuses, before the work, a report file that can not be written after it."""
    if path is None or path == STDOUT:
        return path
    folder = os.path.dirname(path) or os.curdir
    if os.path.isdir(path):
        raise click.BadParameter(f"{path!r} is a directory.")
    if not os.path.isdir(folder):
        raise click.BadParameter(f"there is no directory {folder!r}.")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise click.BadParameter(f"{path!r}: permission denied.")
    return path


def _filter(_ctx: click.Context, _param: click.Parameter, expression: str | None) -> str | None:
    """Refuses an expression that libpcap does not understand: wrong usage, not unreadable input."""
    if expression is not None:
        from tcptrace_py.capture.bpf import BpfFilter
        from tcptrace_py.capture.error import CaptureError

        try:
            BpfFilter(expression)
        except CaptureError as error:
            raise click.BadParameter(str(error)) from error
    return expression


def _refuse_overwriting(captures: tuple[str, ...], target: str | None) -> None:
    if target is None or target == STDOUT or not os.path.exists(target):
        return
    if not stat.S_ISREG(os.stat(target).st_mode):
        return
    for capture in captures:
        if capture != STDIN and os.path.exists(capture) and os.path.samefile(capture, target):
            raise click.BadParameter(f"{target!r} is one of the captures.", param_hint="'--json'")


@click.command()
@click.argument(
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    required=True,
    # Nothing is checked here: what can not be read is told in one line, and the rest is read.
    type=click.Path(allow_dash=True, readable=False),
    callback=_captures,
)
@click.option(
    "--json",
    "json_target",
    metavar="FILE",
    type=click.Path(allow_dash=True, readable=False),
    callback=_target,
    help="Write the report as JSON to FILE (- is standard output) instead of showing it.",
)
@click.option(
    "--terminal",
    is_flag=True,
    help="Show the report as well when --json writes it (on standard error with --json -).",
)
@click.option(
    "--connections/--no-connections",
    "connections",
    default=None,
    help="List the connections in the shown report / leave their list out of the JSON.",
)
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Rows of each table in the shown report.",
)
@click.option(
    "--filter",
    "bpf",
    metavar="BPF",
    callback=_filter,
    help="Only packets that match, in the syntax of tcpdump (pcap-filter).",
)
@threshold_options
def analyze(
    captures: tuple[str, ...],
    json_target: str | None,
    terminal: bool,
    connections: bool | None,
    top: int,
    bpf: str | None,
    **thresholds: object,
) -> int:
    """Say what is wrong with the TCP connections in CAPTURE files, and on which evidence.

    Reads pcap and pcapng, plain or compressed (gz, xz, bz2, zst, lz4); - is standard input.
    Several files are one capture: connections go on across them, in time order.

    DURATIONs are written 30s, 2m, 500ms, 1.5h or as a plain number of seconds.
    """
    _refuse_overwriting(captures, json_target)
    settings = settings_from(thresholds)
    # Memory follows the list, so it is kept only for who reads it.
    listed = json_target is not None if connections is None else connections

    from tcptrace_py.analysis import analyze as analyze_captures
    from tcptrace_py.capture.error import CaptureError

    try:
        with ProgressBar() if shows_progress(sys.stderr) else nullcontext() as progress:
            report = analyze_captures(
                *captures, settings=settings, bpf=bpf, connections=listed, progress=progress
            )
    except CaptureError as error:
        complain(str(error))
        return INPUT

    for warning in report.capture.warnings:
        complain(warning)

    if json_target is not None:
        from tcptrace_py.report import json

        with output_to(json_target):
            json.write(report, json_target)
    if json_target is None or terminal:
        from tcptrace_py.cli.screen import report_console
        from tcptrace_py.report.terminal import render

        aside = json_target == STDOUT
        with output_to("standard error" if aside else STDOUT):
            console = report_console(sys.stderr if aside else sys.stdout)
            render(report, console, top=top, connections=bool(connections))
    return FINE if report.capture.complete else INPUT
