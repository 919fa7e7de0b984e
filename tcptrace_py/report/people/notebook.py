"""A report in a Python session: one line as its ``repr``, HTML for a notebook, a table of connections."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import import_module
from typing import Any

from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people.remedy import action, commands
from tcptrace_py.report.people.terminal_text import service_cells
from tcptrace_py.report.people.verdict import (
    allowed_text,
    by_trouble,
    counted,
    folded,
    how_many,
    input_name,
    scope,
    verdict,
)

# Rows of each table.
_ROWS = 20


def one_line(report: Report) -> str:
    """``<Report of trouble.pcap: 1 critical, 4 warnings; 66 connections, ...>``."""
    return f"<Report of {input_name(report)}: {verdict(report)}; {scope(report)}>"


def json(report: Report) -> bytes:
    """See `Report.to_json`."""
    from tcptrace_py.report.formats.json import encode

    return encode(report)


def html(report: Report) -> str:
    """The short report as HTML without scripts or styles; all that was captured is escaped."""
    return "".join(_html(report))


def _html(report: Report) -> Iterator[str]:
    yield f"<p><b>{escape(verdict(report))}</b> in {escape(input_name(report))} · {escape(scope(report))}</p>"
    for warning in report.capture.warnings:
        yield f"<p>{escape(warning)}</p>"
    findings = folded(report.findings)
    if findings:
        yield "<table><thead><tr><th>severity<th>kind<th>whose<th>how many<th>fix</tr></thead><tbody>"
        for finding in (each.finding for each in findings[:_ROWS]):
            fix = escape(allowed_text(finding) or action(finding.remedy))
            fix += "".join(f"<br><code>{escape(command)}</code>" for command in commands(finding.remedy)[:1])
            cells = (finding.severity, finding.kind, finding.subject.label(), how_many(finding, report))
            yield f"<tr>{''.join(f'<td>{escape(cell)}' for cell in cells)}<td>{fix}</tr>"
        yield "</tbody></table>"
        if more := counted(each.finding for each in findings[_ROWS:]):
            yield f"<p>and {more} more</p>"
    services = by_trouble(report.services)
    if services:
        names = ("server", "connections", "failed", "reset", "stuck", "resent", "in", "out", "RTT")
        yield f"<table><thead><tr>{''.join(f'<th>{name}' for name in names)}</tr></thead><tbody>"
        for service in services[:_ROWS]:
            figures = "".join(f"<td>{escape(cell)}" for cell in service_cells(service))
            yield f"<tr>{figures}</tr>"
        yield "</tbody></table>"


def dataframe(report: Report, library: str | None = None) -> Any:
    """See `Report.to_dataframe`."""
    from tcptrace_py.report.formats.rows import COLUMNS, row

    if library not in (None, "pandas", "polars"):
        raise ValueError(f"library is 'pandas' or 'polars', not {library!r}")
    if report.listed is None:
        raise ValueError("the report lists no connections: analyze(..., connections=True)")
    names = [column.name for column in COLUMNS]
    rows = [row(connection) for connection in report.listed]
    for name in ("pandas", "polars") if library is None else (library,):
        try:
            module = import_module(name)
        except ImportError:
            continue
        if name == "pandas":
            return module.DataFrame(rows, columns=names)
        return module.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    wanted = library or "pandas or polars"
    raise ImportError(
        f"a data frame needs {wanted}, which is not installed: pip install {library or 'pandas'}"
    )
