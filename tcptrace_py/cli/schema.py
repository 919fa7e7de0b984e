"""``tcptrace-py schema``: the JSON Schema of what the program writes."""

from __future__ import annotations

import click

from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.outcome import FINE, output_to
from tcptrace_py.cli.outputs import STDOUT


@with_examples(
    "tcptrace-py schema > report.schema.json",
    "tcptrace-py schema connection",
)
@click.argument("document", type=click.Choice(["report", "connection", "diff"]), default="report")
def schema(document: str) -> int:
    """Print the JSON Schema (draft 2020-12) of a DOCUMENT.

    report (the default) is what --json writes, connection a line of --ndjson, and diff what
    diff --json writes.
    """
    import msgspec

    from tcptrace_py.gates.diff import Diff
    from tcptrace_py.report.formats import json
    from tcptrace_py.report.formats.target import write_whole
    from tcptrace_py.report.model.model import Connection, Report

    models: dict[str, type[msgspec.Struct]] = {"report": Report, "connection": Connection, "diff": Diff}
    text = msgspec.json.format(msgspec.json.encode(json.schema(models[document])), indent=2)
    with output_to(STDOUT):
        write_whole([text, b"\n"], STDOUT)
    return FINE
