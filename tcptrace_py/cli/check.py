"""``tcptrace-py check``: a saved report in, verdicts out."""

from __future__ import annotations

import click

from tcptrace_py.cli.gates import gate_options, gates_from, status
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import any_size_option
from tcptrace_py.cli.outcome import INPUT, USAGE, complain, output_to
from tcptrace_py.cli.outputs import STDOUT, output_options, outputs_from


@with_examples(
    "tcptrace-py check report.json --fail-on warning",
    "tcptrace-py check report.json --policy policy.toml --junit tcp.xml",
)
@click.argument("report", metavar="REPORT", type=click.Path(allow_dash=True, readable=False))
@output_options("check")
@any_size_option
@gate_options
def check(report: str, any_size: bool, **options: object) -> int:
    """Judge a saved REPORT (the JSON of analyze --json; - is standard input) by rules.

    Prints a line for each rule: what was found, and what was wanted. The exit status is 1 if a
    rule failed.
    """
    gates = gates_from(options)
    if not gates:
        raise click.UsageError("no rule: add --fail-on RULE, or --policy FILE with fail_on in it.")
    outputs = outputs_from(options, [report], judged=True)

    from tcptrace_py.gates.saved import ReportError, read_report

    try:
        found = read_report(report, any_size=any_size)
    except ReportError as error:
        complain(str(error))
        return INPUT
    difference = gates.policy.differs(found.settings) if gates.policy is not None else None
    if difference is not None:
        complain(f"{difference}; analyze the capture with --policy instead")
        return USAGE
    if not found.capture.complete:
        complain("the report is of a capture that could be read only in part")
    verdicts = gates.judge(found)
    outputs.write(found, verdicts)
    if outputs.shown:
        with output_to("standard error" if outputs.uses_stdout else STDOUT):
            for verdict in verdicts:
                if not verdict.failed:
                    click.echo(f"passed: {verdict.line}", err=outputs.uses_stdout)
    return status(verdicts, found.capture)
