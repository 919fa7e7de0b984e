"""``tcptrace-py interfaces``: what can be captured on, and what is missing to do so."""

from __future__ import annotations

import click

from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.outcome import FINE, INPUT, complain, output_to


@with_examples(
    "tcptrace-py interfaces",
    "sudo tcptrace-py interfaces",
)
def interfaces() -> int:
    """List the network interfaces that 'live' and 'exec' can capture on.

    Says as well what is missing to do so; then the exit status is 3.
    """
    from tcptrace_py.capture.error import UnavailableError
    from tcptrace_py.capture.interfaces import list_interfaces
    from tcptrace_py.capture.libpcap import libpcap
    from tcptrace_py.capture.live import missing_permission

    try:
        found = list_interfaces()
    except UnavailableError as error:
        complain(str(error))
        return INPUT
    width = max(len(each.name) for each in found)
    with output_to("-"):
        for each in found:
            said = [each.state, *each.addresses]
            click.echo(f"{each.name:<{width}}  {'  '.join(said)}")
    try:
        libpcap("capturing")
        missing = missing_permission()
    except UnavailableError as error:
        missing = str(error)
    if missing:
        complain(missing)
        return INPUT
    return FINE
