"""The list of connections in the terminal report: a table, or blocks where it is narrow."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tcptrace_py.findings.finding import SEVERITIES
from tcptrace_py.findings.wording import duration
from tcptrace_py.report.model.model import Connection, Endpoint, Report
from tcptrace_py.report.people.terminal_text import (
    amount,
    counter_text,
    endpoint_name,
    hang,
    heading,
    line,
    plain,
    plain_table,
    print_if_it_fits,
)
from tcptrace_py.report.people.view import View

#: What follows a state when it is not proved: by basis.
MARKS = {"sent": "", "acknowledged": "", "presumed": "?", "timer": "*", "assumed": "~"}
_LEGEND = {
    "?": "presumed: nothing proves that it arrived",
    "*": "a clock ran out",
    "~": "assumed: not seen",
}


def print_connections(report: Report, console: Console, view: View) -> None:
    """The first ``view.top``: by the worst of their findings, then by id."""
    found = report.connections
    worst = {f.kind: SEVERITIES.index(f.severity) for f in reversed(report.findings)}
    ordered = sorted(found, key=lambda c: (min((worst.get(k, 9) for k in c.findings), default=10), c.id))
    shown = ordered[: view.top]
    console.print()
    heading(console, f"Connections ({len(shown):,} of {len(found):,}, those with findings first)")
    if not print_if_it_fits(console, _table(shown, console)):
        for connection in shown:
            _print_block(connection, console)
    used = {mark for c in shown for mark in (MARKS[c.client.basis], MARKS[c.server.basis]) if mark}
    legend = "; ".join(f"{mark} {meaning}" for mark, meaning in _LEGEND.items() if mark in used)
    if legend:
        line(console, Text(f"  {legend}"))
    if len(found) > len(shown):
        line(console, Text(plain(f"  {view.more(len(found) - len(shown))}", console)))


def _state(endpoint: Endpoint) -> str:
    return endpoint.state + MARKS[endpoint.basis]


def _close(connection: Connection) -> str:
    close = connection.close
    text = counter_text(close.kind)
    if close.initiator:
        text += f" by {close.initiator}"
    if close.reset:
        text += f" (RST {counter_text(close.reset.cause)} by {close.reset.by}, frame {close.reset.frame})"
    return text


def _print_block(connection: Connection, console: Console) -> None:
    client, server = connection.client, connection.server
    number = f"  #{connection.id}  "
    head = f"{endpoint_name(client.address, client.port)} → {endpoint_name(server.address, server.port)}"
    text = Text(plain(head, console))
    if connection.findings:
        text.append(f"  {', '.join(connection.findings)}", "bold")
    hang(console, Text(number, "bold"), text, max(len(number), 6))
    text = Text(f"client {_state(client)}, server {_state(server)}")
    text.append(f"; handshake {counter_text(connection.handshake.outcome)}; close {_close(connection)}")
    text.append(f"; {amount(client.bytes)} sent, {amount(server.bytes)} received")
    text.append(f"; {duration(connection.last_ns - connection.first_ns)}")
    hang(console, Text(""), text, max(len(number), 6))


def _table(connections: list[Connection], console: Console) -> Table:
    table = plain_table()
    table.add_column("   #", justify="right", no_wrap=True)
    for name in ("client", "server", "client state", "server state", "handshake"):
        table.add_column(name, no_wrap=True)
    for name in ("sent", "received", "lasted"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("close", "findings"):
        table.add_column(name, no_wrap=True)
    for connection in connections:
        client, server = connection.client, connection.server
        row = (
            f"  {connection.id}",
            endpoint_name(client.address, client.port),
            endpoint_name(server.address, server.port),
            _state(client),
            _state(server),
            counter_text(connection.handshake.outcome),
            amount(client.bytes),
            amount(server.bytes),
            duration(connection.last_ns - connection.first_ns),
            _close(connection),
            ", ".join(connection.findings),
        )
        table.add_row(*(Text(plain(cell, console)) for cell in row))
    return table
