"""The options of ``live`` that say what happens when a finding appears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tcptrace_py.cli.durations import Duration
from tcptrace_py.cli.outcome import reason
from tcptrace_py.cli.sniffing import Size

if TYPE_CHECKING:
    from tcptrace_py.run.alarm import Alarms

_Command = TypeVar("_Command", bound=Callable[..., object])


def _check_kinds(ctx: click.Context, param: click.Parameter, kinds: tuple[str, ...]) -> tuple[str, ...]:
    if kinds:
        from tcptrace_py.findings.finding import KINDS

        for kind in kinds:
            if kind not in KINDS:
                raise click.BadParameter(f"{kind!r} is no kind of finding; 'explain' lists them.", ctx, param)
    return kinds


def alarms_from(options: Mapping[str, Any]) -> Alarms | None:
    """What ``--record`` and ``--notify`` ask for. Raises ``click.BadParameter`` where that cannot be."""
    if options["record_folder"] is None and options["notify"] is None:
        return None
    from tcptrace_py.run.alarm import Alarm, Alarms, Notifier
    from tcptrace_py.run.recorder import FlightRecorder

    recorder = notifier = None
    if options["record_folder"] is not None:
        try:
            recorder = FlightRecorder(
                options["record_folder"],
                before_s=options["before_s"],
                after_s=options["after_s"],
                most_bytes=options["most_bytes"],
            )
        except OSError as error:
            raise click.BadParameter(
                f"{error.filename}: {reason(error)}.", param_hint="'--record'"
            ) from error
    if options["notify"] is not None:
        try:
            notifier = Notifier(options["notify"])
        except ValueError as error:
            raise click.BadParameter(f"{error}.", param_hint="'--notify'") from error
    return Alarms(Alarm(options["kinds"], options["interval_s"]), recorder, notifier)


def alarm_options(command: _Command) -> _Command:
    """Decorates a click command with the options that `alarms_from` takes."""
    options = (
        click.option(
            "--record",
            "record_folder",
            metavar="DIR",
            type=click.Path(file_okay=False),
            help="A flight recorder: when a finding appears, write the packets around it, the report and the"
            " kernel's sockets into DIR.",
        ),
        click.option(
            "--before",
            "before_s",
            metavar="DURATION",
            type=Duration(zero=True),
            default="30s",
            show_default=True,
            help="With --record, how long before it.",
        ),
        click.option(
            "--after",
            "after_s",
            metavar="DURATION",
            type=Duration(zero=True),
            default="10s",
            show_default=True,
            help="With --record, how long after it.",
        ),
        click.option(
            "--max",
            "most_bytes",
            metavar="SIZE",
            type=Size(100_000, 2**50),
            default="1G",
            show_default=True,
            help="With --record, what DIR takes at most; the oldest recordings go first.",
        ),
        click.option(
            "--notify",
            metavar="COMMAND|URL",
            help="When a finding appears, give it as JSON to this command's standard input, or post it"
            " there.",
        ),
        click.option(
            "--on",
            "kinds",
            metavar="KIND",
            multiple=True,
            callback=_check_kinds,
            help="With --record and --notify, the kind of finding that counts (repeat it for more); by"
            " default all that are critical or warnings.",
        ),
        click.option(
            "--interval",
            "interval_s",
            metavar="DURATION",
            type=Duration(),
            default="10m",
            show_default=True,
            help="With --record and --notify, how long before the same culprit counts again.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
