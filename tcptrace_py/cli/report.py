"""``tcptrace-py report``: a saved report, shown or written in another format."""

from __future__ import annotations

import click

from tcptrace_py.cli.gates import gate_options, gates_from, status
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import any_size_option
from tcptrace_py.cli.outcome import INPUT, complain
from tcptrace_py.cli.outputs import output_options, outputs_from
from tcptrace_py.cli.view import view_from, view_options


@with_examples(
    "tcptrace-py report report.json",
    "tcptrace-py report report.json --markdown report.md --csv connections.csv",
)
@click.argument("saved", metavar="REPORT", type=click.Path(allow_dash=True, readable=False))
@view_options()
@click.option("--connections", is_flag=True, help="List the connections too, if the report has them.")
@click.option("--long", is_flag=True, help="Show the figures of --stats, if the report has them.")
@output_options("report")
@any_size_option
@gate_options
def report(saved: str, connections: bool, long: bool, pager: bool, any_size: bool, **options: object) -> int:
    """Show a saved REPORT, or write it in another format.

    REPORT is what analyze --json wrote; - is standard input.
    """
    gates = gates_from(options)
    outputs = outputs_from(options, [saved], bool(gates))

    from tcptrace_py.gates.saved import ReportError, read_report

    try:
        found = read_report(saved, any_size=any_size)
    except ReportError as error:
        complain(str(error))
        return INPUT
    if found.listed is None and (connections or long or outputs.wants_records()):
        raise click.UsageError(f"{saved} lists no connections: it was written with --no-connections.")
    with outputs.sink(needed=True) as sink:
        if sink is not None:
            for connection in found.connections:
                sink(connection)
    verdicts = gates.judge(found)
    view = view_from(options, connections=connections, whole=outputs.whole() or _file(saved))
    outputs.deliver(found, verdicts, view, long=long, pager=pager)
    return status(verdicts, found.capture)


def _file(path: str) -> str | None:
    return None if path == "-" else path
