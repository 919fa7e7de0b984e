"""Live capture as OpenMetrics: counters, gauges and a histogram that a Prometheus server scrapes.

The main thread alone touches the tracker; what the server's threads read are numbers that it left for them.
Labels are bounded: so many services, those that were seen to accept, have a label of their own; all the rest,
such as the ports of a scan, share one.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tcptrace_py.report.model.model import Connection as ConnectionRecord
from tcptrace_py.tcp.state import CLOSED, LISTEN, STATE_NAMES
from tcptrace_py.wire.address import address_text

if TYPE_CHECKING:
    from tcptrace_py.run.live import Watch

#: Services and findings with labels of their own.
SERVICES = 200
FINDINGS = 100
OTHER = "other"

# Looking at all connections takes this part of the time at most.
_LOOKING_SHARE = 0.02
_LOOK_S = 5.0
#: Of times from SYN to the end of the handshake.
BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0, 7.0, 15.0)


class Metrics(Collector):
    """An observer of a `Watch` and a sink of its finished connections; ``serve`` lets others read.

    ``disagreements`` gives how often the kernel has contradicted the reading, where it is asked.
    """

    def __init__(self, disagreements: Callable[[], int] | None = None) -> None:
        self.period_s = _LOOK_S
        self.registry = CollectorRegistry()
        self._disagreements = disagreements
        self._services: set[str] = set()
        self._now: list[Metric] = []
        self._server: WSGIServer | None = None
        self._handshakes = Counter(
            "tcptrace_handshakes",
            "Finished connections by the outcome of their handshake (RFC 9293 section 3.5).",
            ("service", "outcome"),
            registry=self.registry,
        )
        self._closes = Counter(
            "tcptrace_closes",
            "Finished connections by how they closed (RFC 9293 section 3.6).",
            ("service", "kind"),
            registry=self.registry,
        )
        self._resets = Counter(
            "tcptrace_resets",
            "Finished connections that a RST ended, by its cause.",
            ("service", "cause"),
            registry=self.registry,
        )
        self._handshake_times = Histogram(
            "tcptrace_handshake_seconds",
            "From SYN to the ACK that completes the handshake, where neither SYN nor SYN+ACK was sent again.",
            ("service",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes at ``/metrics`` from now on, in threads. Raises ``OSError`` if the port is taken."""
        self._server, _ = start_http_server(port, host or "0.0.0.0", self.registry)

    @property
    def port(self) -> int:
        """Where it answers: as given, or for port 0 the one that the kernel chose."""
        return 0 if self._server is None else int(self._server.server_port)

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    # --- a sink -------------------------------------------------------------------------

    def finished(self, record: ConnectionRecord) -> None:
        """A connection is over: count it."""
        service = self.label(service_name(record), record.handshake.outcome == "complete")
        self._handshakes.labels(service, record.handshake.outcome).inc()
        self._closes.labels(service, record.close.kind).inc()
        if record.close.reset is not None:
            self._resets.labels(service, record.close.reset.cause).inc()
        seconds = round_trip_s(record)
        if seconds is not None:
            self._handshake_times.labels(service).observe(seconds)

    def label(self, name: str, accepted: bool) -> str:
        """The service's own name, if it has accepted a connection and there is room for one more."""
        if name in self._services:
            return name
        if not accepted or len(self._services) >= SERVICES:
            return OTHER
        self._services.add(name)
        return name

    # --- an observer --------------------------------------------------------------------

    def moved(self, moves: Iterable[object]) -> None:
        """Single transitions are not counted."""

    def look(self, watch: Watch) -> None:
        begin_s = time.monotonic()
        tracker = watch.tracker
        sockets: Tally[tuple[str, str, str]] = Tally()
        for connection in tracker.table.all():
            client, server = connection.client(), connection.server()
            address = address_text(server.address_hi, server.address_lo, connection.ip_version)
            service = self.label(_socket_name(address, server.port), bool(connection.established))
            for side, state in (("client", client.state), ("server", server.state)):
                if state not in (CLOSED, LISTEN):
                    sockets[service, side, STATE_NAMES[state]] += 1
        self._now = [*self._gauges(sockets, watch), *self._counters(watch)]
        self.period_s = max(_LOOK_S, (time.monotonic() - begin_s) / _LOOKING_SHARE)

    def _gauges(self, sockets: Tally[tuple[str, str, str]], watch: Watch) -> Iterator[Metric]:
        by_state = GaugeMetricFamily(
            "tcptrace_sockets", "Sockets now, as read from the segments.", labels=("service", "side", "state")
        )
        for labels, count in sorted(sockets.items()):
            by_state.add_metric(labels, count)
        yield by_state
        findings = GaugeMetricFamily(
            "tcptrace_findings",
            "Connections that a finding is about now.",
            labels=("kind", "severity", "subject"),
        )
        for finding in watch.findings()[:FINDINGS]:
            findings.add_metric((finding.kind, finding.severity, finding.subject.label()), finding.count)
        yield findings
        yield GaugeMetricFamily(
            "tcptrace_connections_known", "Connections in the tracker's table.", watch.tracker.known
        )

    def _counters(self, watch: Watch) -> Iterator[Metric]:
        tracker = watch.tracker
        counted = {
            "tcptrace_connections": ("Connections seen to begin.", tracker.connections),
            "tcptrace_connections_evicted": (
                "Connections let go early to stay within --max-connections.",
                tracker.evicted_over + tracker.evicted_open,
            ),
            "tcptrace_packets": ("Packets captured.", watch.capture.packets),
            "tcptrace_segments": ("TCP segments among them.", tracker.segments),
            "tcptrace_packets_dropped": (
                "Packets that the kernel dropped before they were captured.",
                watch.capture.dropped_by_kernel,
            ),
            "tcptrace_interface_downs": ("How often the interface was down.", watch.capture.downs),
            "tcptrace_clock_steps": ("How often the clock was set.", watch.clock.steps),
        }
        if self._disagreements is not None:
            counted["tcptrace_kernel_disagreements"] = (
                "Endpoints whose state the kernel has contradicted.",
                self._disagreements(),
            )
        for name, (told, value) in counted.items():
            yield CounterMetricFamily(name, told, value)

    def collect(self) -> Sequence[Metric]:
        """Called by the server's threads."""
        return self._now


def service_name(record: ConnectionRecord) -> str:
    return _socket_name(record.server.address, record.server.port)


def round_trip_s(record: ConnectionRecord) -> float | None:
    """From SYN to the ACK that completes the handshake; None where that was not measured."""
    handshake = record.handshake
    if handshake.outcome != "complete":
        return None
    if handshake.rtt_to_server_s is None or handshake.rtt_to_client_s is None:
        return None
    return handshake.rtt_to_server_s + handshake.rtt_to_client_s


def _socket_name(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
