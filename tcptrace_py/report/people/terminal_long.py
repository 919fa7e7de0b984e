"""The figures of each connection's two directions in the terminal, side by side, as tcptrace shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.text import Text

from tcptrace_py.findings.finding import SEVERITIES
from tcptrace_py.report.model.model import Connection, Endpoint, Report
from tcptrace_py.report.model.stats import EndpointStats
from tcptrace_py.report.people.terminal_text import (
    amount,
    endpoint_name,
    hang,
    heading,
    latency,
    line,
    plain,
    plain_table,
    print_if_it_fits,
)
from tcptrace_py.report.people.view import View

_NOTHING = "–"
_FOLD = 6


def print_long(report: Report, console: Console, view: View) -> None:
    """The first ``view.top`` connections that carry ``stats``: by the worst of their findings, then by id."""
    found = [c for c in report.connections if c.client.stats is not None]
    worst = {f.kind: SEVERITIES.index(f.severity) for f in reversed(report.findings)}
    ordered = sorted(found, key=lambda c: (min((worst.get(k, 9) for k in c.findings), default=10), c.id))
    shown = ordered[: view.top]
    console.print()
    heading(console, f"Figures ({len(shown):,} of {len(found):,} connections, those with findings first)")
    for connection in shown:
        console.print()
        _print_connection(connection, console)
    if len(found) > len(shown):
        console.print()
        line(console, Text(plain(f"  {view.more(len(found) - len(shown))}", console)))


def _print_connection(connection: Connection, console: Console) -> None:
    client, server = connection.client, connection.server
    head = f"{endpoint_name(client.address, client.port)} → {endpoint_name(server.address, server.port)}"
    number = f"  #{connection.id}  "
    hang(console, Text(number, "bold"), Text(plain(head, console), "bold"), max(len(number), _FOLD))
    if connection.tunnel is not None:
        tunnel = connection.tunnel
        outer = f"inside {tunnel.kind}, {tunnel.src} → {tunnel.dst}"
        if tunnel.identifier is not None:
            outer += f", identifier {tunnel.identifier}"
        hang(console, Text(""), plain(outer, console), max(len(number), _FOLD))
    rows = [tuple(plain(cell, console) for cell in row) for row in _rows(client, server)]
    table = plain_table()
    table.add_column("")
    table.add_column("client", justify="right", no_wrap=True)
    table.add_column("server", justify="right", no_wrap=True)
    for label, of_client, of_server in rows:
        table.add_row(Text(f"    {label}", no_wrap=True), Text(of_client), Text(of_server))
    if print_if_it_fits(console, table):
        return
    for label, of_client, of_server in rows:
        hang(console, Text("    "), f"{label}: client {of_client}, server {of_server}", _FOLD)


def _rows(client: Endpoint, server: Endpoint) -> Iterator[tuple[str, str, str]]:
    """Label, the client's figure, the server's; without rows that would be empty for both."""
    for label, figure, always in _FIGURES:
        cells = [_NOTHING if end.stats is None else figure(end, end.stats) for end in (client, server)]
        if always or any(cell not in ("0", _NOTHING) for cell in cells):
            yield label, cells[0], cells[1]


def _number(value: int | None) -> str:
    return _NOTHING if value is None else f"{value:,}"


def _seconds(value_s: float | None) -> str:
    return _NOTHING if value_s is None else latency(value_s)


def _yes(value: bool) -> str:
    return "yes" if value else _NOTHING


def _size(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.0f}"


def _ms(value_s: float | None) -> str:
    return _NOTHING if value_s is None else f"{value_s * 1e3:.1f}"


def _throughput(_end: Endpoint, s: EndpointStats) -> str:
    rate = s.throughput_bytes_per_s
    return _NOTHING if rate is None else f"{amount(round(rate))}/s"


#: Label, the figure, and whether it is shown although neither side has any.
_FIGURES: tuple[tuple[str, Callable[[Endpoint, EndpointStats], str], bool], ...] = (
    ("packets", lambda e, s: _number(e.packets), True),
    ("captured twice", lambda e, s: _number(e.duplicates), False),
    ("with ACK", lambda e, s: _number(s.acks), True),
    ("pure ACKs", lambda e, s: _number(s.pure_acks), True),
    ("with SACK blocks", lambda e, s: _number(s.sack_packets), False),
    ("SYNs", lambda e, s: _number(s.syns), True),
    ("FINs", lambda e, s: _number(s.fins), True),
    ("RSTs", lambda e, s: _number(e.resets), False),
    ("MSS asked", lambda e, s: _number(s.mss_bytes), False),
    ("window scale", lambda e, s: _NOTHING if s.window_scale is None else str(s.window_scale), False),
    ("SACK permitted", lambda e, s: _yes(s.sack_permitted), False),
    ("timestamps", lambda e, s: _yes(s.timestamps), False),
    ("unique bytes", lambda e, s: _number(s.unique_bytes), True),
    ("data packets", lambda e, s: _number(s.data_packets), True),
    ("data bytes", lambda e, s: _number(s.data_bytes), True),
    ("pushed data packets", lambda e, s: _number(s.pushed), False),
    ("retransmitted packets", lambda e, s: _number(s.retransmitted_packets), True),
    ("retransmitted bytes", lambda e, s: _number(s.retransmitted_bytes), False),
    ("out-of-order packets", lambda e, s: _number(s.out_of_order), True),
    ("zero-window probes", lambda e, s: _number(s.zero_window_probes), False),
    ("zero-window probe bytes", lambda e, s: _number(s.zero_window_probe_bytes), False),
    ("least segment, bytes", lambda e, s: _size(s.segments.least_bytes if s.segments else None), False),
    ("mean segment, bytes", lambda e, s: _size(s.segments.mean_bytes if s.segments else None), False),
    ("largest segment, bytes", lambda e, s: _size(s.segments.most_bytes if s.segments else None), False),
    ("least window, bytes", lambda e, s: _size(s.windows.least_bytes if s.windows else None), False),
    ("mean window, bytes", lambda e, s: _size(s.windows.mean_bytes if s.windows else None), False),
    ("largest window, bytes", lambda e, s: _size(s.windows.most_bytes if s.windows else None), False),
    ("zero windows", lambda e, s: _number(s.windows.zero if s.windows else 0), False),
    ("initial window, packets", lambda e, s: _number(s.initial_window.packets), False),
    ("initial window, bytes", lambda e, s: _number(s.initial_window.bytes), False),
    ("longest idle", lambda e, s: _seconds(s.idle_s), True),
    ("data sent over", lambda e, s: _seconds(s.data_s), True),
    ("throughput", _throughput, True),
    ("RTT samples", lambda e, s: _number(s.rtt.samples), True),
    ("RTT least, ms", lambda e, s: _ms(s.rtt.least_s), False),
    ("RTT mean, ms", lambda e, s: _ms(s.rtt.mean_s), False),
    ("RTT most, ms", lambda e, s: _ms(s.rtt.most_s), False),
    ("RTT deviation, ms", lambda e, s: _ms(s.rtt.deviation_s), False),
    ("ambiguous ACKs", lambda e, s: _number(s.rtt.ambiguous), False),
    ("ACKs after a loss", lambda e, s: _number(s.rtt.after_loss), False),
    ("cumulatively acknowledged", lambda e, s: _number(s.cumulatively_acked), False),
    ("duplicate ACKs received", lambda e, s: _number(s.duplicate_acks), True),
    ("triple duplicate ACKs received", lambda e, s: _number(s.triple_duplicate_acks), False),
)
