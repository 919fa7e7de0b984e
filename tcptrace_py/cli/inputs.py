"""Checks of what a command reads, the same for each command that takes captures."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from tcptrace_py.cli.outcome import INPUT, complain

STDIN = "-"


class Count(click.IntRange):
    """A number of things, from one on: as many as fit everywhere, in compiled code too."""

    def __init__(self, most: int = 2**31 - 1) -> None:
        super().__init__(1, most)
        self.most = most

    def _describe_range(self) -> str:
        # Help would show bounds that nobody meets; who does is told.
        return ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            number = 0
        if not 1 <= number <= self.most:
            self.fail(f"{value!r} is not a whole number from 1 to {self.most:,}.", param, ctx)
        return number


#: A click type for numbers of things.
COUNT = Count()

#: A click option of commands that read a report.
any_size_option = click.option(
    "--any-size",
    is_flag=True,
    help="Read the report even if it is larger than 1 GiB, which takes as much memory.",
)

#: A click option of commands that judge what they capture or read.
allow_undecoded_option = click.option(
    "--allow-undecoded",
    is_flag=True,
    help="Judge even a capture of which less than half could be decoded (else status 3, and no gate passes).",
)


def check_captures(_ctx: click.Context, _param: click.Parameter, paths: tuple[str, ...]) -> tuple[str, ...]:
    """A click callback: standard input at most once, and nothing typed on a terminal."""
    if paths.count(STDIN) > 1:
        raise click.BadParameter("standard input (-) can be read only once.")
    if STDIN in paths:
        if sys.stdin is None:
            raise click.BadParameter("standard input (-) is closed.")
        if sys.stdin.isatty():
            raise click.BadParameter("standard input (-) is a terminal: pipe a capture into it.")
    for path in paths:
        if path.endswith(".json"):
            from tcptrace_py.gates.saved import looks_like_report

            if not looks_like_report(path):
                continue
            raise click.BadParameter(
                f"{path!r} is a report, not a capture: 'tcptrace-py report {path}' shows it."
            )
    return paths


def check_filter(ctx: click.Context, _param: click.Parameter, expression: str | None) -> str | None:
    """A click callback: refuses what libpcap does not understand as wrong usage, not unreadable input."""
    if expression is not None:
        from tcptrace_py.capture.bpf import BpfFilter
        from tcptrace_py.capture.error import CaptureError, UnavailableError

        try:
            BpfFilter(expression)
        except UnavailableError as error:
            complain(str(error))
            ctx.exit(INPUT)
        except CaptureError as error:
            raise click.BadParameter(str(error)) from error
    return expression


#: The click argument of commands that read captures, ``required`` or told by the command itself. Nothing is
#: checked there: what cannot be read is told in one line, and the rest is read.
captures_argument = partial(
    click.argument,
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    type=click.Path(allow_dash=True, readable=False),
    callback=check_captures,
)

#: A click option of commands that read captures.
filter_option = click.option(
    "--filter",
    "bpf",
    metavar="BPF",
    callback=check_filter,
    help="Only packets that match, in the syntax of tcpdump (pcap-filter).",
)
