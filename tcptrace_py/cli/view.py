"""The options that say how much of a report is shown, and how, the same for each command that shows one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tcptrace_py.cli.inputs import COUNT

if TYPE_CHECKING:
    from tcptrace_py.report.people.view import View

_Command = TypeVar("_Command", bound=Callable[..., object])


def view_options(*, quiet: bool = True) -> Callable[[_Command], _Command]:
    """Decorates a click command with ``--top``, ``-v``, ``-q`` (unless it has its own), ``--timezone`` and
    ``--no-pager``; see `view_from`.
    """

    def decorate(command: _Command) -> _Command:
        options = [
            click.option(
                "-v", "--verbose", is_flag=True, help="Show proof, the long texts and all counters too."
            ),
            click.option(
                "-q", "--quiet", is_flag=True, help="Show the verdict alone; do not name the files written."
            ),
            click.option(
                "--top",
                metavar="N",
                type=COUNT,
                default=10,
                show_default=True,
                help="Rows of each list in the shown report.",
            ),
            timezone_option,
            pager_option,
        ]
        if not quiet:
            del options[1]
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def pager_option(command: _Command) -> _Command:
    return click.option(
        "--pager/--no-pager",
        default=True,
        help="Show what is longer than the screen through $PAGER (less), the default on a terminal.",
    )(command)


def timezone_option(command: _Command) -> _Command:
    """Decorates a click command with ``--timezone``: a `tzinfo`, or None for the system's rules."""
    return click.option(
        "--timezone",
        "zone",
        metavar="ZONE",
        callback=_zone,
        help="Show times of the day in this zone: local, UTC, or a name such as Europe/Berlin."
        "  [default: UTC, or local where TZ is set]",
    )(command)


def view_from(options: Mapping[str, Any], *, connections: bool = False, whole: str | None = None) -> View:
    """The `View` among the parsed ``options``. ``whole``: the file that has all of the report, if any."""
    from tcptrace_py.report.people.view import View

    return View(
        top=options["top"],
        connections=connections,
        verbose=options["verbose"],
        quiet=options["quiet"],
        zone=options["zone"],
        whole=whole,
    )


def _zone(_ctx: click.Context, _param: click.Parameter, name: str | None) -> tzinfo | None:
    from tcptrace_py.report.people.clock import default_zone, zone_named

    if name is None:
        return default_zone()
    try:
        return zone_named(name)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error
