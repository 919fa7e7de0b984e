"""The formats that a report is written in, each declared once: what writes it, and what that needs."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """``module`` writes it: connections as they finish with its ``writer`` where it ``streams``, else a whole
    report with its ``write``.

    ``connections``: the report has to list them. ``verdicts``: ``write`` takes the gates' verdicts too;
    ``passages``: and what passed on the connections, where their captures can be read again;
    ``rules``: without any there is nothing to write. ``needs``: a library that an extra of the same name
    as the format installs. ``commands``: those that have the option. ``help`` explains it. ``folders``: the
    command that takes a directory too, told by a slash at its end, for several files.
    """

    module: str
    help: str
    commands: tuple[str, ...]
    streams: bool = False
    connections: bool = False
    verdicts: bool = False
    passages: bool = False
    rules: bool = False
    needs: str | None = None
    folders: str | None = None


_READING = ("analyze", "report")
_CAPTURING = (*_READING, "live", "exec")
_JUDGING = (*_CAPTURING, "check")

#: For each format the option of the same name, in the order of the options.
FORMATS = {
    "json": Format(
        "tcptrace_py.report.formats.json",
        "Write the report as JSON to FILE (- is standard output) instead of showing it.",
        _CAPTURING,
        connections=True,
    ),
    "ndjson": Format(
        "tcptrace_py.report.formats.ndjson",
        "Write a line of JSON for each connection.",
        _CAPTURING,
        streams=True,
    ),
    "csv": Format(
        "tcptrace_py.report.formats.csv",
        "Write a line of comma-separated values for each connection.",
        _CAPTURING,
        streams=True,
    ),
    "parquet": Format(
        "tcptrace_py.report.formats.parquet",
        "Write the connections as an Apache Parquet table; where FILE ends in /, as several files in that"
        " directory (analyze only).",
        _CAPTURING,
        streams=True,
        needs="pyarrow",
        folders="analyze",
    ),
    "zeek": Format(
        "tcptrace_py.report.formats.conn_log",
        "Write Zeek's conn.log: tab-separated, or JSON lines where FILE ends in .json.",
        _CAPTURING,
        streams=True,
    ),
    "junit": Format(
        "tcptrace_py.report.formats.junit",
        "Write a JUnit test case for each rule.",
        _JUDGING,
        verdicts=True,
        rules=True,
    ),
    "markdown": Format(
        "tcptrace_py.report.formats.markdown",
        "Write the report in Markdown.",
        _JUDGING,
        verdicts=True,
    ),
    "html": Format(
        "tcptrace_py.report.pictures.page",
        "Write the report as a page to look at, in one HTML file.",
        _JUDGING,
        connections=True,
        verdicts=True,
        passages=True,
    ),
}


def formats_of(command: str) -> list[str]:
    """The formats that a command can write."""
    return [name for name, each in FORMATS.items() if command in each.commands]
